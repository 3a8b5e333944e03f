"""A user's own tools and tasks: `catalogue: path.json`. They have no back end, so results are canned or an echo.

    {"tools": [{"type": "function", "function": {...}, "result": {...}}, ...],
     "tasks": [{"prompt": "...", "calls": [{"name": "...", "arguments": {...}}]}, ...]}

`result` and `calls` may be absent. Definitions may stand bare (`{"name", "description", "parameters"}`), or as MCP
servers list them (`inputSchema`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from loadgen.errors import UsageError
from loadgen.workloads.tools.catalogue import Catalogue, validator_of
from loadgen.workloads.tools.plan import Plan
from loadgen.workloads.tools.tool import Arguments, Tool
from loadgen.workloads.tools.world import World

_MOST_BYTES = 64 * 2**20


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = {}


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    prompt: str
    calls: list[_Call] | None = None
    name: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tools: list[dict[str, Any]]
    tasks: list[_Asked]


_DECODER = msgspec.json.Decoder(_File)


@dataclass(frozen=True, slots=True)
class OwnTask:
    """A user's task. calls: those that do it, None where the file does not say."""

    name: str
    words: str
    calls: tuple[tuple[str, Arguments], ...] | None

    def given(self) -> "GivenTask":
        """The task as one agent gets it, with a plan of its own."""
        return GivenTask(self.name, self.words, Plan(list(self.calls or ()), known=self.calls is not None))


@dataclass(frozen=True, slots=True)
class GivenTask:
    """One agent's task."""

    name: str
    words: str
    plan: Plan

    def is_done(self, world: World) -> bool | None:
        """Whether each of its calls was made; None where the file does not say which."""
        del world
        return self.plan.open == 0 if self.plan.known else None


def read_own(path: Path) -> tuple[Catalogue, tuple[OwnTask, ...]]:
    """The tools and tasks of a file. Raises UsageError with the place of what is wrong."""
    # os.path, for pathlib raises where a folder above may not be entered or a name is too long.
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path}: is no file")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: is larger than 64 MiB")
        found = _DECODER.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f'{path}: is no catalogue: {error}; expected {{"tools": [...], "tasks": [...]}}') from None
    if not found.tools or not found.tasks:
        raise UsageError(f"{path}: has no {'tools' if not found.tools else 'tasks'}; expected at least one")
    tools: dict[str, Tool] = {}
    for index, given in enumerate(found.tools):
        tool = _tool(given, f"{path}: tools.{index}")
        if tool.name in tools:
            raise UsageError(f"{path}: tools.{index}: {tool.name!r} is the name of another tool")
        tools[tool.name] = tool
    catalogue = Catalogue(tuple(tools.values()))
    return catalogue, tuple(_task(asked, index, path, catalogue) for index, asked in enumerate(found.tasks))


def _tool(given: Mapping[str, Any], place: str) -> Tool:
    function = given.get("function", given)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise UsageError(f"{place}: has no name; expected a function's definition")
    schema = function.get("parameters", function.get("inputSchema", {"type": "object", "properties": {}}))
    check_schema(schema, f"{place} ({name})")
    return Tool(name, "own", str(function.get("description", "")), schema, _back_end(name, given.get("result")))


def check_schema(schema: Any, place: str) -> None:
    """Raises UsageError for what is no JSON Schema of draft 2020-12, or refers to what is not in it."""
    if not isinstance(schema, dict):
        raise UsageError(f"{place}: its parameters are no JSON Schema: expected an object")
    try:
        validator_of(schema).check_schema(schema)
        resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
        for reference in _references(schema):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                raise UsageError(f"{place}: refers to {reference!r}, which is not in it; nothing is fetched") from None
    except SchemaError as error:
        raise UsageError(f"{place}: its parameters are no JSON Schema: {error.json_path}: {error.message}") from None
    except RecursionError:
        raise UsageError(f"{place}: its parameters are nested too deep") from None


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [reference for part in schema for reference in _references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [reference for part in schema.values() for reference in _references(part)]


def _back_end(name: str, result: Any) -> Callable[[World, Arguments], Arguments]:
    def run(world: World, arguments: Arguments) -> Arguments:
        del world
        if result is None:
            return {"ok": True, "tool": name, "arguments": arguments}
        return result if isinstance(result, dict) else {"result": result}

    return run


def _task(asked: _Asked, index: int, path: Path, catalogue: Catalogue) -> OwnTask:
    for call in asked.calls or ():
        validator = catalogue.validators.get(call.name)
        if validator is None:
            raise UsageError(f"{path}: tasks.{index}: there is no tool {call.name!r}")
        if (error := next(iter(validator.iter_errors(call.arguments)), None)) is not None:
            raise UsageError(f"{path}: tasks.{index}: the arguments of {call.name} do not fit it: {error.message}")
    calls = (
        None
        if asked.calls is None
        else tuple((call.name, catalogue.tools[call.name].filled(call.arguments)) for call in asked.calls)
    )
    return OwnTask(asked.name or f"task-{index}", asked.prompt, calls)
