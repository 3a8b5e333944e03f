"""The shipped tasks: what the user says, what has to be there for it, and the calls that do it.

A task puts what it needs into the session's world under new ids, is then done rightly in a copy of that world, and the
copy is the expected state. docs/tools.md has the words; they are a contract with the simulator, which reads them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from loadgen.scenario.tools import TaskName
from loadgen.workloads.tools.plan import Plan, Rehearsal
from loadgen.workloads.tools.tool import Tool
from loadgen.workloads.tools.world import World

_FIRST = ("Ada", "Boris", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jana", "Kofi", "Lena")
_LAST = ("Quill", "Marsh", "Okoro", "Tanaka", "Silva", "Weber", "Novak", "Reyes", "Holm", "Diaz", "Frey", "Stone")
_THINGS = ("parcel", "invoice", "lamp", "chair", "router", "kettle", "jacket", "helmet", "printer", "camera")
_WORDS = ("alpha", "delta", "harbour", "maple", "orbit", "paper", "river", "signal", "stone", "violet", "winter")
_MEETINGS = ("Budget review", "Design talk", "Team lunch", "Release check", "Interview", "Planning round")
_TOPICS = ("password", "refund", "delivery", "warranty", "account", "language")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task as it was given: the user's words, the calls that do it, and the state in which it is done."""

    name: str
    words: str
    plan: Plan
    expected: World


class Draw:
    """Draws names and numbers for tasks. Only by `random()`, which gives the same numbers in every Python version."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def of(self, values: tuple[str, ...]) -> str:
        """One of them."""
        return values[int(self._rng.random() * len(values))]

    def whole(self, low: int, high: int) -> int:
        """A whole number between two, both included."""
        return low + int(self._rng.random() * (high - low + 1))

    def day(self) -> str:
        """A day of 2026."""
        return f"2026-{self.whole(1, 12):02d}-{self.whole(1, 28):02d}"

    def time(self) -> str:
        """A time of a working day."""
        return f"{self.whole(8, 17):02d}:{self.whole(0, 3) * 15:02d}"

    def text(self, words: int) -> str:
        """Some words."""
        return " ".join(self.of(_WORDS) for _ in range(words))


def new_world(rng: Random) -> World:
    """A world with a little of everything, so that what a task needs does not stand alone."""
    world, draw = World(), Draw(rng)
    for topic in _TOPICS:
        key, title = world.new_id("K"), f"Questions about your {topic}"
        world.add("articles", "article_id", key, title=title, text=f"All about {topic}s.")
    for _ in range(3):
        customer = _customer(world, draw)
        _order(world, draw, customer, "shipped")
        _ticket(world, draw, customer)
        _event(world, draw, draw.day())
        _file(world, draw, "notes")
    return world


def _customer(world: World, draw: Draw) -> str:
    key = world.new_id("C")
    # A name of their own: the number tells people of one name apart.
    name = f"{draw.of(_FIRST)} {draw.of(_LAST)} {key.removeprefix('C-')}"
    world.add("customers", "customer_id", key, name=name, city=draw.of(_WORDS))
    return key


def _order(world: World, draw: Draw, customer: str, status: str = "open") -> str:
    key = world.new_id("A")
    values = {
        "item": draw.of(_THINGS),
        "total": float(20 * draw.whole(2, 40)),
        "refunded": 0.0,
        "address": draw.text(2),
    }
    world.add("orders", "order_id", key, customer_id=customer, status=status, **values)
    return key


def _ticket(world: World, draw: Draw, customer: str) -> str:
    key = world.new_id("T")
    values = {"priority": "normal", "status": "open", "comments": (), "agent": None}
    world.add("tickets", "ticket_id", key, customer_id=customer, title=f"Broken {draw.of(_THINGS)}", **values)
    return key


def _event(world: World, draw: Draw, day: str) -> str:
    key = world.new_id("E")
    title = f"{draw.of(_MEETINGS)} {key.removeprefix('E-')}"
    world.add("events", "event_id", key, title=title, date=day, start=draw.time(), minutes=60)
    return key


def _file(world: World, draw: Draw, folder: str) -> str:
    path = f"{folder}/{draw.of(_WORDS)}-{world.new_id('f').removeprefix('f-')}.txt"
    world.add("files", "path", path, content=draw.text(12))
    return path


def _cancel_and_ticket(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    customer = _customer(world, draw)
    order, title = _order(world, draw, customer), f"Refund of the {draw.of(_THINGS)}"

    def do(rightly: Rehearsal) -> None:
        rightly.call("cancel_order", order_id=order)
        rightly.call("open_ticket", customer_id=customer, title=title)

    return f'Cancel order {order} and open a ticket for customer {customer} titled "{title}".', do


def _copy_file(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    path = _file(world, draw, "notes")
    to = path.replace("notes/", "archive/")

    def do(rightly: Rehearsal) -> None:
        content = rightly.call("read_file", path=path)["content"]
        rightly.call("write_file", path=to, content=content)

    return f"Read the file {path} and write its content, unchanged, to the file {to}.", do


def _move_event(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    day, new_day, start = draw.day(), draw.day(), draw.time()
    _event(world, draw, day)
    event = world.row("events", _event(world, draw, day))
    title, key = event["title"], event["event_id"]

    def do(rightly: Rehearsal) -> None:
        rightly.call("list_events", date=day)
        rightly.call("move_event", event_id=key, date=new_day, start=start)

    return f'Find the event titled "{title}" on {day} and move it to {new_day} at {start}.', do


def _refund_share(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    order, percent = _order(world, draw, _customer(world, draw)), 5 * draw.whole(1, 10)

    def do(rightly: Rehearsal) -> None:
        total = rightly.call("get_order", order_id=order)["total"]
        share = rightly.call("percent_of", percent=percent, amount=total)["result"]
        rightly.call("refund_order", order_id=order, amount=share)

    return f"Refund {percent} percent of the total of order {order}.", do


def _ticket_for_name(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    customer = _customer(world, draw)
    name, priority = world.row("customers", customer)["name"], draw.of(("low", "high"))
    title = f"Late {draw.of(_THINGS)}"

    def do(rightly: Rehearsal) -> None:
        rightly.call("find_customers", name=name)
        rightly.call("open_ticket", customer_id=customer, title=title, priority=priority)

    words = f'Find the customer named "{name}" and open a ticket for that customer titled "{title}"'
    return f"{words} with priority {priority}.", do


def _comment_and_close(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    ticket, comment = _ticket(world, draw, _customer(world, draw)), f"Sent a new {draw.of(_THINGS)}."

    def do(rightly: Rehearsal) -> None:
        rightly.call("comment_on_ticket", ticket_id=ticket, text=comment)
        rightly.call("close_ticket", ticket_id=ticket)

    return f'Comment "{comment}" on ticket {ticket}, then close ticket {ticket}.', do


def _cite_article(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    topic, ticket = draw.of(_TOPICS), _ticket(world, draw, _customer(world, draw))
    key, action = world.new_id("K"), draw.of(("Change", "Find", "Lose"))
    title = f"{action} a {topic} {key.removeprefix('K-')}"
    world.add("articles", "article_id", key, title=title, text=draw.text(8))

    def do(rightly: Rehearsal) -> None:
        rightly.call("search_articles", query=topic)
        rightly.call("comment_on_ticket", ticket_id=ticket, text=key)

    words = f'Search the articles for "{topic}" and comment the id of the article titled "{title}"'
    return f"{words} on ticket {ticket}.", do


def _calculate_to_file(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    expression = f"({draw.whole(2, 99)} + {draw.whole(2, 99)}) * {draw.whole(2, 20)} - {draw.whole(1, 99)}"
    path = f"results/{world.new_id('r')}.txt"

    def do(rightly: Rehearsal) -> None:
        result = rightly.call("calculate", expression=expression)["result"]
        rightly.call("write_file", path=path, content=str(result))

    return f"Calculate {expression} and write the result, digits only, to the file {path}.", do


def _cancel_open_orders(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    customer = _customer(world, draw)
    _order(world, draw, customer, "shipped")
    open_orders = [_order(world, draw, customer) for _ in range(draw.whole(1, 3))]

    def do(rightly: Rehearsal) -> None:
        rightly.call("list_orders", customer_id=customer)
        for order in open_orders:
            rightly.call("cancel_order", order_id=order)

    return f'Cancel every order of customer {customer} whose status is "open".', do


def _event_and_delete(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    path, customer = _file(world, draw, "tmp"), _customer(world, draw)
    event: dict[str, Any] = {"title": f"Call with {customer}", "date": draw.day(), "start": draw.time()}
    event["minutes"] = 15 * draw.whole(1, 8)

    def do(rightly: Rehearsal) -> None:
        rightly.call("create_event", **event)
        rightly.call("delete_file", path=path)

    words = 'Create an event titled "{title}" on {date} at {start} for {minutes} minutes'.format(**event)
    return f"{words} and delete the file {path}.", do


def _nothing(world: World, draw: Draw) -> tuple[str, Callable[[Rehearsal], None]]:
    del world, draw
    return "Nothing is to be done. Reply with the word DONE.", lambda _: None


@dataclass(frozen=True, slots=True)
class _Template:
    """make: puts what is needed into a world; the words, and what does it. tools: what is needed, in any order.

    also: what a careful agent may look up besides.
    """

    make: Callable[[World, Draw], tuple[str, Callable[[Rehearsal], None]]]
    tools: tuple[str, ...]
    also: tuple[str, ...] = ()


_TEMPLATES: Mapping[TaskName, _Template] = {
    "cancel_and_ticket": _Template(_cancel_and_ticket, ("cancel_order", "open_ticket"), ("get_order", "get_customer")),
    "copy_file": _Template(_copy_file, ("read_file", "write_file"), ("list_files",)),
    "move_event": _Template(_move_event, ("list_events", "move_event")),
    "refund_share": _Template(_refund_share, ("get_order", "percent_of", "refund_order"), ("calculate",)),
    "ticket_for_name": _Template(_ticket_for_name, ("find_customers", "open_ticket"), ("get_customer",)),
    "comment_and_close": _Template(_comment_and_close, ("comment_on_ticket", "close_ticket"), ("get_ticket",)),
    "cite_article": _Template(_cite_article, ("search_articles", "comment_on_ticket"), ("get_article", "get_ticket")),
    "calculate_to_file": _Template(_calculate_to_file, ("calculate", "write_file"), ("list_files", "read_file")),
    "cancel_open_orders": _Template(
        _cancel_open_orders, ("list_orders", "cancel_order"), ("get_order", "get_customer")
    ),
    "event_and_delete": _Template(_event_and_delete, ("create_event", "delete_file"), ("list_events", "list_files")),
    "nothing": _Template(_nothing, ()),
}


def needed_tools(names: tuple[TaskName, ...]) -> tuple[str, ...]:
    """The tools without which these tasks can't be done."""
    return tuple(dict.fromkeys(tool for name in names for tool in _TEMPLATES[name].tools))


def assign(name: TaskName, world: World, rng: Random, tools: Mapping[str, Tool]) -> Assignment:
    """Give a task in this world, which gets what the task needs; takes about 0.1 ms."""
    template = _TEMPLATES[name]
    words, do = template.make(world, Draw(rng))
    rightly = Rehearsal(world, tools)
    do(rightly)
    return Assignment(name, words, Plan(rightly.calls, frozenset(template.also)), rightly.world)
