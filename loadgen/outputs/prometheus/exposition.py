"""A run's whole text: what a scrape returns while it runs, and metrics.prom when it has ended.

Made by the master as the load begins and fed with every snapshot. Rendering happens once a second, never at a scrape.
"""

from typing import Final

from loadgen.metrics.aggregate import LIVE_RETENTION_S, Aggregate
from loadgen.metrics.snapshot import Snapshot
from loadgen.metrics.window import Window
from loadgen.outputs.prometheus.cells import Cells
from loadgen.outputs.prometheus.run_gauges import RECENT, Outcome, RunGauges, Subject
from loadgen.outputs.prometheus.text import Family, to_openmetrics, to_scrape
from loadgen.outputs.run_folder import RunFolder

NAME: Final = "metrics.prom"


class Exposition:
    """One run's. `add` takes every snapshot that the aggregate has taken, once."""

    def __init__(self, subject: Subject, aggregate: Aggregate) -> None:
        self._aggregate = aggregate
        self._cells = Cells(aggregate.plan, subject.labels, subject.currency)
        self._gauges = RunGauges(subject)
        self._window = Window(RECENT, LIVE_RETENTION_S)

    def add(self, snapshot: Snapshot) -> None:
        """Take in what a worker has reported."""
        self._window.add(snapshot)

    def text(self, now_s: float, outcome: Outcome | None = None) -> bytes:
        """What a scrape returns, `now_s` seconds after the run's start. outcome: once it has ended."""
        return to_scrape(self._families(now_s, outcome))

    def write(self, folder: RunFolder, now_s: float, outcome: Outcome) -> bool:
        """Write metrics.prom: the last values, stamped with the run's end. False where the disk would not take it."""
        return folder.write_bytes(NAME, to_openmetrics(self._families(now_s, outcome), outcome.end_unix_s))

    def _families(self, now_s: float, outcome: Outcome | None) -> list[Family]:
        self._window.move_to(now_s)
        return [
            *self._cells.families(self._aggregate),
            *self._gauges.families(self._aggregate, self._window, now_s, outcome),
        ]
