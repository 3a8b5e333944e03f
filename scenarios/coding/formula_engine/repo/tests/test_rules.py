import unittest

from formula import FormulaError, evaluate, names, parse, show

RULE = "qty >= 10 and region == 2 ? price * 0.9 : price"


def value(text: str, **variables: float) -> float:
    return evaluate(parse(text), variables)


class Rules(unittest.TestCase):
    def test_the_rule_that_was_asked_for(self) -> None:
        self.assertEqual(value(RULE, qty=10, region=2, price=100), 90)
        self.assertEqual(value(RULE, qty=9, region=2, price=100), 100)
        self.assertEqual(value(RULE, qty=10, region=1, price=100), 100)

    def test_comparisons_give_one_or_zero(self) -> None:
        self.assertEqual(value("1 + 1 == 2"), 1)
        self.assertEqual(value("3 != 3"), 0)
        self.assertEqual(value("(2 < 1) + (2 <= 2) + (2 > 1)"), 2)

    def test_a_chain_is_refused(self) -> None:
        with self.assertRaises(FormulaError):
            parse("1 < 2 < 3")

    def test_and_binds_tighter_than_or(self) -> None:
        self.assertEqual(value("1 or 0 and 0"), 1)
        self.assertEqual(value("(1 or 0) and 0"), 0)

    def test_what_is_not_chosen_is_not_worked_out(self) -> None:
        self.assertEqual(value("n == 0 ? 0 : 10 / n", n=0), 0)
        self.assertEqual(value("n != 0 and 10 / n > 1", n=0), 0)

    def test_names_of_every_branch(self) -> None:
        self.assertEqual(names(parse(RULE)), {"qty", "region", "price"})

    def test_a_rule_is_shown_as_it_was_written(self) -> None:
        self.assertEqual(show(parse(RULE)), RULE)


if __name__ == "__main__":
    unittest.main()
