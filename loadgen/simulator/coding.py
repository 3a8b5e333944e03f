"""Plays a coding agent with the tools of docs/coding.md, as well or as badly as the dials say.

Called by answers.py. Only this process is given the solutions. What it knows of a repository is what the tools have
shown in the conversation; its edits are worked out from that and from the solution, and really have to fit. Stateless:
whether it solves a task, slips or loses heart is drawn from the conversation's beginning, which is each session's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import yaml

from loadgen.errors import UsageError
from loadgen.simulator.dials import CodingDials
from loadgen.simulator.patches import next_patch
from loadgen.simulator.repository import Repository
from loadgen.simulator.tokens import seed_of
from loadgen.simulator.tools import Call
from loadgen.simulator.wire import Function, Message

DONE = "DONE"
_GIVEN_UP = "This keeps failing for reasons I can't see, so I have put everything back."
_TOOLS: Final = frozenset({"list_files", "read_file", "edit_file", "create_file", "delete_file", "run_tests"})
# What it changes where it does not see what is wrong: nothing that a test could see.
_REMARK: Final = "\n# Looked at again: this is as it should be.\n"
_SPOILED: Final = "\n# a line that is nowhere 7f3a"
# Tests that stay red over the right code are run again, but not for ever.
_MOST_RUNS: Final = 4


@dataclass(frozen=True, slots=True)
class Solution:
    """Files as they should be; removed: those that should be gone."""

    files: Mapping[str, str]
    removed: tuple[str, ...]


def load_solutions(folders: Sequence[Path]) -> dict[str, Solution]:
    """By prompt, the solutions of all tasks in these folders. Raises UsageError where there are none."""
    found: dict[str, Solution] = {}
    for folder in folders:
        for place in sorted(folder.glob("*/task.yaml")):
            try:
                prompt = str(yaml.safe_load(place.read_text(encoding="utf-8"))["prompt"]).strip()
                found[prompt] = _solution(place.parent / "solution")
                if not found[prompt].files and not found[prompt].removed:
                    raise UsageError(f"--coding-solutions: {place}: there is no solution/ with files beside it")
            except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
                raise UsageError(f"--coding-solutions: {place}: can't be read: {error}") from None
    if folders and not found:
        raise UsageError(f"--coding-solutions: no task in {', '.join(map(str, folders))}")
    return found


def _solution(folder: Path) -> Solution:
    files = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return Solution(files, tuple(files.pop("DELETED", "").split()))


@dataclass(frozen=True, slots=True)
class _Character:
    """What kind of session this is, from its first request to its last."""

    solves: bool
    slips: bool
    recovers: bool


class Coder:
    """One model at one repository. rng: of this request alone; seed: the server's."""

    def __init__(
        self,
        dials: CodingDials,
        solutions: Mapping[str, Solution],
        functions: Sequence[Function],
        rng: Random,
        seed: int,
    ) -> None:
        self._dials, self._solutions, self._rng, self._seed = dials, solutions, rng, seed
        self._able = {function.name for function in functions} >= _TOOLS

    def act(self, messages: Sequence[Message], *, parallel: bool) -> list[Call] | str | None:
        """Its calls, or what it says at the end; None where this is no task that it knows."""
        begin = next((place for place, message in enumerate(messages) if message.role == "user"), None)
        solution = None if begin is None or not self._able else self._solutions.get(messages[begin].text.strip())
        if begin is None or solution is None:
            return None
        repository = Repository(solution.files, solution.removed)
        repository.replay(messages[begin + 1 :])
        done = self._go_on(solution, repository, self._character(messages[: begin + 1]))
        return done if isinstance(done, str) or parallel else done[:1]

    def _character(self, beginning: Sequence[Message]) -> _Character:
        rng = Random(seed_of([(message.role, message.text) for message in beginning], self._seed))
        solves, slips, recovers = (rng.random() for _ in range(3))
        dials = self._dials
        return _Character(solves < dials.solve, slips < dials.slips, recovers < dials.recover)

    def _go_on(self, solution: Solution, repository: Repository, character: _Character) -> list[Call] | str:
        if not repository.listed:
            return [self._call("list_files")]
        if unread := repository.unread(solution.files.keys() | set(solution.removed)):
            return [self._call("read_file", path=path, first_line=first) for path, first in unread]
        if not repository.runs:
            return [self._call("run_tests")]
        loses_heart = repository.hit and not character.recovers
        target = self._target(solution, repository, character, loses_heart=loses_heart)
        if edits := self._edits(repository.files, target):
            return edits
        if loses_heart:
            return _GIVEN_UP
        if not repository.tested:
            return [self._call("run_tests")]
        again = repository.last != "green" and (character.solves or repository.last == "timeout")
        return [self._call("run_tests")] if again and repository.runs < _MOST_RUNS else DONE

    @staticmethod
    def _target(
        solution: Solution, repository: Repository, character: _Character, *, loses_heart: bool
    ) -> Mapping[str, str | None]:
        """The files as it wants them; None for one that should not be there."""
        before = {path: repository.before.get(path) for path in [*solution.files, *solution.removed]}
        if loses_heart:
            return before
        if character.solves and not (character.slips and not repository.red_after_change):
            return {**solution.files, **dict.fromkeys(solution.removed)}
        first = next((path for path, text in before.items() if text), next(iter(before)))
        return {**before, first: (before[first] or "") + _REMARK}

    def _edits(self, files: Mapping[str, str], target: Mapping[str, str | None]) -> list[Call]:
        """The next change of each file that is not as it should be."""
        calls = []
        for path, wanted in target.items():
            current = files.get(path)
            if current == wanted:
                continue
            if wanted is None or current == "":
                calls.append(self._call("delete_file", path=path))
            elif current is None:
                calls.append(self._call("create_file", path=path, content=wanted))
            else:
                search, replacement = next_patch(current, wanted)
                spoiled = _SPOILED if self._rng.random() < self._dials.bad_edit else ""
                calls.append(self._call("edit_file", path=path, search=search + spoiled, replace=replacement))
        return calls

    def _call(self, name: str, **arguments: Any) -> Call:
        return Call(f"call_{self._rng.getrandbits(64):016x}", name, msgspec.json.encode(arguments).decode())
