"""A model's call: parsed, and validated by the tool's schema. Says what is wrong in words that go back to the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from jsonschema import Draft202012Validator

from loadgen.client.reply import Reply, ToolCall
from loadgen.workloads.fragments import assistant_message, tool_message
from loadgen.workloads.tools.catalogue import Offer
from loadgen.workloads.tools.tool import Arguments

# Longer ones are not looked at: validating a megabyte would hold up every other stream.
MOST_ARGUMENT_CHARS = 100_000
_SHOWN_CHARS = 200
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

Amiss = Literal["cut_off", "malformed", "unknown_tool", "invalid"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A call with its arguments, or what is amiss with it and how the model is told."""

    name: str
    arguments: Arguments | None
    amiss: Amiss | None = None
    told: str = ""


def is_cut(reply: Reply, index: int) -> bool:
    """Whether call `index` of an answer is where its token limit ended it: the last one, the others were done."""
    return reply.finish_reason == "length" and index == len(reply.tool_calls) - 1


@dataclass(frozen=True, slots=True)
class Made:
    """A call as it stands in the history. id: the server's own, or one that tells it from the answer's others."""

    id: str
    name: str
    arguments: str
    checked: Checked


def made(reply: Reply, offer: Offer[Any], place: str) -> list[Made]:
    """An answer's calls, checked. place: of the answer in the conversation, for ids of calls that have none."""
    found: dict[str, Made] = {}
    for index, call in enumerate(reply.tool_calls):
        call_id = call.id if call.id and call.id not in found else f"call_{place}_{index}"
        checked = check(call, offer, cut=is_cut(reply, index))
        # Servers refuse a history with arguments that are no JSON object, and their templates parse them.
        sound = checked.amiss not in ("malformed", "cut_off") and 0 < len(call.arguments.strip()) <= MOST_ARGUMENT_CHARS
        found[call_id] = Made(call_id, call.name, call.arguments if sound else "{}", checked)
    return list(found.values())


def with_results(reply: Reply, calls: Sequence[Made], outputs: Iterable[bytes]) -> tuple[bytes, ...]:
    """The messages that an answer adds to the history: itself, and a result a call, escaped already."""
    answer = assistant_message(
        reply.text, [(call.id, call.name, call.arguments) for call in calls], reasoning=reply.reasoning_back
    )
    return (answer, *(tool_message(call.id, output) for call, output in zip(calls, outputs, strict=True)))


def check(call: ToolCall, catalogue: Offer[Any], *, cut: bool) -> Checked:
    """Parse and validate one call; takes about 50 µs. cut: whether the answer ended in it, at its token limit.

    Arguments that break off where the answer does are `cut_off` and nobody's mistake but the limit's. Absent arguments
    are an empty object, as servers send them for a tool that needs none.
    """
    if len(call.arguments) > MOST_ARGUMENT_CHARS:
        return Checked(call.name, None, "invalid", f"the arguments are longer than {MOST_ARGUMENT_CHARS} characters")
    arguments = parsed(call.arguments)
    if arguments is None or (cut and not call.arguments.strip()):
        amiss: Amiss = "cut_off" if cut else "malformed"
        return Checked(call.name, None, amiss, "the arguments are not a JSON object")
    validator = catalogue.validators.get(call.name)
    if validator is None:
        return Checked(call.name, None, "unknown_tool", f"there is no tool {call.name[:_SHOWN_CHARS]!r}")
    problem = complaint(validator, arguments)
    if problem is not None:
        return Checked(call.name, None, "invalid", problem)
    return Checked(call.name, arguments)


def parsed(arguments: str) -> Arguments | None:
    """The arguments; None where they are no JSON object."""
    if not arguments.strip():
        return {}
    try:
        value = _DECODER.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def complaint(validator: Draft202012Validator, arguments: Arguments) -> str | None:
    """The first thing that the schema finds wrong; None where it finds nothing."""
    try:
        error = next(iter(validator.iter_errors(arguments)), None)
    except RecursionError:
        return "the arguments are nested too deep"
    if error is None:
        return None
    where = "/".join(map(str, error.absolute_path))
    return f"{where}: {error.message[:_SHOWN_CHARS]}" if where else error.message[:_SHOWN_CHARS]
