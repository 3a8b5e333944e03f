"""What is on the shelves: lots, used up oldest first."""

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction

from inventory.errors import NotEnough
from inventory.quantity import Quantity
from inventory.units import Units


@dataclass(frozen=True)
class Lot:
    """Some of an article, bought at a price (in cents) for so much of a unit."""

    article: str
    quantity: Quantity
    price: int
    per: Quantity


class Stock:
    """Lots by article, in the order in which they came. `packages` are the sizes of containers by article."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self._lots: dict[str, list[Lot]] = defaultdict(list)

    @property
    def articles(self) -> list[str]:
        """The articles of which there is some."""
        return sorted(article for article, lots in self._lots.items() if lots)

    def lots(self, article: str) -> tuple[Lot, ...]:
        """What there is of an article, oldest first."""
        return tuple(self._lots.get(article, ()))

    def buy(self, article: str, quantity: str, price: int, per: str) -> Lot:
        """Put something on the shelf: buy("flour", "25 kg", 80, per="1 kg").

        Raises UnitError where quantity and price do not measure the same thing.
        """
        lot = Lot(article, Quantity.parse(quantity), price, Quantity.parse(per))
        self.units.factor(lot.quantity.unit, lot.per.unit)
        self._lots[article].append(lot)
        return lot

    def total(self, article: str, unit: str) -> Quantity:
        """How much there is of an article."""
        parts = [lot.quantity.within(self.units, unit).amount for lot in self.lots(article)]
        return Quantity(sum(parts, Fraction(0)), unit)

    def use(self, article: str, quantity: str) -> None:
        """Take something off the shelf, from the oldest lots. Raises NotEnough, and then nothing is taken."""
        wanted = Quantity.parse(quantity)
        there = self.total(article, wanted.unit)
        if there.amount < wanted.amount:
            raise NotEnough(f"{quantity} of {article} wanted, {there} there")
        left, kept = wanted.amount, []
        for lot in self._lots[article]:
            amount = lot.quantity.within(self.units, wanted.unit).amount
            taken = min(amount, left)
            left -= taken
            if amount > taken:
                rest = Quantity(amount - taken, wanted.unit).within(self.units, lot.quantity.unit)
                kept.append(replace(lot, quantity=rest))
        self._lots[article] = kept
