import unittest

from limits import Limiter, Rule, RuleError, parse_rule, parse_rules


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Rules(unittest.TestCase):
    def test_how_rules_are_written(self) -> None:
        self.assertEqual(parse_rule("100/minute"), Rule(100, 60))
        self.assertEqual(parse_rule(" 5 per 10 Seconds"), Rule(5, 10))
        self.assertEqual(parse_rules("100/hour; 5/second"), (Rule(5, 1), Rule(100, 3600)))

    def test_what_is_no_rule(self) -> None:
        for text in ("", "5", "5/fortnight", "0/second", "5 per 0 seconds"):
            with self.subTest(text), self.assertRaises(RuleError):
                parse_rules(text)


class Deciding(unittest.TestCase):
    def test_up_to_the_limit_and_again_when_the_first_is_over(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(2, 10)], clock)
        self.assertEqual([limiter.ask("a").remaining for _ in range(2)], [1, 0])
        clock.now = 4.0
        refused = limiter.ask("a")
        self.assertEqual((refused.allowed, refused.retry_after, refused.broken), (False, 6.0, Rule(2, 10)))
        clock.now = 10.0
        self.assertTrue(limiter.ask("a").allowed)

    def test_callers_do_not_share(self) -> None:
        limiter = Limiter([Rule(1, 10)], Hand())
        self.assertTrue(limiter.ask("a").allowed)
        self.assertTrue(limiter.ask("b").allowed)
        self.assertFalse(limiter.ask("a").allowed)

    def test_the_strictest_rule_decides(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(2, 1), Rule(3, 60)], clock)
        self.assertEqual([limiter.ask("a").remaining for _ in range(2)], [1, 0])
        clock.now = 2.0
        self.assertEqual(limiter.ask("a").remaining, 0)
        self.assertEqual(limiter.ask("a").broken, Rule(3, 60))

    def test_what_is_refused_does_not_count(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(1, 10)], clock)
        for clock.now in (0.0, 5.0, 9.0):
            limiter.ask("a")
        clock.now = 10.0
        self.assertTrue(limiter.ask("a").allowed)

    def test_looking_counts_nothing(self) -> None:
        limiter = Limiter([Rule(1, 10)], Hand())
        self.assertEqual([limiter.peek("a").remaining for _ in range(3)], [1, 1, 1])
        limiter.ask("a")
        self.assertEqual(limiter.peek("a").headers(), {"X-RateLimit-Remaining": "0", "Retry-After": "10"})


if __name__ == "__main__":
    unittest.main()
