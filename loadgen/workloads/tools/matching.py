"""BFCL's rules for whether calls are the ones wanted (Patil et al., Berkeley Function Calling Leaderboard, AST checks).

An answer lists, for each parameter, the values that are right; `""` among them allows the parameter to be left out.
Strings are compared without case, spaces and the marks , . / - _ * ^; a whole number passes for a float.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# One wanted call: its function's name, and the values that are right for each parameter.
Wanted = Mapping[str, Mapping[str, Sequence[Any]]]
_IGNORED = re.compile(r"[ ,./\-_*^]")


def plain_name(name: str) -> str:
    """A function's name as servers take it: BFCL asks for dots as underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def all_wanted(calls: Sequence[tuple[str, Mapping[str, Any]]], wanted: Sequence[Wanted]) -> bool:
    """Whether the calls are the wanted ones, all of them and no others, in any order."""
    if len(calls) != len(wanted):
        return False
    left = list(calls)
    for one in wanted:
        found = next((index for index, call in enumerate(left) if is_wanted(call, one)), None)
        if found is None:
            return False
        del left[found]
    return True


def is_wanted(call: tuple[str, Mapping[str, Any]], wanted: Wanted) -> bool:
    """Whether a call is of the wanted function and each of its arguments is right."""
    name, arguments = call
    for function, allowed in wanted.items():
        if plain_name(function) != plain_name(name):
            return False
        return _arguments_match(arguments, allowed)
    return False


def _arguments_match(arguments: Mapping[str, Any], allowed: Mapping[str, Sequence[Any]]) -> bool:
    if any(name not in allowed for name in arguments):
        return False
    for name, values in allowed.items():
        if name not in arguments:
            if "" not in values:
                return False
        elif not any(_matches(arguments[name], value) for value in values):
            return False
    return True


def _matches(given: Any, value: Any) -> bool:
    if isinstance(given, bool) or isinstance(value, bool):
        return given is value
    if isinstance(given, str) and isinstance(value, str):
        return _standard(given) == _standard(value)
    if isinstance(given, int | float) and isinstance(value, int | float):
        # A float where a whole number is wanted is wrong; a whole number passes for a float.
        return given == value and not (isinstance(given, float) and isinstance(value, int))
    if isinstance(given, list) and isinstance(value, list):
        return len(given) == len(value) and all(map(_matches, given, value))
    if isinstance(given, dict) and isinstance(value, dict):
        # Inside of a list or an object, each member has its list of right values too.
        lists = {name: values if isinstance(values, list) else [values] for name, values in value.items()}
        return _arguments_match(given, lists)
    return given is None and value is None


def _standard(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
