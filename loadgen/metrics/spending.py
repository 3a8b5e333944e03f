"""Holds a run to its budget: what is spent, what is in flight, and whether the next second would go beyond.

Asked by the master a few times a second. Counts everything at its upper bound, in measured stages and outside of them,
for the bill makes no difference.
"""

from loadgen.metrics.aggregate import Aggregate

_HOUR_S = 3600.0
# Reports come once a second and the order to stop takes a moment: turns that begin meanwhile are allowed for.
_AHEAD_S = 1.5
_GROWTH_OVER_S = 3.0


class Spending:
    """One run's. `limit`: the budget; `before`: what was spent before the load; usd_per_hour: of one's own hardware."""

    def __init__(self, limit: float, *, before: float = 0.0, usd_per_hour: float | None = None) -> None:
        self.limit = limit
        self._before = before
        self._usd_per_s = (usd_per_hour or 0.0) / _HOUR_S
        self._seen: list[tuple[float, float]] = [(0.0, before)]

    def committed(self, aggregate: Aggregate, elapsed_s: float) -> float:
        """What the run has spent at most, with what its turns in flight may still cost."""
        counters = aggregate.counted(measured=False)
        in_flight = sum(worker.gauges.reserved for worker in aggregate.workers.values())
        spent = counters.cost_high + counters.cost_unknown_reserved + in_flight
        return self._before + spent + self._usd_per_s * max(0.0, elapsed_s)

    def exhausted(self, aggregate: Aggregate, elapsed_s: float) -> bool:
        """Whether the load must end now to stay within the budget, at the pace of the last seconds."""
        committed, at_s = self.committed(aggregate, elapsed_s), aggregate.elapsed_s
        if at_s > self._seen[-1][0]:
            self._seen.append((at_s, committed))
        while len(self._seen) > 2 and self._seen[1][0] <= at_s - _GROWTH_OVER_S:
            self._seen.pop(0)
        (from_s, before), (to_s, now) = self._seen[0], self._seen[-1]
        pace = max(0.0, now - before) / (to_s - from_s) if to_s > from_s else 0.0
        return self.broke(aggregate) or committed + pace * _AHEAD_S > self.limit

    @staticmethod
    def broke(aggregate: Aggregate) -> bool:
        """Whether a worker has stopped by itself because its share was spent."""
        return any(worker.gauges.broke for worker in aggregate.workers.values())
