"""Whether the target is still there: from what the workers report, on the master."""

from loadgen.metrics.snapshot import Snapshot

# Nothing but connect failures for this long: the target is lost.
LOST_AFTER_S = 10.0


class TargetWatch:
    """One a run. Times are seconds from the run's start, as in the reports."""

    def __init__(self) -> None:
        self._refused_since_s: float | None = None
        self._chunks: dict[str, int] = {}

    def hear(self, report: Snapshot) -> None:
        """Take in a worker's report."""
        refused = answered = 0
        if report.gauges.chunks > self._chunks.get(report.worker, 0):
            answered = 1  # streams that flow have not ended yet, and are the best of answers
        self._chunks[report.worker] = report.gauges.chunks
        for counters in report.counters:
            connect = counters.failures.get("connect", 0) + counters.failures.get("tls", 0)
            refused += connect
            answered += counters.ok + counters.failed - connect
        if answered:
            self._refused_since_s = None
        elif refused and self._refused_since_s is None:
            self._refused_since_s = report.at_s

    def lost(self, now_s: float) -> bool:
        """Whether nothing but connect failures has come back for LOST_AFTER_S."""
        return self._refused_since_s is not None and now_s - self._refused_since_s >= LOST_AFTER_S
