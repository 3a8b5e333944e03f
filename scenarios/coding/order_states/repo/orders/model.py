"""An order and its lines. Money is in cents."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """So many of an article, each at a price."""

    article: str
    quantity: int
    price: int

    @property
    def total(self) -> int:
        """What the line costs."""
        return self.quantity * self.price


@dataclass
class Order:
    """What somebody wants; `history` holds (event, state after it) from the beginning."""

    number: int
    lines: tuple[Line, ...]
    state: str = "cart"
    history: list[tuple[str, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What the order costs."""
        return sum(line.total for line in self.lines)
