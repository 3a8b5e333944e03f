"""Single-turn function calling from files in BFCL's form: a question, functions to call, and perhaps the answer.

    {"messages": [...], "tools": [...], "subset": "simple_python", "ground_truth": [{"f": {"p": [values]}}]}
    {"id": "simple_0", "question": [[{"role": "user", ...}]], "function": [{"name", "description", "parameters"}]}

Answers stand in the record (`ground_truth`) or in a second file, by `id`, as BFCL publishes them. Without any, all
that is known of a call is whether it parses, names a function and fits its schema; where BFCL asks for no call at all
("irrelevance"), or for any ("live_relevance"), that is the answer.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from loadgen.client.reply import Reply
from loadgen.errors import UsageError
from loadgen.marks import Marks
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.fragments import encode_json
from loadgen.workloads.tools.calls import MOST_ARGUMENT_CHARS, check, is_cut, parsed
from loadgen.workloads.tools.catalogue import Catalogue
from loadgen.workloads.tools.matching import Wanted, all_wanted, plain_name
from loadgen.workloads.tools.own import check_schema
from loadgen.workloads.tools.tool import Arguments, Tool
from loadgen.workloads.tools.world import World

# BFCL's own words for types, of Python, Java and JavaScript; what is none of these is left to be any value.
_TYPES = {
    **{name: name for name in ("string", "integer", "number", "boolean", "array", "object", "null")},
    "dict": "object",
    "hashmap": "object",
    "float": "number",
    "double": "number",
    "long": "integer",
    "short": "integer",
    "byte": "integer",
    "char": "string",
    "str": "string",
    "int": "integer",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "arraylist": "array",
    "queue": "array",
    "stack": "array",
    "set": "array",
    "hashtable": "object",
    "bigint": "integer",
}


class _Record(msgspec.Struct):
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    subset: str | None = None
    id: str | None = None
    question: list[list[dict[str, Any]]] | None = None
    function: list[dict[str, Any]] | dict[str, Any] | None = None
    ground_truth: list[dict[str, dict[str, list[Any]]]] | None = None


_DECODER = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. wanted: the right calls; None where they are not known. calls_any: whether there must be some call
    at all; None where that is not known either."""

    category: str
    messages: tuple[bytes, ...]
    catalogue: Catalogue
    wanted: Sequence[Wanted] | None
    calls_any: bool | None


class BfclWorkload:
    """Asks the questions of a file one after the other, over and over."""

    def __init__(self, spec: ToolsSpec, path: Path, answers: Path | None) -> None:
        """Read and check the files; about 2 ms a question. Raises UsageError naming file and line."""
        self.name = spec.name
        self.spec = spec
        known = {} if answers is None else _answers(answers)
        self.questions = tuple(_question(record, place, known) for place, record in _records(path))
        if not self.questions:
            raise UsageError(f"{path}: has no questions")
        if known and all(question.wanted is None for question in self.questions):
            raise UsageError(f"{answers}: answers none of the questions in {path}: their `id`s differ")

    def session(self, ordinal: int, rng: Random) -> Session | None:
        """One question."""
        return BfclSession(self.questions[ordinal % len(self.questions)], self.spec, ordinal, rng)

    def start_times(self) -> None:
        """None: questions have no recorded clock."""
        return


class BfclSession:
    """One question, and what its answer is worth."""

    __slots__ = ("_ordinal", "_question", "_rng", "_spec")

    def __init__(self, question: Question, spec: ToolsSpec, ordinal: int, rng: Random) -> None:
        self._question, self._spec, self._ordinal, self._rng = question, spec, ordinal, rng

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The question; None after it."""
        if last is not None:
            return None
        size = self._spec.output_tokens
        limit = None if size is None else size.draw_tokens(self._rng, self._ordinal)
        # BFCL has questions without any function; servers refuse an empty list of them.
        catalogue = self._question.catalogue
        tools = catalogue.shared if catalogue.tools else None
        return Turn(self._question.messages, output_tokens=limit, tools=tools)

    def score(self, reply: Reply) -> Marks | None:
        """Each call by itself, and all of them by the answer."""
        question = self._question
        marks: Marks = {"agent": "question", "task": question.category, "step": 0, "after": "start", "last": True}
        if not reply.ok:
            return marks | {"ended": "failed"}
        calls: list[tuple[str, Arguments]] = []
        for index, call in enumerate(reply.tool_calls):
            checked = check(call, question.catalogue, cut=is_cut(reply, index))
            outcome = f"call_{checked.amiss or 'valid'}"
            before = marks.get(outcome, 0)
            assert isinstance(before, int)
            marks[outcome] = before + 1
            # BFCL has its own rules for types and knows nothing of the rest of a schema.
            arguments = None if len(call.arguments) > MOST_ARGUMENT_CHARS else parsed(call.arguments)
            if arguments is not None and checked.amiss != "cut_off":
                calls.append((checked.name, arguments))
        marks["calls"] = len(reply.tool_calls)
        return marks | {"ended": "answered", "done": _is_right(question, calls, len(reply.tool_calls))}


def _is_right(question: Question, calls: Sequence[tuple[str, Arguments]], made: int) -> bool | None:
    if question.wanted is not None:
        schemas = {name: tool.parameters for name, tool in question.catalogue.tools.items()}
        return made == len(calls) and all_wanted(calls, question.wanted, schemas)
    return None if question.calls_any is None else (made > 0) == question.calls_any


def _records(path: Path) -> list[tuple[str, _Record]]:
    # os.path, for pathlib raises where a folder above may not be entered or a name is too long.
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path}: is no file")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((f"{path}:{number}", _DECODER.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{path}:{number}: is no question in BFCL's form: {error}") from None
    return found


def _answers(path: Path) -> dict[str, list[Wanted]]:
    found: dict[str, list[Wanted]] = {}
    for place, record in _records(path):
        if record.id is None or record.ground_truth is None:
            raise UsageError(f"{place}: is no answer: expected `id` and `ground_truth`")
        found[record.id] = list(record.ground_truth)
    return found


def _question(record: _Record, place: str, answers: Mapping[str, list[Wanted]]) -> Question:
    messages = record.messages
    if messages is None:
        if not record.question or len(record.question) > 1:
            raise UsageError(f"{place}: asks {len(record.question or ())} turns; expected one")
        messages = record.question[0]
    definitions = record.tools if record.tools is not None else _functions(record)
    if not messages:
        raise UsageError(f"{place}: has no messages")
    category = record.subset or (record.id or "question").rpartition("_")[0] or "question"
    wanted = list(record.ground_truth) if record.ground_truth is not None else answers.get(record.id or "")
    calls_any = False if "irrelevance" in category else True if "relevance" in category else None
    tools = tuple(_tool(definition, place) for definition in definitions)
    return Question(category, tuple(map(encode_json, messages)), Catalogue(tools), wanted, calls_any)


def _functions(record: _Record) -> list[dict[str, Any]]:
    functions = [record.function] if isinstance(record.function, dict) else record.function or []
    return [{"type": "function", "function": function} for function in functions]


def _tool(definition: Mapping[str, Any], place: str) -> Tool:
    function = definition.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise UsageError(f"{place}: a tool without a function's name")
    schema = _in_json_schema(function.get("parameters") or {"type": "object", "properties": {}})
    check_schema(schema, f"{place} ({function['name']})")
    return Tool(plain_name(function["name"]), "question", str(function.get("description", "")), schema, _not_run)


def _in_json_schema(schema: Any) -> Any:
    """BFCL's schemas with the types that JSON Schema knows; a type that it has no word for is left out."""
    if isinstance(schema, list):
        return [_in_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    changed: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            if (known := _TYPES.get(value.lower())) is not None:
                changed[key] = known
        elif key == "properties" and isinstance(value, dict):
            changed[key] = {name: _in_json_schema(part) for name, part in value.items()}
        elif key in ("required", "enum", "default", "optional"):
            changed[key] = value
        else:
            changed[key] = _in_json_schema(value)
    return changed


def _not_run(world: World, given: Arguments) -> Arguments:
    raise AssertionError(f"a question's functions are never run: {given} {world}")
