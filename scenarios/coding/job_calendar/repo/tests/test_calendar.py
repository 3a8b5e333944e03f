import unittest

from jobs import Clock, Daily, Every
from jobs.calendar import DAY


class Rules(unittest.TestCase):
    def test_the_first_time_is_not_before_now(self) -> None:
        rule = Every(60, offset=10)
        self.assertEqual([rule.first(now) for now in (0, 10, 11, 70, 71)], [10, 10, 70, 70, 130])

    def test_from_time_to_time(self) -> None:
        self.assertEqual(Every(60, offset=10).after(70), 130)

    def test_daily(self) -> None:
        rule = Daily(3600)
        self.assertEqual([rule.first(now) for now in (0, 3600, 3601)], [3600, 3600, DAY + 3600])
        self.assertEqual([rule.after(moment) for moment in (0, 3600)], [3600, DAY + 3600])

    def test_nonsense_is_refused(self) -> None:
        for make in (lambda: Every(0), lambda: Daily(DAY), lambda: Clock().advance(-1)):
            with self.assertRaises(ValueError):
                make()


if __name__ == "__main__":
    unittest.main()
