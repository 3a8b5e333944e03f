import unittest

from inventory import NotEnough, Stock, UnitError, kitchen_units, valuation


def kitchen() -> Stock:
    """Wine came in boxes of six litre bottles first; the oil's bottles are smaller."""
    units = kitchen_units()
    units.pack("box", 6, "bottle", 1, "l")
    units.pack("crate", 6, "bottle", "0.75", "l")
    stock = Stock(units)
    stock.buy("wine", "1 box", 440, per="1 l")
    stock.buy("flour", "25 kg", 72, per="1 kg")
    stock.buy("oil", "1 crate", 400, per="1 l")
    return stock


class Valuing(unittest.TestCase):
    def test_the_stock_of_the_kitchen(self) -> None:
        self.assertEqual(valuation(kitchen()), {"flour": 1800, "oil": 1800, "wine": 2640, "total": 6240})

    def test_each_article_is_rounded_by_itself(self) -> None:
        stock = Stock(kitchen_units())
        stock.buy("eggs", "5 piece", 290, per="1 dozen")
        stock.buy("salt", "1/2 kg", 45, per="1 kg")
        self.assertEqual(valuation(stock), {"eggs": 121, "salt": 22, "total": 143})

    def test_what_is_used_is_worth_nothing(self) -> None:
        stock = Stock(kitchen_units())
        stock.buy("milk", "2 l", 100, per="1 l")
        stock.buy("milk", "100 cl", 130, per="1 l")
        stock.use("milk", "2500 ml")
        self.assertEqual(valuation(stock), {"milk": 65, "total": 65})
        with self.assertRaises(NotEnough):
            stock.use("milk", "1 l")
        self.assertEqual(str(stock.total("milk", "cl")), "50 cl")

    def test_a_price_must_measure_the_same(self) -> None:
        with self.assertRaises(UnitError):
            Stock(kitchen_units()).buy("eggs", "1 dozen", 30, per="100 g")


if __name__ == "__main__":
    unittest.main()
