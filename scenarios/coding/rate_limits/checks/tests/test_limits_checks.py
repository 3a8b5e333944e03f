import random
import unittest
from collections import defaultdict

from limits import Limiter, Rule
from tests.test_load import Hand, Moment


class Plain:
    """The limiter as it is meant, as slow as can be."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self.moments: dict[str, list[float]] = defaultdict(list)

    def ask(self, key: str, now: float, count: bool) -> tuple[bool, int, float | None, Rule | None]:
        waits, left = [], []
        for rule in self.rules:
            counting = [moment for moment in self.moments[key] if moment > now - rule.seconds]
            left.append(rule.limit - len(counting))
            waits.append(
                counting[len(counting) - rule.limit] + rule.seconds - now if len(counting) >= rule.limit else 0
            )
        if max(waits) > 0:
            return False, 0, max(waits), self.rules[waits.index(max(waits))]
        if count:
            self.moments[key].append(now)
        return True, min(left) - count, None, None


class Checks(unittest.TestCase):
    def test_every_decision_is_what_it_was(self) -> None:
        rng = random.Random(3)
        for rules in ([Rule(3, 5)], [Rule(2, 1), Rule(6, 10)], [Rule(1, 2), Rule(2, 2), Rule(4, 30)]):
            clock = Hand()
            limiter, plain = Limiter(rules, clock), Plain(rules)
            for step in range(600):
                clock.now += rng.choice((0, 0, 0.25, 0.5, 1, 2, 12 if step % 50 == 0 else 0))
                key, count = rng.choice("abcd"), rng.random() < 0.8
                decision = limiter.ask(key) if count else limiter.peek(key)
                found = (decision.allowed, decision.remaining, decision.retry_after, decision.broken)
                self.assertEqual(found, plain.ask(key, clock.now, count), f"step {step} of {rules}")

    def test_refused_calls_cost_no_more(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(100, 3600)], clock)
        for number in range(200):
            clock.now = number / 1000
            limiter.ask("a")
        Moment.compared = 0
        for number in range(200):
            clock.now = 1 + number / 1000
            limiter.ask("a")
            limiter.peek("a")
        self.assertLessEqual(Moment.compared, 24 * 200)

    def test_looking_keeps_nobody(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(5, 60)], clock)
        for number in range(300):
            clock.now = float(number)
            limiter.peek(f"visitor {number}")
            limiter.ask("a")
        self.assertLessEqual(len(limiter), 61)

    def test_a_caller_who_still_counts_is_kept(self) -> None:
        clock = Hand()
        limiter = Limiter([Rule(1, 1), Rule(2, 100)], clock)
        for clock.now in (0.0, 2.0):
            self.assertTrue(limiter.ask("a").allowed)
        for number in range(90):
            clock.now = 3.0 + number
            limiter.ask(f"other {number}")
        self.assertFalse(limiter.ask("a").allowed)
        clock.now = 100.0
        self.assertTrue(limiter.ask("a").allowed)


if __name__ == "__main__":
    unittest.main()
