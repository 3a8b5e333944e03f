import unittest
from fractions import Fraction

from inventory import Quantity, UnitError, Units, kitchen_units


class Defining(unittest.TestCase):
    def test_from_one_unit_to_another(self) -> None:
        units = kitchen_units()
        self.assertEqual(units.factor("kg", "g"), 1000)
        self.assertEqual(units.factor("cl", "l"), Fraction(1, 100))
        units.define("ladle", "0.25", of="l")
        self.assertEqual(units.factor("ladle", "cl"), 25)

    def test_what_does_not_fit(self) -> None:
        units = kitchen_units()
        for unit, into in (("kg", "l"), ("stone", "g"), ("g", "stone")):
            with self.subTest(unit), self.assertRaises(UnitError):
                units.factor(unit, into)

    def test_what_cannot_be_defined(self) -> None:
        for name, amount, of in (("kg", 1, "g"), ("ton", 1000, "quintal"), ("nothing", 0, "g")):
            with self.subTest(name), self.assertRaises(UnitError):
                kitchen_units().define(name, amount, of)

    def test_packages(self) -> None:
        units = Units("ml")
        units.define("l", 1000, of="ml")
        units.pack("tray", 6, "cup", "0.2", "l")
        self.assertEqual(units.factor("tray", "l"), Fraction(6, 5))
        self.assertEqual(units.factor("tray", "cup"), 6)


class Quantities(unittest.TestCase):
    def test_reading_and_showing(self) -> None:
        self.assertEqual(Quantity.parse("3/4 l"), Quantity(Fraction(3, 4), "l"))
        self.assertEqual(str(Quantity.parse("2.50kg")), "2.5 kg")
        with self.assertRaises(UnitError):
            Quantity.parse("some flour")


if __name__ == "__main__":
    unittest.main()
