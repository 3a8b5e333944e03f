"""What people see of an order."""

from orders.model import Order
from orders.states import events_of, is_final

_TEXTS = {
    "cart": "not ordered yet",
    "placed": "waiting for your payment",
    "paid": "paid, being packed soon",
    "packed": "packed",
    "shipped": "on its way",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "returning": "on its way back",
    "returned": "returned",
}
_LABELS = {"place": "Order now", "pay": "Pay", "cancel": "Cancel", "return": "Send back", "receive": "Check in"}
_STAFF = ("pack", "ship", "deliver", "receive")


def describe(order: Order) -> str:
    """One line for the customer."""
    text = _TEXTS.get(order.state, order.state)
    ending = " Nothing more will happen." if is_final(order.state) else ""
    return f"Order {order.number} ({order.total / 100:.2f}): {text}.{ending}"


def buttons(order: Order, *, staff: bool = False) -> list[str]:
    """What can be clicked: a label for each event that is possible, those of the staff only for them."""
    return [_LABELS.get(event, event.capitalize()) for event in events_of(order.state) if staff or event not in _STAFF]
