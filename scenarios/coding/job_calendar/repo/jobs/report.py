"""How punctual the jobs were."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.calendar import DAY
from jobs.model import Run

# A job that begins up to so many seconds after its time is still punctual.
TOLERANCE = 30


@dataclass(frozen=True)
class Report:
    """The figures of one job: how often it ran, failed, began late, and by how many seconds at worst."""

    job: str
    runs: int
    failed: int
    late: int
    worst: int

    def line(self) -> str:
        """One line of the report."""
        return f"{self.job}: {self.runs} runs, {self.failed} failed, {self.late} late (worst {self.worst} s)"


def report(log: Iterable[Run], slots: dict[str, int] | None = None) -> list[Report]:
    """The figures of every job, by name.

    slots: for jobs that run at fixed times, the seconds between these times; their lateness is counted from the last
    such time before they began. Of other jobs it is counted from when they were due.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in log:
        runs[run.job].append(run)
    return [_figures(name, found, (slots or {}).get(name)) for name, found in sorted(runs.items())]


def _figures(name: str, runs: list[Run], slot: int | None) -> Report:
    lateness = [_lateness(run, slot) for run in runs]
    return Report(
        job=name,
        runs=len(runs),
        failed=sum(run.error is not None for run in runs),
        late=sum(seconds > TOLERANCE for seconds in lateness),
        worst=max(lateness),
    )


def _lateness(run: Run, slot: int | None) -> int:
    if slot is None:
        return run.began - run.due
    return run.began % DAY % slot
