"""What happens to orders, with all that it does to the stock and to the till."""

from collections import Counter
from collections.abc import Mapping

from orders.errors import NotAllowed, OutOfStock
from orders.model import Order


class Service:
    """Leads orders from state to state; `stock` is what is on the shelves, `refunded` and `taken` are cents."""

    def __init__(self, stock: Mapping[str, int]) -> None:
        self.stock = Counter(stock)
        self.taken = 0
        self.refunded = 0

    def apply(self, order: Order, event: str) -> Order:
        """Let an event happen to an order.

        Raises NotAllowed where it is not possible, and OutOfStock; then nothing has changed.
        """
        state = order.state
        if event == "place":
            if state != "cart":
                raise NotAllowed(state, event)
            after = "placed"
        elif event == "pay":
            if state != "placed":
                raise NotAllowed(state, event)
            after = "paid"
        elif event == "pack":
            if state != "paid":
                raise NotAllowed(state, event)
            after = "packed"
        elif event == "ship":
            if state != "packed":
                raise NotAllowed(state, event)
            after = "shipped"
        elif event == "deliver":
            if state != "shipped":
                raise NotAllowed(state, event)
            after = "delivered"
        elif event == "cancel":
            if state in ("cart", "placed", "paid"):
                after = "cancelled"
            elif state == "packed":
                after = "returning"
            else:
                raise NotAllowed(state, event)
        elif event == "return":
            if state not in ("shipped", "delivered"):
                raise NotAllowed(state, event)
            after = "returning"
        elif event == "receive":
            if state != "returning":
                raise NotAllowed(state, event)
            after = "returned"
        else:
            raise NotAllowed(state, event)
        self._effects(order, event)
        order.state = after
        order.history.append((event, after))
        return order

    def _effects(self, order: Order, event: str) -> None:
        if event == "place":
            self._reserve(order)
        elif event == "pay":
            self.taken += order.total
        elif event == "cancel":
            if order.state in ("placed", "paid"):
                self._put_back(order)
            if order.state == "paid":
                self.refunded += order.total
        elif event == "receive":
            self._put_back(order)
            self.refunded += order.total

    def _reserve(self, order: Order) -> None:
        wanted: Counter[str] = Counter()
        for line in order.lines:
            wanted[line.article] += line.quantity
        short = sorted(article for article, quantity in wanted.items() if self.stock[article] < quantity)
        if short:
            raise OutOfStock(", ".join(short))
        self.stock.subtract(wanted)

    def _put_back(self, order: Order) -> None:
        for line in order.lines:
            self.stock[line.article] += line.quantity
