"""Which event leads an order from which state to which: the one place where it is written down."""

from orders.errors import NotAllowed

TRANSITIONS: dict[tuple[str, str], str] = {
    ("cart", "place"): "placed",
    ("cart", "cancel"): "cancelled",
    ("placed", "pay"): "paid",
    ("placed", "cancel"): "cancelled",
    ("paid", "pack"): "packed",
    ("paid", "cancel"): "cancelled",
    ("packed", "ship"): "shipped",
    ("packed", "cancel"): "returning",
    ("shipped", "deliver"): "delivered",
    ("shipped", "return"): "returning",
    ("delivered", "return"): "returning",
    ("returning", "receive"): "returned",
}


def next_state(state: str, event: str) -> str:
    """The state after an event. Raises NotAllowed where the event is not possible."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise NotAllowed(state, event) from None


def events_of(state: str) -> list[str]:
    """The events that are possible in a state, sorted."""
    return sorted(event for before, event in TRANSITIONS if before == state)


def is_final(state: str) -> bool:
    """Whether nothing can happen any more."""
    return not events_of(state)
