import unittest

from limits import Limiter, Rule


class Moment(float):
    """A moment that counts how often moments are compared; what is calculated with it is one, too."""

    compared = 0

    def _other(self, other: float) -> float:
        Moment.compared += 1
        return float(other)

    def __lt__(self, other: float) -> bool:
        return float(self) < self._other(other)

    def __le__(self, other: float) -> bool:
        return float(self) <= self._other(other)

    def __gt__(self, other: float) -> bool:
        return float(self) > self._other(other)

    def __ge__(self, other: float) -> bool:
        return float(self) >= self._other(other)

    def __add__(self, other: float) -> "Moment":
        return Moment(float(self) + float(other))

    def __sub__(self, other: float) -> "Moment":
        return Moment(float(self) - float(other))

    __radd__ = __add__


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> Moment:
        return Moment(self.now)


class Load(unittest.TestCase):
    def setUp(self) -> None:
        Moment.compared = 0
        self.clock = Hand()

    def test_a_call_costs_the_same_whatever_the_limit_is(self) -> None:
        limiter = Limiter([Rule(200, 3600)], self.clock)
        for second in range(300):
            self.clock.now = float(second)
            limiter.ask("a")
        self.assertLessEqual(Moment.compared, 12 * 300)

    def test_a_call_costs_the_same_whoever_else_calls(self) -> None:
        limiter = Limiter([Rule(5, 60), Rule(50, 3600)], self.clock)
        for number in range(600):
            self.clock.now = number / 10
            limiter.ask(f"caller {number % 200}")
        self.assertLessEqual(Moment.compared, 24 * 600)

    def test_callers_of_whom_nothing_counts_are_forgotten(self) -> None:
        limiter = Limiter([Rule(5, 60)], self.clock)
        for number in range(400):
            self.clock.now = float(number)
            limiter.ask(f"caller {number}")
        self.assertLessEqual(len(limiter), 61)


if __name__ == "__main__":
    unittest.main()
