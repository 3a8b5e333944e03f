"""Does the tasks of agents with the tools of the request, as well or as badly as the dials say.

Called by answers.py. It knows the task's words, the tools' definitions and the results in the conversation, nothing
else. Which call is right comes from tasks.py; the dials spoil it.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from loadgen.simulator.dials import ActingDials
from loadgen.simulator.tasks import Plan, Results, Wanted, is_named, next_calls, plan_of
from loadgen.simulator.tokens import seed_of
from loadgen.simulator.tools import Call, fitting
from loadgen.simulator.wire import Function, Message, calls_with_results

DONE = "DONE"
_GIVEN_UP = "I can't do this."
# Tools that only look are no mistake that anybody could see: a careful agent looks.
_MOST_CHANGES = 8
_DIGIT = re.compile(r"\d", re.ASCII)
_LOOKING = ("get", "list", "find", "search", "read", "calculate", "sum", "convert", "percent")


class Agent:
    """One model at work on the last task of a conversation."""

    def __init__(self, dials: ActingDials, functions: Sequence[Function], rng: Random, seed: int) -> None:
        self._dials = dials
        self._functions = {function.name: function for function in functions}
        self._rng = rng
        self._seed = seed
        self._words = ""

    def act(self, messages: Sequence[Message], *, parallel: bool) -> list[Call] | str | None:
        """Its calls, or what it says instead of any; None where it does not understand the task."""
        begin = max((place for place, message in enumerate(messages) if message.role == "user"), default=None)
        if begin is None:
            return None
        results = _results(messages[begin + 1 :])
        plan = plan_of(messages[begin].text, results)
        if plan is None:
            return None
        self._words = messages[begin].text
        return self._go_on(plan, results, self._gives_up(messages[: begin + 1]), parallel=parallel)

    def _go_on(self, plan: Plan, results: Results, gives_up_after: int | None, *, parallel: bool) -> list[Call] | str:
        again = self._rng.random() < self._dials.needless
        left = next_calls(plan, results)
        if gives_up_after is not None and left and len(results.worked) >= gives_up_after:
            return _GIVEN_UP
        if again and results.worked:
            return [self._call(results.worked[-1])]
        if not left:
            return DONE
        if any(wanted.name not in self._functions for wanted in left):
            return _GIVEN_UP
        return [self._spoiled(wanted, results) for wanted in (left if parallel else left[:1])]

    def _gives_up(self, messages: Sequence[Message]) -> int | None:
        """After how many calls that worked it gives this task up; None where it does not. The same at every step."""
        rng = Random(seed_of([(message.role, message.text) for message in messages], self._seed))
        gives_up, early = rng.random() < self._dials.gives_up, rng.random() < 0.5
        return (0 if early else 1) if gives_up else None

    def _spoiled(self, wanted: Wanted, results: Results) -> Call:
        """The call as this model makes it."""
        dials, luck = self._dials, self._rng.random()
        if luck < dials.malformed:
            call = self._call(wanted)
            return Call(call.id, call.name, call.arguments[: max(1, len(call.arguments) * 2 // 3)])
        luck -= dials.malformed
        if luck < dials.wrong_tool:
            return self._call(self._misplaced(wanted))
        luck -= dials.wrong_tool
        if luck < dials.wrong_arguments:
            return self._call(self._changed(wanted, results))
        return self._call(wanted)

    def _call(self, wanted: Wanted) -> Call:
        arguments = msgspec.json.encode(wanted.arguments).decode()
        return Call(f"call_{self._rng.getrandbits(64):016x}", wanted.name, arguments)

    def _misplaced(self, wanted: Wanted) -> Wanted:
        """A call of another tool that does something, valid by its schema."""
        others = [
            function
            for name, function in self._functions.items()
            if name != wanted.name and name.split("_")[0] not in _LOOKING and not is_named(name, self._words)
        ]
        if not others:
            return Wanted(f"{wanted.name}_now", wanted.arguments)
        function = self._rng.choice(others)
        return Wanted(function.name, fitting(function, self._rng))

    def _changed(self, wanted: Wanted, results: Results) -> Wanted:
        """The call with one of its arguments changed, still valid by the schema; none that was made before."""
        schema = (self._functions[wanted.name].parameters or {}).get("properties") or {}
        changed = wanted
        for name in self._rng.choices(sorted(wanted.arguments), k=_MOST_CHANGES):
            value = _other(changed.arguments[name], schema.get(name) or {})
            changed = Wanted(wanted.name, {**changed.arguments, name: value})
            if changed != wanted and results.of(changed) is None:
                break
        return changed


def _other(value: object, schema: Mapping[str, object]) -> object:
    """Another value of the same form: its first digit turned (the last one could make a neighbour's id), or a letter
    more."""
    options = schema.get("enum")
    if isinstance(options, list):
        return next((option for option in options if option != value), value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 5
    text = str(value)
    turned = _DIGIT.sub(lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
    return turned if "pattern" in schema and turned != text else f"{text}x"


def _results(messages: Sequence[Message]) -> Results:
    """The calls since the task was given, each with its result."""
    results = Results()
    for name, arguments, result in calls_with_results(messages):
        results.note(name, arguments, result)
    return results
