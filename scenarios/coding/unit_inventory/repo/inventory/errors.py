"""What can go wrong with stock."""


class InventoryError(Exception):
    """Base of the package's errors."""


class UnitError(InventoryError):
    """A unit that is not known, or that does not fit another one."""


class NotEnough(InventoryError):
    """Less is there than was asked for."""
