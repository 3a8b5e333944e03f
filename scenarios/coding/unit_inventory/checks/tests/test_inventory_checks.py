import unittest
from fractions import Fraction

from inventory import Quantity, Stock, UnitError, Units, kitchen_units, valuation


class Checks(unittest.TestCase):
    def test_packages_of_the_same_thing_in_any_order(self) -> None:
        for order in (("box", "crate", "case"), ("case", "crate", "box"), ("crate", "box", "case")):
            units = kitchen_units()
            held = {"box": (6, "1", "l"), "crate": (6, "0.75", "l"), "case": (12, "33", "cl")}
            for name in order:
                count, amount, unit = held[name]
                units.pack(name, count, "bottle", amount, unit)
            with self.subTest(order):
                found = {name: units.factor(name, "cl") for name in held}
                self.assertEqual(found, {"box": 600, "crate": 450, "case": 396})

    def test_another_dimension(self) -> None:
        units = kitchen_units()
        units.pack("net", 5, "bag", "200", "g")
        units.pack("sack", 10, "bag", "1/2", "kg")
        stock = Stock(units)
        stock.buy("onions", "2 sack", 150, per="1 kg")
        stock.buy("lemons", "3 net", 400, per="1 kg")
        self.assertEqual(valuation(stock), {"lemons": 1200, "onions": 1500, "total": 2700})

    def test_what_is_packed_is_known_by_its_first_size(self) -> None:
        units = Units("ml")
        units.pack("tray", 6, "cup", 200, "ml")
        self.assertEqual((units.factor("cup", "ml"), units.factor("tray", "cup")), (200, 6))
        units.pack("palette", 4, "tray")
        self.assertEqual(units.factor("palette", "ml"), 4800)

    def test_a_price_by_the_crate(self) -> None:
        units = kitchen_units()
        units.pack("box", 6, "bottle", 1, "l")
        units.pack("crate", 6, "bottle", "0.75", "l")
        stock = Stock(units)
        stock.buy("oil", "9 l", 1800, per="1 crate")
        self.assertEqual(valuation(stock)["oil"], 3600)
        self.assertEqual(stock.total("oil", "crate"), Quantity(Fraction(2), "crate"))

    def test_names_are_still_taken_once(self) -> None:
        units = kitchen_units()
        units.pack("box", 6, "bottle", 1, "l")
        with self.assertRaises(UnitError):
            units.pack("box", 12, "bottle", 1, "l")
        with self.assertRaises(UnitError):
            units.pack("lot", 12, "bottle", 1, "gallon")


if __name__ == "__main__":
    unittest.main()
