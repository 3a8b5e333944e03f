"""Turns what pydantic finds wrong with a scenario into what its author reads: place, field, what, accepted, nearest.

Called by the loader. Never shows the value of a header or of a URL, which may hold a secret.
"""

import re
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from loadgen.scenario.document import Document, Location, Mistake
from loadgen.scenario.model import Scenario
from loadgen.scenario.quantities import shown


def mistakes_of(error: ValidationError, document: Document, model: type[BaseModel] = Scenario) -> list[Mistake]:
    """Every mistake in `error`, placed in the document that was validated as this model."""
    return [_mistake(details, document, model) for details in error.errors(include_url=False)]


def _mistake(details: ErrorDetails, document: Document, model: type[BaseModel]) -> Mistake:
    kind = details["type"]
    # Parts with an @ are tags of unions: ways through the model, not keys of the file.
    *way, last = details["loc"] or ("@",)
    full = tuple(part for part in way if not str(part).startswith("@"))
    if kind == "extra_forbidden" or not str(last).startswith("@"):
        full = (*full, last)
    location = _known(full, document.data)
    if kind in ("missing", "extra_forbidden", "scenario"):
        # These name a key that need not be there; the others stand at a value, or at what a short form stands for.
        location = full
    place = document.place_of(location, key=kind == "extra_forbidden")
    return Mistake(place, location, _what(details, location, model))


def _known(location: Location, data: Any) -> Location:
    """The part of `location` that exists in `data`: short forms (`timeout: 5s`, `turns: [1, 3]`) lack some keys."""
    known: Location = ()
    for part in location:
        if isinstance(data, list) and isinstance(part, str):
            continue
        if not (part in data if isinstance(data, dict) else isinstance(data, list)):
            break
        known = (*known, part)
        data = data[part]
    return known


def _what(details: ErrorDetails, location: Location, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "scenario":
        return str(context["what"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        accepted = _accepted_keys(details["loc"][:-1], model)
        return f"unknown key; accepted: {', '.join(accepted)}{nearest(str(location[-1]), accepted)}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        values = re.findall(r"'([^']*)'", context["expected"])
        found = details["input"]
        hint = nearest(found, values) if isinstance(found, str) else ""
        return f"unknown value {shown(found)}; accepted: {', '.join(values)}{hint}"
    return _limits(details, location)


def _limits(details: ErrorDetails, location: Location) -> str:
    """Wrong types and values out of range."""
    kind, context, found = details["type"], details.get("ctx", {}), details["input"]
    if kind in ("greater_than_equal", "greater_than"):
        bound = f"at least {context['ge']:.15g}" if "ge" in context else f"above {context['gt']:.15g}"
        return f"{found!r} is too small; accepted: {bound}"
    if kind in ("less_than_equal", "less_than"):
        bound = f"at most {context['le']:.15g}" if "le" in context else f"below {context['lt']:.15g}"
        return f"{found!r} is too large; accepted: {bound}"
    if kind == "string_too_short":
        return "is empty; accepted: text"
    if kind == "string_too_long":
        return f"is too long; accepted: at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        accepted = "letters, digits, _ - ." if "." in context["pattern"] else "letters, digits, _ -, no digit first"
        return f"{found!r} is no name; accepted: {accepted}"
    expected = {"string_type": "text", "model_type": "a mapping", "dict_type": "a mapping", "tuple_type": "a list"}
    if kind in expected:
        quotes = " in quotes" if kind == "string_type" and isinstance(found, int | float) else ""
        # A header's value is a secret more often than not, and a URL may hold a password.
        subject = "the value" if {"headers", "base_url", "proxy"} & set(location) else shown(found)
        return f"{subject} is not {expected[kind]}; accepted: {expected[kind]}{quotes}"
    return details["msg"]


def nearest(name: str, accepted: list[str]) -> str:
    """`; did you mean 'x'?` for the accepted name closest to `name`, or nothing where none is close."""
    close = get_close_matches(name, accepted, 1) or get_close_matches(name.lower(), accepted, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _accepted_keys(location: Location, model: type[BaseModel]) -> list[str]:
    """The keys of the model at a pydantic location (with its tags): found by walking the annotations."""
    kind: Any = model
    for part in location:
        kind = _step(_plain(kind), part)
    return [info.alias or name for name, info in _plain(kind).model_fields.items()]


def _plain(kind: Any) -> Any:
    """An annotation without Annotated and without `| None`."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
            continue
        members = [member for member in get_args(kind) if member is not type(None)]
        if get_origin(kind) in (Union, UnionType) and len(members) == 1:
            kind = members[0]
            continue
        return kind


def _step(kind: Any, part: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next(info.annotation for name, info in kind.model_fields.items() if part in (info.alias, name))
    if get_origin(kind) in (Union, UnionType):
        return next(member for member in get_args(kind) if Tag(str(part)) in getattr(member, "__metadata__", ()))
    return get_args(kind)[1 if get_origin(kind) is dict else 0]
