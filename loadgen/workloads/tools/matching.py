"""BFCL's rules for whether calls are the ones wanted (Patil et al., Berkeley Function Calling Leaderboard, AST checks).

An answer lists, for each parameter, the values that are right; `""` among them allows the parameter to be left out. A
value must be of its parameter's type, or of the type that the answer has for it: answers can be variables, spelled as
texts. Texts are compared without case, spaces and the marks , . / - _ * ^; where a float is wanted, a whole number
passes for one.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# One wanted call: its function's name, and the values that are right for each parameter.
Wanted = Mapping[str, Mapping[str, Sequence[Any]]]
# A parameter's schema, or a function's.
Schema = Mapping[str, Any]
_IGNORED = re.compile(r"[ ,./\-_*^]")
# What JSON gives for the types of schemas. BFCL takes a parameter of any other type for a text.
_TYPES: Mapping[object, type] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "string": str,
}


def plain_name(name: str) -> str:
    """A function's name as servers take it: BFCL asks for dots as underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def all_wanted(
    calls: Sequence[tuple[str, Mapping[str, Any]]], wanted: Sequence[Wanted], schemas: Mapping[str, Schema]
) -> bool:
    """Whether the calls are the wanted ones, all of them and no others, in any order.

    schemas: of the functions' parameters, by the names that servers take.
    """
    if len(calls) != len(wanted):
        return False
    left = list(calls)
    for one in wanted:
        found = next((index for index, call in enumerate(left) if is_wanted(call, one, schemas)), None)
        if found is None:
            return False
        del left[found]
    return True


def is_wanted(call: tuple[str, Mapping[str, Any]], wanted: Wanted, schemas: Mapping[str, Schema]) -> bool:
    """Whether a call is of the wanted function and each of its arguments is right."""
    name, arguments = plain_name(call[0]), call[1]
    schema = schemas.get(name)
    for function, allowed in wanted.items():
        if plain_name(function) != name or schema is None:
            return False
        return _arguments_right(arguments, allowed, schema)
    return False


def _arguments_right(arguments: Mapping[str, Any], allowed: Mapping[str, Sequence[Any]], schema: Schema) -> bool:
    parts, required = schema.get("properties"), schema.get("required")
    if not isinstance(parts, Mapping) or any(name not in arguments for name in required or ()):
        return False
    if any("" not in values for name, values in allowed.items() if name not in arguments):
        return False
    return all(
        name in parts and name in allowed and _is_right(given, allowed[name], parts[name])
        for name, given in arguments.items()
    )


def _is_right(given: Any, values: Sequence[Any], part: Schema | bool) -> bool:
    """Whether an argument is one of the right values. part: the schema of its parameter."""
    kind = _kind(part)
    if kind is float and type(given) is int and abs(given) <= sys.float_info.max:
        given = float(given)
    meant = _type_of_first(values, kind)
    if type(given) not in (kind, meant):
        return False
    if type(given) is not kind or meant is not kind:
        # A variable in place of a value: by the letter.
        return any(value == given and isinstance(value, bool) == isinstance(given, bool) for value in values)
    items = part.get("items") if isinstance(part, Mapping) else None
    if isinstance(given, list) and isinstance(items, Mapping) and "type" in items:
        inner = _kind(items)
        values = [value for value in values if isinstance(value, list) and _all_of(given, inner, value)]
    return any(_same(given, value) for value in values)


def _kind(part: Schema | bool) -> type:
    """What JSON gives for a schema's type. Several types in one are of JSON Schema, not of BFCL."""
    named = part.get("type") if isinstance(part, Mapping) else None
    return _TYPES.get(named, str) if isinstance(named, str) else str


def _type_of_first(values: Sequence[Any], otherwise: type) -> type:
    """The type that an answer has, which says what is meant where the schema says something else."""
    return next((type(value) for value in values if value != ""), otherwise)


def _all_of(given: Sequence[Any], kind: type, values: Sequence[Any]) -> bool:
    """Whether every item is of the kind that the schema or the answer has."""
    meant = _type_of_first(values, kind)
    return all(type(item) in (kind, meant) for item in given)


def _same(given: Any, value: Any) -> bool:
    if isinstance(given, str) and isinstance(value, str):
        return _standard(given) == _standard(value)
    if isinstance(given, list) and isinstance(value, list):
        return len(given) == len(value) and all(map(_same, given, value))
    if isinstance(given, dict) and isinstance(value, dict):
        return _members_same(given, value)
    return isinstance(given, bool) == isinstance(value, bool) and bool(given == value)


def _members_same(given: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """In an object of an answer each member has its list of right values, `""` among them where it may be left out."""
    lists = {name: right if isinstance(right, list) else [right] for name, right in value.items()}
    if any("" not in right for name, right in lists.items() if name not in given):
        return False
    return all(name in lists and any(_same(one, other) for other in lists[name]) for name, one in given.items())


def _standard(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
