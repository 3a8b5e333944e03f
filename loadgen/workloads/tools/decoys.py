"""Tools that no task needs, to fill a catalogue up to a size: what a real one has beside the few that matter.

Their schemas are as large as those of the tools that do something. A call of one is the wrong tool; it changes nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

from loadgen.workloads.tools.tool import Arguments, Tool, date, number, taking, text
from loadgen.workloads.tools.world import RefusedCallError, World

_NOUNS = (
    *("invoice", "shipment", "room", "vehicle", "contact", "playlist", "sensor", "warehouse", "supplier", "contract"),
    *("course", "recipe", "flight", "hotel", "payment", "subscription", "campaign", "survey", "device", "server"),
    *("database", "backup", "certificate", "badge", "shift", "employee", "project", "milestone", "budget", "asset"),
    *("license", "coupon", "review", "photo", "video"),
)


def decoys() -> Iterator[Tool]:
    """All of them, 175, in a fixed order."""
    for verb in ("get", "list", "create", "update", "delete"):
        for noun in _NOUNS:
            yield _decoy(verb, noun)


def _decoy(verb: str, noun: str) -> Tool:
    key = {f"{noun}_id": text(f"Id of the {noun}")}
    match verb:
        case "get":
            return Tool(f"get_{noun}", "other", f"Get a {noun} by its id.", taking(**key), _missing(noun))
        case "list":
            limits = {"limit": {"type": "integer", "description": "How many at most", "minimum": 1, "maximum": 100}}
            what = f"List the {noun}s that match a filter."
            return Tool(f"list_{noun}s", "other", what, taking(limits, filter=text("Words to match")), _none(noun))
        case "create":
            what = f"Create a {noun}."
            return Tool(f"create_{noun}", "other", what, taking(_details(), name=text(f"Name of the {noun}")), _refuse)
        case "update":
            what = f"Update the fields of a {noun}."
            return Tool(f"update_{noun}", "other", what, taking(_details(), **key), _missing(noun))
    return Tool(f"delete_{noun}", "other", f"Delete a {noun}.", taking(**key), _missing(noun))


def _details() -> dict[str, Any]:
    tags = {"type": "array", "description": "Tags", "items": {"type": "string"}, "maxItems": 10, "uniqueItems": True}
    state = {"type": "string", "description": "Its state", "enum": ["draft", "active", "archived"]}
    return {"owner": text("Who is responsible"), "due": date("When it is due"), "value": number("Value", minimum=0)} | {
        "tags": tags,
        "state": state,
    }


def _missing(noun: str) -> Callable[[World, Arguments], Arguments]:
    def run(world: World, given: Arguments) -> Arguments:
        del world
        raise RefusedCallError(f"no {noun} {given[f'{noun}_id']!r}")

    return run


def _none(noun: str) -> Callable[[World, Arguments], Arguments]:
    def run(world: World, given: Arguments) -> Arguments:
        del world, given
        return {f"{noun}s": []}

    return run


def _refuse(world: World, given: Arguments) -> Arguments:
    del world, given
    raise RefusedCallError("you may not do this")
