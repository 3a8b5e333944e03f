"""Units and how they hang together: each is so many of another one, down to a base unit."""

from fractions import Fraction

from inventory.errors import UnitError


class Units:
    """A system of units. Base units measure one dimension each: g, ml, piece."""

    def __init__(self, *bases: str) -> None:
        # For each unit: how many base units it is, and which.
        self._sizes: dict[str, tuple[Fraction, str]] = {name: (Fraction(1), name) for name in bases}

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def define(self, name: str, amount: str | int, of: str) -> None:
        """Define a unit as so many of one that is known: define("kg", 1000, of="g").

        Raises UnitError for a name that is taken, an unknown unit and an amount that is not positive.
        """
        if name in self._sizes:
            raise UnitError(f"{name} is defined already")
        if of not in self._sizes:
            raise UnitError(f"{name} is defined by {of}, which is unknown")
        size = Fraction(amount)
        if size <= 0:
            raise UnitError(f"{name} can't be {amount} {of}")
        below, base = self._sizes[of]
        self._sizes[name] = (size * below, base)

    def pack(self, name: str, count: int, of: str, amount: str | int | None = None, unit: str | None = None) -> None:
        """Define a package: pack("crate", 6, of="bottle") or, with what each holds, pack("tray", 6, "cup", "0.2", "l").

        What is packed is defined as well, if it holds something and is not known yet.
        """
        if amount is not None and unit is not None and of not in self._sizes:
            self.define(of, amount, unit)
        self.define(name, count, of)

    def factor(self, unit: str, into: str) -> Fraction:
        """How many of one unit another one is. Raises UnitError where they measure different things."""
        for name in (unit, into):
            if name not in self._sizes:
                raise UnitError(f"unknown unit {name}")
        size, base = self._sizes[unit]
        other, other_base = self._sizes[into]
        if base != other_base:
            raise UnitError(f"{unit} and {into} measure different things")
        return size / other


def kitchen_units() -> Units:
    """The units of a kitchen."""
    units = Units("g", "ml", "piece")
    units.define("kg", 1000, of="g")
    units.define("l", 1000, of="ml")
    units.define("cl", 10, of="ml")
    units.define("dozen", 12, of="piece")
    return units
