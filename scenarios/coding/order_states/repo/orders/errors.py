"""What can be wrong with a request for an order."""


class OrderError(Exception):
    """Base of the package's errors."""


class NotAllowed(OrderError):
    """An event that is not possible in the state of an order."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event} is not possible for an order that is {state}")
        self.state = state
        self.event = event


class OutOfStock(OrderError):
    """There is not enough of an article."""
