"""Quantiles of the last seconds over all workers, kept up to date snapshot by snapshot: for the Prometheus gauges.

Fed by the master once a snapshot. Summing the window's snapshots anew at every look takes 65 ms with ten workloads on
four workers; adding what comes and taking off what is too old takes 10 µs a histogram.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from loadgen.metrics.histogram import Counts, SparseHistogram, highest_us
from loadgen.metrics.snapshot import Metric, Snapshot


class _Sum:
    """Counts that can be taken off again."""

    __slots__ = ("counts", "n")

    def __init__(self) -> None:
        self.counts: Counts = np.zeros(0, dtype=np.int64)
        self.n = 0

    def add(self, sparse: SparseHistogram) -> None:
        index = sparse.indexes()
        if (missing := int(index[-1]) + 1 - len(self.counts)) > 0:
            self.counts = np.concatenate((self.counts, np.zeros(missing, dtype=np.int64)))
        self.counts[index] += sparse.count_values()
        self.n += sparse.n

    def take_off(self, sparse: SparseHistogram) -> None:
        self.counts[sparse.indexes()] -= sparse.count_values()
        self.n -= sparse.n


class Window:
    """The turns that ended in the last `length_s` of a run, whatever their stage, workload and worker."""

    def __init__(self, metrics: Iterable[Metric], length_s: float) -> None:
        self._length_s = length_s
        self._sums: dict[Metric, _Sum] = {metric: _Sum() for metric in metrics}
        self._held: deque[tuple[float, Metric, SparseHistogram]] = deque()

    def add(self, snapshot: Snapshot) -> None:
        """Take in what a worker reported; once each.

        What is too old by then goes: a run that nobody scrapes would keep all of its reports.
        """
        for keyed in snapshot.histograms:
            if (found := self._sums.get(keyed.metric)) is not None:
                found.add(keyed.sparse)
                self._held.append((snapshot.at_s, keyed.metric, keyed.sparse))
        self.move_to(snapshot.at_s)

    def move_to(self, now_s: float) -> None:
        """Forget what was reported longer ago than the window is; now_s is seconds from the run's start.

        Reports of several workers may come in another order than they were made in: one that waits behind a younger
        one stays for as long as that, which is the time a report takes to arrive.
        """
        while self._held and self._held[0][0] < now_s - self._length_s:
            _, metric, sparse = self._held.popleft()
            self._sums[metric].take_off(sparse)

    def quantiles(self, metric: Metric, wanted: Iterable[float]) -> list[float | None]:
        """Quantiles (0..1) in seconds by nearest rank; None where n < 1 / (1 - q), as in the summary."""
        found = self._sums[metric]
        if not found.n:
            return [None for _ in wanted]
        upto = np.cumsum(found.counts)
        return [_at(upto, found.n, q) for q in wanted]


def _at(upto: Counts, n: int, q: float) -> float | None:
    # Rounded first: 1 - 0.9 is a little less than 0.1, and 10 turns do settle a p90.
    if n < round(1 / (1 - q)):
        return None
    rank = max(1, int(-(-round(q * n, 6) // 1)))
    return highest_us(int(np.searchsorted(upto, rank))) / 1e6
