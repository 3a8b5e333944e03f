"""What a tool is: its definition as the model gets it, and what a call of it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from loadgen.workloads.tools.world import World

Arguments = dict[str, Any]
Schema = Mapping[str, Any]


class Described(Protocol):
    """A tool as far as the model is told of it."""

    @property
    def name(self) -> str:
        """What a call names."""
        ...

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def parameters(self) -> Schema:
        """The schema of its arguments."""
        ...


def definition_of(tool: Described) -> dict[str, Any]:
    """A tool as a request's `tools` holds it."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. run: does the call, arguments valid by the schema; raises RefusedCallError."""

    name: str
    family: str
    description: str
    parameters: Schema
    run: Callable[[World, Arguments], Arguments]

    def filled(self, arguments: Arguments) -> Arguments:
        """The arguments with those that were left out and have a default: to say the default is the same call."""
        properties = self.parameters.get("properties")
        parts = properties.items() if isinstance(properties, Mapping) else ()
        defaults = {name: part["default"] for name, part in parts if isinstance(part, Mapping) and "default" in part}
        return {**defaults, **arguments}


def text(description: str, **keywords: Any) -> dict[str, Any]:
    """The schema of a text that is not empty."""
    return {"type": "string", "description": description, "minLength": 1, **keywords}


def number(description: str, **keywords: Any) -> dict[str, Any]:
    """The schema of a number."""
    return {"type": "number", "description": description, **keywords}


def identifier(description: str, prefix: str) -> dict[str, Any]:
    """The schema of an id such as T-12."""
    return {"type": "string", "description": description, "pattern": f"^{prefix}-[0-9]+$"}


def date(description: str) -> dict[str, Any]:
    """The schema of a day."""
    return {"type": "string", "description": f"{description}, as YYYY-MM-DD", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def time_of_day(description: str) -> dict[str, Any]:
    """The schema of a time of day."""
    return {"type": "string", "description": f"{description}, as HH:MM", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}


def taking(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> dict[str, Any]:
    """The schema of a tool's arguments."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }
