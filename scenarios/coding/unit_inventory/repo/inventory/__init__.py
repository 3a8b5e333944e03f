"""Stock that is bought in one unit, counted in another and used in a third."""

from inventory.errors import InventoryError, NotEnough, UnitError
from inventory.quantity import Quantity
from inventory.stock import Lot, Stock
from inventory.units import Units, kitchen_units
from inventory.valuation import valuation, value_of

__all__ = [
    "InventoryError",
    "Lot",
    "NotEnough",
    "Quantity",
    "Stock",
    "UnitError",
    "Units",
    "kitchen_units",
    "valuation",
    "value_of",
]
