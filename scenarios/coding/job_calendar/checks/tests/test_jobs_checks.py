import unittest

from jobs import Clock, Every, Job, Runner, report
from jobs.report import TOLERANCE


class Checks(unittest.TestCase):
    def test_the_grid_is_kept_whatever_the_work_takes(self) -> None:
        for seconds in (1, 7, 59):
            with self.subTest(seconds):
                runner = Runner(Clock(), [Job("a", Every(60, offset=5), lambda now, took=seconds: took)])
                runner.run_until(605)
                self.assertEqual([run.began for run in runner.log], list(range(5, 605, 60)))
                self.assertEqual([run.due for run in runner.log], list(range(5, 605, 60)))

    def test_waiting_for_another_job_moves_no_later_time(self) -> None:
        jobs = [Job("long", Every(300), lambda now: 40, priority=1), Job("short", Every(60), lambda now: 1)]
        runner = Runner(Clock(), jobs)
        runner.run_until(301)
        began = [run.began for run in runner.log if run.job == "short"]
        self.assertEqual(began, [40, 60, 120, 180, 240, 340])

    def test_the_tolerance_is_what_it_was(self) -> None:
        self.assertEqual(TOLERANCE, 30)

    def test_what_is_really_late_is_counted(self) -> None:
        jobs = [Job("long", Every(3600), lambda now: 31, priority=1), Job("sync", Every(3600), lambda now: 1)]
        runner = Runner(Clock(), jobs)
        runner.run_until(4 * 3600)
        figures = {found.job: found for found in report(runner.log, slots={"sync": 3600, "long": 3600})}
        self.assertEqual((figures["sync"].late, figures["sync"].worst, figures["long"].late), (4, 31, 0))


if __name__ == "__main__":
    unittest.main()
