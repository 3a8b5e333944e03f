"""Tool calls of the simulated model: whether it calls, which function, and arguments made from the schema.

Called by answers.py. An honest dial, not a model of judgement: it calls with the probability that it was told, a
function picked at random, with arguments that fit the common parts of JSON Schema. Deterministic from the random
numbers it is given.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase
from typing import Any

import msgspec

from loadgen.simulator.wire import Function, called

# Deeper than any real schema; stops one that refers to itself.
_DEEPEST = 8
_LONGEST_LIST = 3
_WORDS = ("alpha", "beta", "gamma", "delta", "north", "south", "paper", "river", "stone", "green")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. arguments: JSON text."""

    id: str
    name: str
    arguments: str

    @property
    def text(self) -> str:
        """As the model writes it."""
        return called(self.name, self.arguments)


def make_calls(functions: Sequence[Function], rng: Random, *, parallel: bool) -> list[Call]:
    """One call, or now and then two where calls in parallel are allowed."""
    count = 2 if parallel and rng.random() < 0.2 else 1
    return [_make_call(rng.choice(functions), rng) for _ in range(count)]


def _make_call(function: Function, rng: Random) -> Call:
    arguments = msgspec.json.encode(fitting(function, rng)).decode()
    return Call(f"call_{rng.getrandbits(64):016x}", function.name, arguments)


def fitting(function: Function, rng: Random) -> dict[str, Any]:
    """Arguments that fit the function's schema."""
    arguments = _value(function.parameters or {}, rng, function.parameters or {}, 0)
    return arguments if isinstance(arguments, dict) else {}


def _value(schema: Any, rng: Random, root: Mapping[str, Any], depth: int) -> Any:
    """A value that fits `schema`, as far as these keywords go; null where they say nothing."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return _value(_resolved(schema["$ref"], root), rng, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _value(schema[union][0], rng, root, depth + 1)
    return _typed(schema, rng, root, depth)


def _typed(schema: Mapping[str, Any], rng: Random, root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    match kind:
        case "object":
            properties = schema.get("properties") or {}
            return {name: _value(part, rng, root, depth + 1) for name, part in properties.items()}
        case "array":
            least = int(schema.get("minItems", 1))
            count = max(least, min(rng.randint(1, _LONGEST_LIST), int(schema.get("maxItems", _LONGEST_LIST))))
            return [_value(schema.get("items"), rng, root, depth + 1) for _ in range(count)]
        case "integer" | "number":
            return _number(schema, rng, whole=kind == "integer")
        case "boolean":
            return rng.random() < 0.5
        case "string":
            return _text(schema, rng)
    return None


def _number(schema: Mapping[str, Any], rng: Random, *, whole: bool) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    low = float(least) + (1 if "exclusiveMinimum" in schema and "minimum" not in schema else 0)
    high = float(schema.get("maximum", low + 100))
    value = rng.uniform(low, max(low, high))
    return int(value) if whole else round(value, 3)


def _text(schema: Mapping[str, Any], rng: Random) -> str:
    if (pattern := schema.get("pattern")) and (patterned := _matching(str(pattern), rng)) is not None:
        return patterned
    text = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 4)))
    while len(text) < int(schema.get("minLength", 0)):
        text += " " + rng.choice(_WORDS)
    return text[: int(schema.get("maxLength", len(text)))]


def _matching(pattern: str, rng: Random) -> str | None:
    """A text of a common form that matches: an id, a date, a time, a path, a number; None where none does."""
    number = rng.randrange(1_000, 10_000)
    forms = (rng.choice(_WORDS), f"{number}", "2026-01-15", "09:30", f"{rng.choice(_WORDS)}/{number}.txt")
    ids = (f"{letter}-{number}" for letter in ascii_uppercase)
    try:
        return next((form for form in (*forms, *ids) if re.search(pattern, form)), None)
    except re.error:
        return None


def _resolved(reference: Any, root: Mapping[str, Any]) -> Any:
    """What a `#/...` reference points to; None for any other."""
    node: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    return node
