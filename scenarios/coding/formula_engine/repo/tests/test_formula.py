import unittest

from formula import FormulaError, evaluate, names, parse, show


def value(text: str, **variables: float) -> float:
    return evaluate(parse(text), variables)


class Arithmetic(unittest.TestCase):
    def test_precedence(self) -> None:
        self.assertEqual(value("1 + 2 * 3 - 4 / 2"), 5)
        self.assertEqual(value("(1 + 2) * 3"), 9)
        self.assertEqual(value("-2 ^ 2"), -4)
        self.assertEqual(value("2 ^ 3 ^ 2"), 512)
        self.assertEqual(value("2 ^ -1"), 0.5)

    def test_subtraction_goes_left_to_right(self) -> None:
        self.assertEqual(value("10 - 3 - 2"), 5)

    def test_functions(self) -> None:
        self.assertEqual(value("max(1, 2, x) + min(3, 2)", x=7), 9)
        self.assertEqual(value("round(2.345, 1)"), 2.3)

    def test_names(self) -> None:
        self.assertEqual(names(parse("a + max(b, -c) * a")), {"a", "b", "c"})


class Mistakes(unittest.TestCase):
    def test_what_is_no_formula(self) -> None:
        for text in ("", "1 +", "(1", "1 2", "max(1,", "$"):
            with self.subTest(text), self.assertRaises(FormulaError):
                parse(text)

    def test_what_has_no_value(self) -> None:
        for text in ("1 / 0", "x", "sqrt(-1)", "what(1)", "abs()"):
            with self.subTest(text), self.assertRaises(FormulaError):
                value(text)


class Showing(unittest.TestCase):
    def test_only_needed_parentheses(self) -> None:
        for text in (
            "a - (b - c)",
            "a - b - c",
            "(a + b) * c",
            "-(a + b)",
            "(-a) ^ 2",
            "-a ^ 2",
            "2 ^ -x",
            "f(a + 1, 2)",
        ):
            with self.subTest(text):
                self.assertEqual(show(parse(text)), text)


if __name__ == "__main__":
    unittest.main()
