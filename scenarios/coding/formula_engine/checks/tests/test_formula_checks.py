import unittest

from formula import FormulaError, evaluate, names, parse, show


def value(text: str, **variables: float) -> float:
    return evaluate(parse(text), variables)


class Checks(unittest.TestCase):
    def test_the_conditional_goes_right(self) -> None:
        text = "n < 0 ? 1 : n < 10 ? 2 : 3"
        self.assertEqual([value(text, n=n) for n in (-1, 5, 50)], [1, 2, 3])
        self.assertEqual(value("1 ? 0 ? 5 : 6 : 7"), 6)

    def test_logic_gives_one_or_zero(self) -> None:
        self.assertEqual(
            [value(text) for text in ("5 and 7", "0 or 3", "0 or 0", "5 and 0", "-2 or 0")], [1, 1, 0, 0, 1]
        )
        self.assertIsInstance(value("5 and 7"), float)
        self.assertIsInstance(value("1 < 2"), float)

    def test_or_stops_at_the_first_truth(self) -> None:
        self.assertEqual(value("1 or nobody"), 1)
        with self.assertRaises(FormulaError):
            value("0 or nobody")
        self.assertEqual(value("1 ? 2 : 1 / 0"), 2)

    def test_every_comparison(self) -> None:
        found = {sign: [value(f"a {sign} 2", a=a) for a in (1, 2, 3)] for sign in ("<", "<=", ">", ">=", "==", "!=")}
        self.assertEqual(
            found,
            {"<": [1, 0, 0], "<=": [1, 1, 0], ">": [0, 0, 1], ">=": [0, 1, 1], "==": [0, 1, 0], "!=": [1, 0, 1]},
        )

    def test_what_is_no_rule(self) -> None:
        for text in ("1 == 2 == 3", "1 < 2 == 1", "1 ? 2", "1 ? : 2", "and 1", "1 or", "1 = 2", "1 ! 2", "and", "1 :"):
            with self.subTest(text), self.assertRaises(FormulaError):
                parse(text)

    def test_words_within_names_stay_names(self) -> None:
        self.assertEqual(names(parse("android + order or orange")), {"android", "order", "orange"})

    def test_showing_keeps_the_tree(self) -> None:
        for text in (
            "(a or b) and c",
            "a or b and c",
            "a and (b and c)",
            "(a < b) == c",
            "(a ? b : c) ? d : e",
            "a ? b : c ? d : e",
            "a ? b ? c : d : e",
            "(a ? b : c) + 1",
            "max(a ? b : c, d or e)",
            "-(a < b)",
            "a < b + 1",
            "(a < b) + 1",
            "a or (b ? c : d)",
        ):
            with self.subTest(text):
                self.assertEqual(show(parse(text)), text)
                self.assertEqual(parse(show(parse(text))), parse(text))


if __name__ == "__main__":
    unittest.main()
