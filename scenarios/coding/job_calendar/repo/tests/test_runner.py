import unittest

from jobs import Clock, Daily, Every, Job, Runner
from jobs.calendar import DAY


def quick(now: int) -> int:
    return 0


class Running(unittest.TestCase):
    def test_jobs_run_when_they_are_due(self) -> None:
        runner = Runner(Clock(), [Job("a", Every(60), quick), Job("b", Every(100, offset=5), quick)])
        runner.run_until(121)
        self.assertEqual(
            [(run.job, run.began) for run in runner.log], [("a", 0), ("b", 5), ("a", 60), ("b", 105), ("a", 120)]
        )

    def test_the_higher_priority_goes_first(self) -> None:
        runner = Runner(Clock(), [Job("low", Daily(10), quick), Job("high", Daily(10), quick, priority=5)])
        runner.run_until(11)
        self.assertEqual([run.job for run in runner.log], ["high", "low"])

    def test_a_job_that_raises_is_noted_and_runs_again(self) -> None:
        def broken(now: int) -> int:
            raise RuntimeError("no disk")

        runner = Runner(Clock(), [Job("backup", Daily(0), broken), Job("mail", Daily(0), quick)])
        runner.run_until(DAY + 1)
        self.assertEqual([run.job for run in runner.log], ["backup", "mail", "backup", "mail"])
        self.assertEqual(runner.log[0].error, "RuntimeError: no disk")

    def test_one_job_waits_for_the_other(self) -> None:
        runner = Runner(Clock(), [Job("long", Daily(0), lambda now: 50), Job("short", Daily(10), lambda now: 1)])
        runner.run_until(100)
        self.assertEqual([(run.due, run.began, run.ended) for run in runner.log], [(0, 0, 50), (10, 50, 51)])


if __name__ == "__main__":
    unittest.main()
