"""What people see of an order."""

from orders.model import Order

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
    if order.state in ("delivered", "cancelled", "returned"):
        ending = "" if order.state == "delivered" else " Nothing more will happen."
    else:
        ending = ""
    return f"Order {order.number} ({order.total / 100:.2f}): {text}.{ending}"


def buttons(order: Order, *, staff: bool = False) -> list[str]:
    """What can be clicked: a label for each event that is possible, those of the staff only for them."""
    events = []
    if order.state in ("cart", "placed", "paid", "packed"):
        events.append("cancel")
    if order.state == "shipped":
        events.append("deliver")
    if order.state == "paid":
        events.append("pack")
    if order.state == "placed":
        events.append("pay")
    if order.state == "cart":
        events.append("place")
    if order.state == "returning":
        events.append("receive")
    if order.state in ("shipped", "delivered"):
        events.append("return")
    if order.state == "packed":
        events.append("ship")
    return [_LABELS.get(event, event.capitalize()) for event in events if staff or event not in _STAFF]
