"""A calendar of events on days."""

from loadgen.workloads.tools.tool import Arguments, Tool, date, identifier, taking, text, time_of_day
from loadgen.workloads.tools.world import World


def _list(world: World, given: Arguments) -> Arguments:
    return {"events": world.where("events", "date", given["date"])}


def _create(world: World, given: Arguments) -> Arguments:
    event = world.add("events", "event_id", world.new_id("E"), **{"minutes": 60, **given})
    return {"event_id": event["event_id"]}


def _move(world: World, given: Arguments) -> Arguments:
    event = world.row("events", given["event_id"])
    event["date"], event["start"] = given["date"], given["start"]
    return event


def _cancel(world: World, given: Arguments) -> Arguments:
    world.row("events", given["event_id"])
    del world.tables["events"][given["event_id"]]
    return {"cancelled": given["event_id"]}


_EVENT = identifier("Id of the event", "E")
_START = time_of_day("When it starts")
_MINUTES = {"type": "integer", "description": "Length in minutes", "minimum": 5, "maximum": 600, "default": 60}
TOOLS = (
    Tool("list_events", "calendar", "List the events of one day.", taking(date=date("The day")), _list),
    Tool(
        "create_event",
        "calendar",
        "Create an event in the calendar.",
        taking({"minutes": _MINUTES}, title=text("Title of the event"), date=date("The day"), start=_START),
        _create,
    ),
    Tool(
        "move_event",
        "calendar",
        "Move an event to another day and time.",
        taking(event_id=_EVENT, date=date("The new day"), start=_START),
        _move,
    ),
    Tool("cancel_event", "calendar", "Cancel an event, which removes it.", taking(event_id=_EVENT), _cancel),
)
