"""What goes on right now, over the last seconds: read by the console while the run lasts.

A pure function of recent snapshots; judges nothing and keeps nothing.
"""

from collections.abc import Iterable, Sequence

import msgspec

from loadgen.metrics.counters import Counters
from loadgen.metrics.histogram import Histogram
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.snapshot import Gauges, Metric, Snapshot


class Recent(msgspec.Struct, frozen=True):
    """A snapshot still within the window, and the chunks its worker read since the one before (streams in flight
    included)."""

    snapshot: Snapshot
    chunks: int


class LiveView(msgspec.Struct, frozen=True):
    """Rates are per second over the window, quantiles of the turns that ended in it; counts are since the start.

    requests_per_s counts ok turns, as the summary does. stage: None in the drain and before the start. tokens_per_s:
    the known output tokens of the turns that ended. cpu_ratio: the busiest worker's engine thread, last second.
    A None was not measured in the window.
    """

    elapsed_s: float
    stage: str | None
    workers: int
    requests_per_s: float
    chunks_per_s: float
    tokens_per_s: float | None
    in_flight: int
    sessions_active: int
    ttft_p50_s: float | None
    ttft_p99_s: float | None
    itl_p50_s: float | None
    itl_p99_s: float | None
    schedule_lag_p99_s: float | None
    loop_lag_p99_s: float | None
    cpu_ratio: float | None
    sent: int
    ok: int
    failed: int
    cancelled: int
    dropped: int
    failures: dict[str, int]


def view_of(
    plan: RunPlan,
    recent: Iterable[Recent],
    gauges: Sequence[Gauges],
    cpu: Sequence[float | None],
    totals: Counters,
    *,
    now_s: float,
    window_s: float,
) -> LiveView:
    """The view at `now_s` over the snapshots taken in the `window_s` before it."""
    window = [item for item in recent if item.snapshot.at_s > now_s - window_s]
    # The first seconds of a run are divided by what has passed of it, not by a window that reaches before its start.
    span_s = max(min(window_s, now_s), 1e-9)
    counters = [counted for item in window for counted in item.snapshot.counters]
    tokens_known = any(counted.tokens[1] for counted in counters)
    stage = plan.stage_at(now_s)
    ttft, itl = merged_recent(window, "ttft"), merged_recent(window, "itl")
    return LiveView(
        elapsed_s=now_s,
        stage=None if stage is None else plan.stages[stage].name,
        workers=len(cpu),
        requests_per_s=sum(counted.ok for counted in counters) / span_s,
        chunks_per_s=sum(item.chunks for item in window) / span_s,
        tokens_per_s=sum(counted.tokens[1] for counted in counters) / span_s if tokens_known else None,
        in_flight=sum(gauge.in_flight for gauge in gauges),
        sessions_active=sum(gauge.sessions_active for gauge in gauges),
        ttft_p50_s=ttft.quantile(0.5),
        ttft_p99_s=ttft.quantile(0.99),
        itl_p50_s=itl.quantile(0.5),
        itl_p99_s=itl.quantile(0.99),
        schedule_lag_p99_s=merged_recent(window, "schedule_lag").quantile(0.99),
        loop_lag_p99_s=merged_recent(window, "loop_lag").quantile(0.99),
        cpu_ratio=max((ratio for ratio in cpu if ratio is not None), default=None),
        sent=totals.sent,
        ok=totals.ok,
        failed=totals.failed,
        cancelled=totals.cancelled,
        dropped=totals.dropped,
        failures=dict(totals.failures),
    )


def merged_recent(window: Iterable[Recent], metric: Metric) -> Histogram:
    """One metric's sum over these snapshots: every stage and workload."""
    total = Histogram()
    for item in window:
        for keyed in item.snapshot.histograms:
            if keyed.metric == metric:
                total.merge(keyed.sparse)
    return total


class EndToEnd(msgspec.Struct, frozen=True):
    """One workload's part of one snapshot, for Locust's own statistics: values_ms are (milliseconds, count) of ok
    turns, failures counts the others by outcome class."""

    workload: str
    ok: int
    values_ms: list[tuple[float, int]]
    failures: dict[str, int]


def snapshot_e2e(snapshot: Snapshot, plan: RunPlan) -> list[EndToEnd]:
    """What one snapshot adds to each workload's end-to-end times and failures, stages merged."""
    parts = []
    for index, name in enumerate(plan.workloads):
        counters = Counters(-1, index)
        for counted in snapshot.counters:
            if counted.workload == index:
                counters.add(counted)
        values = [
            value
            for keyed in snapshot.histograms
            if keyed.metric == "e2e" and keyed.workload == index
            for value in keyed.sparse.values_ms()
        ]
        if counters.ok or counters.failed:
            parts.append(EndToEnd(name, counters.ok, values, counters.failures))
    return parts
