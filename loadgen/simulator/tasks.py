"""Plans the calls that a task takes, from its words and from what the tools have answered so far.

Called by acting.py. Reads the ways to give a task of docs/tools.md and the names and properties of the tools that the
request offers. A plan is a function of the conversation: what no result has confirmed is still to be done.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

Arguments = dict[str, Any]
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_SMALL_WORDS = frozenset({"a", "an", "by", "for", "in", "of", "on", "to"})
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that is to be made."""

    name: str
    arguments: Arguments


class Results:
    """What the tools have answered to the calls made for one task."""

    def __init__(self) -> None:
        self._results: dict[bytes, Arguments] = {}
        self.worked: list[Wanted] = []

    def note(self, name: str, arguments: str, result: str) -> None:
        """Take in one call's result. Empty, broken or an error: it had no effect."""
        given, told = _object(arguments), _object(result.partition("\n")[0])
        if given is None:
            return
        if told is not None and "error" not in told:
            self._results[_key(name, given)] = told
            self.worked.append(Wanted(name, given))

    def of(self, wanted: Wanted) -> Arguments | None:
        """What the call has brought; None where it has not worked yet."""
        return self._results.get(_key(wanted.name, wanted.arguments))


def _key(name: str, arguments: Arguments) -> bytes:
    return _ENCODE([name, arguments])


def _object(text: str) -> Arguments | None:
    try:
        value = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# A plan yields what can be called next, all of it at once, and is sent their results.
Plan = Iterator[Sequence[Wanted]]


def _after(results: Results, wanted: Wanted) -> Arguments:
    """The result of a call that a plan has yielded before: it goes on only where that has worked."""
    result = results.of(wanted)
    return {} if result is None else result


def _cancel_and_ticket(results: Results, order: str, customer: str, title: str) -> Plan:
    del results
    opened = Wanted("open_ticket", {"customer_id": customer, "title": title})
    yield [Wanted("cancel_order", {"order_id": order}), opened]


def _copy_file(results: Results, source: str, target: str) -> Plan:
    reading = Wanted("read_file", {"path": source})
    yield [reading]
    yield [Wanted("write_file", {"path": target, "content": _after(results, reading).get("content")})]


def _move_event(results: Results, title: str, day: str, new_day: str, start: str) -> Plan:
    listing = Wanted("list_events", {"date": day})
    yield [listing]
    for event in _rows(_after(results, listing), "events", "title", title)[:1]:
        yield [Wanted("move_event", {"event_id": event.get("event_id"), "date": new_day, "start": start})]


def _refund_share(results: Results, percent: str, order: str) -> Plan:
    getting = Wanted("get_order", {"order_id": order})
    yield [getting]
    share = Wanted("percent_of", {"percent": _number(percent), "amount": _after(results, getting).get("total")})
    yield [share]
    yield [Wanted("refund_order", {"order_id": order, "amount": _after(results, share).get("result")})]


def _ticket_for_name(results: Results, name: str, title: str, priority: str) -> Plan:
    finding = Wanted("find_customers", {"name": name})
    yield [finding]
    for customer in _rows(_after(results, finding), "customers", "name", name)[:1]:
        key = customer.get("customer_id")
        yield [Wanted("open_ticket", {"customer_id": key, "title": title, "priority": priority})]


def _comment_and_close(results: Results, text: str, ticket: str, closed: str) -> Plan:
    del results
    yield [Wanted("comment_on_ticket", {"ticket_id": ticket, "text": text})]
    yield [Wanted("close_ticket", {"ticket_id": closed})]


def _cite_article(results: Results, query: str, title: str, ticket: str) -> Plan:
    searching = Wanted("search_articles", {"query": query})
    yield [searching]
    for article in _rows(_after(results, searching), "articles", "title", title)[:1]:
        yield [Wanted("comment_on_ticket", {"ticket_id": ticket, "text": article.get("article_id")})]


def _calculate_to_file(results: Results, expression: str, path: str) -> Plan:
    calculating = Wanted("calculate", {"expression": expression})
    yield [calculating]
    yield [Wanted("write_file", {"path": path, "content": str(_after(results, calculating).get("result"))})]


def _cancel_open_orders(results: Results, customer: str, status: str) -> Plan:
    listing = Wanted("list_orders", {"customer_id": customer})
    yield [listing]
    orders = _rows(_after(results, listing), "orders", "status", status)
    yield [Wanted("cancel_order", {"order_id": order.get("order_id")}) for order in orders]


def _event_and_delete(results: Results, title: str, day: str, start: str, minutes: str, path: str) -> Plan:
    del results
    event = {"title": title, "date": day, "start": start, "minutes": _number(minutes)}
    yield [Wanted("create_event", event), Wanted("delete_file", {"path": path})]


def _nothing(results: Results) -> Plan:
    del results
    yield from ()


_TASKS: Sequence[tuple[re.Pattern[str], Callable[..., Plan]]] = tuple(
    (re.compile(form), plan)
    for form, plan in (
        (r'Cancel order (\S+) and open a ticket for customer (\S+) titled "(.+)"\.', _cancel_and_ticket),
        (r"Read the file (\S+) and write its content, unchanged, to the file (\S+)\.", _copy_file),
        (r'Find the event titled "(.+)" on (\S+) and move it to (\S+) at (\S+)\.', _move_event),
        (r"Refund (\S+) percent of the total of order (\S+)\.", _refund_share),
        (
            r'Find the customer named "(.+)" and open a ticket for that customer titled "(.+)" with priority (\w+)\.',
            _ticket_for_name,
        ),
        (r'Comment "(.+)" on ticket (\S+), then close ticket (\S+)\.', _comment_and_close),
        (
            r'Search the articles for "(.+)" and comment the id of the article titled "(.+)" on ticket (\S+)\.',
            _cite_article,
        ),
        (r"Calculate (.+) and write the result, digits only, to the file (\S+)\.", _calculate_to_file),
        (r'Cancel every order of customer (\S+) whose status is "(.+)"\.', _cancel_open_orders),
        (
            r'Create an event titled "(.+)" on (\S+) at (\S+) for (\d+) minutes and delete the file (\S+)\.',
            _event_and_delete,
        ),
        (r"Nothing is to be done\. Reply with the word DONE\.", _nothing),
    )
)


def plan_of(words: str, results: Results) -> Plan | None:
    """The plan for a task in these words; None where they are none that it understands."""
    for form, plan in _TASKS:
        if found := form.fullmatch(words.strip()):
            return plan(results, *found.groups())
    return None


def is_named(tool: str, words: str) -> bool:
    """Whether the words speak of all that a tool's name says: then the task may well need it."""
    said = words.casefold()
    return all(part in said for part in tool.casefold().split("_") if part not in _SMALL_WORDS)


def next_calls(plan: Plan, results: Results) -> Sequence[Wanted]:
    """The calls that can be made now and have not worked yet; none where all is done."""
    for stage in plan:
        left = [wanted for wanted in stage if results.of(wanted) is None]
        if left:
            return left
    return ()


def _rows(result: Mapping[str, Any], key: str, column: str, value: str) -> list[Arguments]:
    rows = result.get(key)
    return [row for row in rows if isinstance(row, dict) and row.get(column) == value] if isinstance(rows, list) else []


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)
