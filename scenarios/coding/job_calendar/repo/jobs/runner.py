"""Running jobs when they are due, one after the other."""

from collections.abc import Iterable

from jobs.agenda import Agenda
from jobs.clock import Clock
from jobs.model import Job, Run


class Runner:
    """Runs jobs on a clock and keeps a log of what it did. A job that raises does not stop the others."""

    def __init__(self, clock: Clock, jobs: Iterable[Job]) -> None:
        self._clock = clock
        self._agenda = Agenda()
        self.log: list[Run] = []
        for job in jobs:
            self._agenda.put(job.rule.first(clock.now), job)

    def run_until(self, end: int) -> None:
        """Run all that is due before a moment, and let the time pass up to it."""
        while (moment := self._agenda.next_moment()) is not None and moment < end:
            due, job = self._agenda.take()
            self._clock.wait_until(due)
            self.log.append(self._run(due, job))
            self._agenda.put(job.rule.after(self._clock.now), job)
        self._clock.wait_until(end)

    def _run(self, due: int, job: Job) -> Run:
        began = self._clock.now
        error = None
        try:
            self._clock.advance(job.work(began))
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        return Run(job.name, due, began, self._clock.now, error)
