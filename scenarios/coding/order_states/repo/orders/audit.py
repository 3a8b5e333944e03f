"""Checking what was written down: is the history of an order one that can have happened?"""

from collections.abc import Iterable

from orders.model import Order

_ALLOWED = {
    "cart": {"place": "placed", "cancel": "cancelled"},
    "placed": {"pay": "paid", "cancel": "cancelled"},
    "paid": {"pack": "packed", "cancel": "cancelled"},
    "packed": {"ship": "shipped", "cancel": "returning"},
    "shipped": {"deliver": "delivered", "return": "returning"},
    "delivered": {"return": "returning"},
    "returning": {"receive": "returned"},
}


def audit(orders: Iterable[Order]) -> list[str]:
    """A line for every step that cannot have happened, and for every order whose state is not that of its history."""
    return [finding for order in orders for finding in _findings(order)]


def _findings(order: Order) -> list[str]:
    found = []
    state = "cart"
    for number, (event, after) in enumerate(order.history, start=1):
        expected = _ALLOWED.get(state, {}).get(event)
        if expected is None:
            found.append(f"order {order.number}, step {number}: {event} while {state}")
        elif expected != after:
            found.append(f"order {order.number}, step {number}: {event} leads to {expected}, not to {after}")
        state = after
    if order.state != state:
        found.append(f"order {order.number}: is {order.state}, its history ends {state}")
    return found
