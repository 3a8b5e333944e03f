"""An amount with its unit."""

import re
from dataclasses import dataclass
from fractions import Fraction

from inventory.errors import UnitError
from inventory.units import Units

_TEXT = re.compile(r"(?P<amount>\d+(?:\.\d+)?|\d+/\d+)\s*(?P<unit>[A-Za-z_]+)")


@dataclass(frozen=True)
class Quantity:
    """So many of a unit, exactly."""

    amount: Fraction
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Quantity":
        """Read 2.5 kg, 3/4 l or 6 piece. Raises UnitError."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise UnitError(f"no quantity: {text!r}")
        return cls(Fraction(found["amount"]), found["unit"])

    def within(self, units: Units, unit: str) -> "Quantity":
        """The same in another unit. Raises UnitError."""
        return Quantity(self.amount * units.factor(self.unit, unit), unit)

    def __str__(self) -> str:
        return f"{float(self.amount):g} {self.unit}"
