"""How good the simulated model is: what it overlooks in long prompts, and what it gets wrong with tools.

Made by command.py, read by reading.py and acting.py. Every dial is a share of occasions, and at zero (recall: at one)
its kind of mistake never happens.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

from loadgen.errors import UsageError
from loadgen.simulator.reasoning import ReasoningDials

_THOUSANDS = {"k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class Curve:
    """A share that depends on where: straight lines between points, flat beyond the first and the last.

    points: (where, share), ascending. logarithmic: whether the lines are straight over the logarithm of where.
    """

    points: tuple[tuple[float, float], ...] = ()
    logarithmic: bool = False

    def at(self, where: float) -> float:
        """The share there; 1 without any points."""
        points = self.points
        if not points:
            return 1.0
        after = bisect_right(points, where, key=lambda point: point[0])
        if after in (0, len(points)):
            return points[min(after, len(points) - 1)][1]
        (left, low), (right, high) = points[after - 1 : after + 1]
        if self.logarithmic:
            left, right, where = log(left), log(right), log(where)
        return low + (high - low) * (where - left) / (right - left)


def parse_curve(text: str, *, lengths: bool) -> Curve:
    """`0.1=1,0.5=0.6` as a curve over depths, or `4k=1,64k=0.5` as one over lengths in tokens.

    Raises UsageError for what is none, saying what is accepted.
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        points = tuple(sorted((_where(where, lengths), float(share)) for where, share in pairs))
        _check(points, lengths)
    except ValueError:
        example = "4k=1,64k=0.5 (tokens=share)" if lengths else "0.1=1,0.5=0.6,0.9=1 (depth=share)"
        raise UsageError(f"{text!r} is no curve; accepted: points such as {example}, each place once") from None
    return Curve(points, logarithmic=lengths)


def _where(text: str, lengths: bool) -> float:
    text = text.strip().lower()
    if lengths and text[-1:] in _THOUSANDS:
        return float(text[:-1]) * _THOUSANDS[text[-1]]
    return float(text)


def _check(points: tuple[tuple[float, float], ...], lengths: bool) -> None:
    places = [place for place, _ in points]
    good = all(1 <= place < 1e12 if lengths else 0 <= place <= 1 for place in places)
    if not good or len(set(places)) < len(places) or not all(0 <= share <= 1 for _, share in points):
        raise ValueError("a place or a share is out of range, or a place comes twice")


@dataclass(frozen=True, slots=True)
class ReadingDials:
    """What becomes of questions about passages in the prompt.

    recall: share of passages that are seen, times by_depth and by_length where they lie. stale: of the questions whose
    passage has older copies with another value, the share answered from one of those. made_up: of those whose passage
    is not there or was overlooked, the share answered with an invention. unreadable: share of answers in no form that
    was asked for.
    """

    recall: float = 1.0
    by_depth: Curve = Curve()
    by_length: Curve = Curve(logarithmic=True)
    stale: float = 0.0
    made_up: float = 0.0
    unreadable: float = 0.0

    def seen(self, depth: float, tokens: int) -> float:
        """The chance that a passage is seen: depth from 0 to 1, tokens of the whole prompt."""
        return self.recall * self.by_depth.at(depth) * self.by_length.at(max(1, tokens))


@dataclass(frozen=True, slots=True)
class ActingDials:
    """What goes wrong with tools. Of the calls that a task needs, the share made with broken JSON (malformed), by
    another tool (wrong_tool), or with an argument changed (wrong_arguments); one of these at most. needless: of the
    answers after some call has worked, the share that only makes that call again. gives_up: share of tasks that it
    ends before they are done.
    """

    malformed: float = 0.0
    wrong_tool: float = 0.0
    wrong_arguments: float = 0.0
    needless: float = 0.0
    gives_up: float = 0.0

    def __post_init__(self) -> None:
        if self.malformed + self.wrong_tool + self.wrong_arguments > 1:
            raise UsageError(
                "--malformed-calls, --wrong-tool and --wrong-arguments come to more than 1; accepted: up to 1 together"
            )


@dataclass(frozen=True, slots=True)
class CodingDials:
    """What becomes of repositories to be mended, where the simulator was given their solutions.

    solve: share of tasks that it can solve; of the others the tests stay red. slips: share whose first version is
    wrong, which it sees from the tests and mends. bad_edit: share of edits whose search text is not in the file; they
    are made again. recover: share of sessions that go on when something fails for no fault of theirs; the others put
    everything back.
    """

    solve: float = 1.0
    slips: float = 0.0
    bad_edit: float = 0.0
    recover: float = 1.0


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the model is at each kind of work."""

    reading: ReadingDials = field(default_factory=ReadingDials)
    acting: ActingDials = field(default_factory=ActingDials)
    coding: CodingDials = field(default_factory=CodingDials)
    reasoning: ReasoningDials = field(default_factory=ReasoningDials)


GOOD = Quality()
# Made up, so that every figure of both workloads has something to show: lost in the middle, worse at length.
BAD = Quality(
    reading=ReadingDials(
        recall=0.95,
        by_depth=Curve(((0.0, 1.0), (0.5, 0.6), (1.0, 1.0))),
        by_length=Curve(((4_000.0, 1.0), (64_000.0, 0.7)), logarithmic=True),
        stale=0.25,
        made_up=0.3,
        unreadable=0.03,
    ),
    acting=ActingDials(malformed=0.06, wrong_tool=0.06, wrong_arguments=0.06, needless=0.1, gives_up=0.08),
    coding=CodingDials(solve=0.6, slips=0.3, bad_edit=0.15, recover=0.5),
    reasoning=ReasoningDials(
        accuracy=0.75,
        by_phrasing={"typos": -0.1, "irrelevant": -0.15, "json": -0.2, "german": -0.05, "spanish": -0.05},
        difficulty=0.1,
        interaction=0.03,
        format_failures=0.08,
        thoughts=60,
        thoughts_by_phrasing={"wordy": 1.5, "irrelevant": 1.5, "terse": 0.6},
    ),
)
QUALITIES: Mapping[str, Quality] = {"good": GOOD, "bad": BAD}
