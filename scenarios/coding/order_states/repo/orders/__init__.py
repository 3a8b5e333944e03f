"""Orders of a small shop, from the cart to the doorstep."""

from orders.audit import audit
from orders.display import buttons, describe
from orders.errors import NotAllowed, OrderError
from orders.model import Line, Order
from orders.service import Service

__all__ = ["Line", "NotAllowed", "Order", "OrderError", "Service", "audit", "buttons", "describe"]
