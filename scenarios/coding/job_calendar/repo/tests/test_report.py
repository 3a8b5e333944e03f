import unittest

from jobs import Clock, Daily, Every, Job, Run, Runner, report

HOUR = 3600


class Reporting(unittest.TestCase):
    def test_an_hourly_job_of_a_few_seconds_is_punctual_all_day(self) -> None:
        runner = Runner(Clock(), [Job("sync", Every(HOUR), lambda now: 7)])
        runner.run_until(24 * HOUR)
        (figures,) = report(runner.log, slots={"sync": HOUR})
        self.assertEqual(figures.line(), "sync: 24 runs, 0 failed, 0 late (worst 0 s)")

    def test_a_job_that_waits_too_long_is_late(self) -> None:
        log = [
            Run("sync", 0, 0, 5),
            Run("sync", HOUR, HOUR + 31, HOUR + 40),
            Run("sync", 2 * HOUR, 2 * HOUR + 30, 9999),
        ]
        (figures,) = report(log, slots={"sync": HOUR})
        self.assertEqual((figures.late, figures.worst), (1, 31))

    def test_jobs_without_fixed_times_are_held_against_their_due_time(self) -> None:
        runner = Runner(Clock(), [Job("a", Daily(0), lambda now: 45), Job("b", Daily(1), lambda now: 1)])
        runner.run_until(HOUR)
        self.assertEqual(
            [figures.line() for figures in report(runner.log)],
            ["a: 1 runs, 0 failed, 0 late (worst 0 s)", "b: 1 runs, 0 failed, 1 late (worst 44 s)"],
        )

    def test_failures_are_counted(self) -> None:
        log = [Run("x", 0, 0, 0, "ValueError: no"), Run("x", 60, 60, 61)]
        (figures,) = report(log)
        self.assertEqual((figures.runs, figures.failed), (2, 1))


if __name__ == "__main__":
    unittest.main()
