"""Support tickets."""

from loadgen.workloads.tools.tool import Arguments, Tool, identifier, taking, text
from loadgen.workloads.tools.world import RefusedCallError, Row, World

_PRIORITIES = ("low", "normal", "high")


def _open(world: World, given: Arguments) -> Arguments:
    world.row("customers", given["customer_id"])
    values = {"priority": "normal", **given, "status": "open", "comments": (), "agent": None}
    return {"ticket_id": world.add("tickets", "ticket_id", world.new_id("T"), **values)["ticket_id"]}


def _get(world: World, given: Arguments) -> Arguments:
    return world.row("tickets", given["ticket_id"])


def _open_one(world: World, key: str) -> Row:
    ticket = world.row("tickets", key)
    if ticket["status"] == "closed":
        raise RefusedCallError(f"ticket {key} is closed")
    return ticket


def _comment(world: World, given: Arguments) -> Arguments:
    ticket = _open_one(world, given["ticket_id"])
    ticket["comments"] = (*ticket["comments"], given["text"].strip())
    return {"ticket_id": given["ticket_id"], "comments": len(ticket["comments"])}


def _close(world: World, given: Arguments) -> Arguments:
    _open_one(world, given["ticket_id"])["status"] = "closed"
    return {"ticket_id": given["ticket_id"], "status": "closed"}


def _assign(world: World, given: Arguments) -> Arguments:
    _open_one(world, given["ticket_id"])["agent"] = given["agent"]
    return {"ticket_id": given["ticket_id"], "agent": given["agent"]}


_TICKET = identifier("Id of the ticket", "T")
_PRIORITY = {"type": "string", "description": "How urgent it is", "enum": list(_PRIORITIES), "default": "normal"}
TOOLS = (
    Tool(
        "open_ticket",
        "tickets",
        "Open a support ticket for a customer.",
        taking(
            {"priority": _PRIORITY},
            customer_id=identifier("Id of the customer", "C"),
            title=text("Title of the ticket"),
        ),
        _open,
    ),
    Tool("get_ticket", "tickets", "Get a ticket: status, comments.", taking(ticket_id=_TICKET), _get),
    Tool(
        "comment_on_ticket",
        "tickets",
        "Add a comment to an open ticket.",
        taking(ticket_id=_TICKET, text=text("The comment")),
        _comment,
    ),
    Tool("close_ticket", "tickets", "Close a ticket.", taking(ticket_id=_TICKET), _close),
    Tool(
        "assign_ticket",
        "tickets",
        "Assign a ticket to a support agent.",
        taking(ticket_id=_TICKET, agent=text("Name of the agent")),
        _assign,
    ),
)
