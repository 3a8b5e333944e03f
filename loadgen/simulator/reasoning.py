"""Answers reasoning tasks, as well or as badly as the dials say: from answers that only the simulator is given.

Called by answers.py. The file (`--answers`, JSON lines) says for each user message, by its SHA-256, what is right, what
would be plausibly wrong, and in which form the answer is wanted; the dials decide what is said. docs/simulator.md has
what each dial does.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec

from loadgen.errors import UsageError

_WORKING = "I go through what is given, one thing after the other.\n"
_FORMS = {"line": _WORKING + "ANSWER: {}", "json": '{{"answer": "{}"}}', "boxed": _WORKING + "So it is \\boxed{{{}}}"}
# Right or wrong, but nobody asked for it so.
_FORMLESS = _WORKING + "All in all I would say {}"


class Known(msgspec.Struct, frozen=True):
    """A line of the file. form: line, json or boxed."""

    sha256: str
    task: str
    phrasing: str
    form: str
    answer: str
    wrong: str


@dataclass(frozen=True, slots=True)
class ReasoningDials:
    """How tasks are answered.

    accuracy: the chance to be right. by_phrasing: added to it in a phrasing. difficulty, interaction: the standard
    deviations, on the scale of the chance, by which tasks differ, and tasks in one phrasing from what task and phrasing
    would give; both evenly spread. format_failures: share of answers in no form that was asked for. thoughts: the mean
    of the tokens thought before an answer, None leaves that to the share; thoughts_by_phrasing: times this.
    """

    accuracy: float = 1.0
    by_phrasing: Mapping[str, float] = field(default_factory=dict)
    difficulty: float = 0.0
    interaction: float = 0.0
    format_failures: float = 0.0
    thoughts: int | None = None
    thoughts_by_phrasing: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reach = math.sqrt(3) * (self.difficulty + self.interaction)
        offsets = (0.0, *self.by_phrasing.values())
        # A chance that had to be cut off at 0 or 1 would not be what was dialled.
        low, high = self.accuracy + min(offsets) - reach, self.accuracy + max(offsets) + reach
        if low < -1e-9 or high > 1 + 1e-9:
            raise UsageError(
                f"the reasoning dials come to chances from {low:.3g} to {high:.3g}; accepted: within 0 and 1 "
                "(accuracy, the offsets by phrasing, and 1.73 times difficulty and interaction either way)"
            )

    def chance(self, known: Known, seed: int) -> float:
        """The chance to be right at this task in this phrasing."""
        task = _even(f"{known.task}, seed {seed}") * self.difficulty
        both = _even(f"{known.task} as {known.phrasing}, seed {seed}") * self.interaction
        return self.accuracy + self.by_phrasing.get(known.phrasing, 0.0) + task + both


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What is said, and how many tokens are thought before it; None leaves that to the share."""

    text: str
    thoughts: int | None


def reason(message: str, known: Mapping[str, Known], dials: ReasoningDials, rng: Random, seed: int) -> Reasoned | None:
    """The answer to a user message; None where the file has nothing of it.

    rng: of this conversation; seed: the simulator's, which decides what tasks are hard.
    """
    task = known.get(sha256(message.encode("utf-8", "replace")).hexdigest()) if known else None
    if task is None:
        return None
    # Always as many draws, so that a dial that is turned changes its own mistakes and nobody else's.
    luck, formless, long = (rng.random() for _ in range(3))
    said = task.answer if luck < dials.chance(task, seed) else task.wrong
    form = _FORMLESS if formless < dials.format_failures else _FORMS[task.form]
    return Reasoned(form.format(said), _thoughts(task.phrasing, dials, long))


def _thoughts(phrasing: str, dials: ReasoningDials, luck: float) -> int | None:
    """So many tokens: exponential, of the mean that was dialled."""
    if dials.thoughts is None:
        return None
    return round(-math.log(1 - luck) * dials.thoughts * dials.thoughts_by_phrasing.get(phrasing, 1.0))


def _even(name: str) -> float:
    """A number of mean 0 and standard deviation 1 that is evenly spread; the same for the same name."""
    return math.sqrt(3) * (2 * Random(name).random() - 1)


def load_answers(paths: Iterable[Path]) -> Mapping[str, Known]:
    """What files say, by message. Raises UsageError for what is no such file, naming the line."""
    return {known.sha256: known for path in paths for known in _answers_in(path)}


def _answers_in(path: Path) -> Iterator[Known]:
    decoder = msgspec.json.Decoder(Known)
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            known = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise UsageError(f"{path}, line {number}: no line of answers ({error})") from None
        if known.form not in _FORMS:
            raise UsageError(f"{path}, line {number}: form {known.form!r}; accepted: {', '.join(_FORMS)}")
        yield known


def parse_by_phrasing(given: str) -> Mapping[str, float]:
    """`german=-0.2,json=-0.1` as a mapping. Raises UsageError for what is none."""
    try:
        pairs = [part.split("=") for part in given.split(",")]
        found = {name.strip(): float(number) for name, number in pairs}
    except ValueError:
        raise UsageError(f"{given!r}: accepted: numbers by phrasing, such as german=-0.2,json=-0.1") from None
    if not all(map(math.isfinite, found.values())):
        raise UsageError(f"{given!r}: accepted: finite numbers")
    return found
