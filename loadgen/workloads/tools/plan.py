"""What a task takes: the calls that do it, held against the calls that a model makes."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from loadgen.workloads.tools.tool import Arguments, Tool
from loadgen.workloads.tools.world import RefusedCallError, World

# What becomes of one call, each under one name only; in the order in which they are ruled out.
CallOutcome = Literal[
    "cut_off",
    "malformed",
    "unknown_tool",
    "invalid",
    "wrong_tool",
    "repeated",
    "extra",
    "wrong_arguments",
    "right",
    "valid",
]
_TOLERANCE = 0.005


class Rehearsal:
    """Does a task rightly in a world of its own; what is called here is the plan."""

    def __init__(self, world: World, tools: Mapping[str, Tool]) -> None:
        self.world = world.copy()
        self._tools = tools
        self.calls: list[tuple[str, Arguments]] = []

    def call(self, name: str, /, **arguments: Any) -> Arguments:
        """Make one call of the plan; its result."""
        self.calls.append((name, self._tools[name].filled(arguments)))
        return self._tools[name].run(self.world, arguments)


class Plan:
    """The calls of one task that are still to be made, and those that were.

    also: tools that a careful agent may look things up with; no error, and needless. known: whether the calls are known
    at all; of a user's task without any, calls are valid or not and nothing more.
    """

    __slots__ = ("_fulfilled", "_made", "_open", "also", "calls", "known")

    def __init__(
        self, calls: Sequence[tuple[str, Arguments]], also: frozenset[str] = frozenset(), *, known: bool = True
    ) -> None:
        self.calls, self.also, self.known = tuple(calls), also, known
        self._open = list(calls)
        self._made: list[tuple[str, Arguments]] = []
        self._fulfilled: list[tuple[str, Arguments]] = []

    @property
    def open(self) -> int:
        """How many calls are still to be made."""
        return len(self._open)

    @property
    def begun(self) -> bool:
        """Whether any call has taken effect, planned or not."""
        return bool(self._made)

    @property
    def made(self) -> tuple[tuple[str, Arguments], ...]:
        """The calls that have taken effect, in order."""
        return tuple(self._made)

    @property
    def next_open(self) -> tuple[str, Arguments]:
        """The first call that is still to be made. Raises IndexError for none."""
        return self._open[0]

    def judge(self, name: str, arguments: Arguments) -> CallOutcome:
        """What a valid call is, as things stand."""
        if not self.known:
            return "valid"
        if any(_same(call, (name, arguments)) for call in self._open):
            return "right"
        planned = any(planned == name for planned, _ in self.calls)
        if not planned and name not in self.also:
            return "wrong_tool"
        if any(_same(call, (name, arguments)) for call in self._fulfilled):
            return "repeated"
        return "wrong_arguments" if planned else "extra"

    def was_made(self, name: str, arguments: Arguments) -> bool:
        """Whether this very call has taken effect before, right or wrong."""
        return any(_same(call, (name, arguments)) for call in self._made)

    def took_effect(self, name: str, arguments: Arguments) -> None:
        """Strike off a call that was made and not hit by a fault."""
        self._made.append((name, arguments))
        if name in self.also:
            self._fulfilled.append((name, arguments))
        for index, call in enumerate(self._open):
            if _same(call, (name, arguments)):
                self._fulfilled.append(self._open.pop(index))
                return


def _same(one: tuple[str, Arguments], other: tuple[str, Arguments]) -> bool:
    return one[0] == other[0] and one[1].keys() == other[1].keys() and equal(one[1], other[1])


def equal(one: Any, other: Any) -> bool:
    """Equal as arguments: numbers within half a cent, texts but for spaces at their ends."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def run_in(world: World, tool: Tool, arguments: Arguments) -> tuple[Arguments, bool]:
    """A call's result as the model gets it, and whether the tool refused."""
    try:
        return tool.run(world, arguments), False
    except RefusedCallError as refusal:
        return {"error": str(refusal)}, True
