"""Figures of throughput: what happened in the measured window, by batch means over its seconds."""

from collections.abc import Callable

import numpy as np

from loadgen.metrics.turn_table import Codes, Floats, TurnTable
from loadgen.scenario.slos import Slo
from loadgen.stats.rates import rate_interval
from loadgen.verdict.evidence import Evidence, good_turns
from loadgen.verdict.figure import NO_RECORDS, Figure, more_needed

_FEWEST_BINS = 16
_MOST_BINS = 512
_SHORTEST_FLOW_S = 1e-3


def rate_figure(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    counters, turns, windows = evidence.counters(slo), evidence.turns(slo), evidence.windows(slo)
    window_s = evidence.window_s(slo)
    what = slo.metric.partition(".")[2]
    total, unknown = {
        "requests": (counters.window_ok, 0),
        "goodput": (counters.window_good, counters.window_good_unknown),
        "chunks": (counters.window_chunks, 0),
        "input_tokens": (counters.window_input, counters.window_input_unknown),
        "output_tokens": (counters.window_output, counters.window_output_unknown),
    }[what]
    if window_s <= 0 or unknown:
        why = "the run did not get that far" if not unknown else f"{unknown:,} turns' part is not known"
        return Figure(None, None, None, confidence, 0, "seconds", "1/s", why=why)
    estimate = total / window_s
    n = round(window_s)
    table = evidence.table
    if turns is None or table is None or not len(table):
        return Figure(estimate, None, None, confidence, n, "seconds", "1/s", why=NO_RECORDS)
    # What happens inside of a window is of whichever stage: a turn that was due before it may end there.
    if slo.workload is not None:
        table = table.only(table.of_workload([slo.workload]))
    bins, bin_s, stages = _events(what, table, windows, window_s, evidence)
    found = rate_interval(bins, bin_s, confidence, stages)
    if found.low is None or found.high is None or found.estimate is None or found.estimate <= 0:
        why = "too short or too little for an interval of a rate"
        return Figure(estimate, None, None, confidence, n, "seconds", "1/s", why=why)
    # Of a sample of the sessions the rate is as much too low as it is a sample.
    half = (found.high - found.estimate) * max(1.0, estimate / found.estimate)
    return Figure(
        estimate,
        max(0.0, estimate - half),
        estimate + half,
        confidence,
        n,
        "seconds",
        "1/s",
        more_needed(n, half, estimate - slo.limit),
    )


def _events(
    what: str, table: TurnTable, windows: list[tuple[float, float]], window_s: float, evidence: Evidence
) -> tuple[Floats, float, Codes]:
    """How much fell into each of many equal bins of the windows, in order of time; a bin's length in s; its stage."""
    bin_s = window_s / min(_MOST_BINS, max(_FEWEST_BINS, int(window_s)))
    ends = table.numbers["end_s"]
    if what in ("requests", "goodput"):
        rows = table.of_outcome("ok") if what == "requests" else good_turns(table, evidence.plan)
        weights, starts = rows.astype(np.float64), ends
    else:
        weights = np.nan_to_num(table.numbers[what])
        first = table.numbers["first_output_s"]
        starts = np.where(np.isnan(first), ends, first)
    flowed = _flow(weights, starts, ends)
    found, stages = [], []
    begins = np.array([stage.start_s for stage in evidence.plan.stages])
    for start_s, end_s in windows:
        edges: Floats = start_s + bin_s * np.arange(int((end_s - start_s) / bin_s + 1e-6) + 1, dtype=np.float64)
        found.append(np.diff(flowed(edges)))
        stages.append(np.searchsorted(begins, edges[:-1] + bin_s / 2, side="right").astype(np.int32))
    return np.concatenate(found), bin_s, np.concatenate(stages)


def _flow(weights: Floats, starts: Floats, ends: Floats) -> Callable[[Floats], Floats]:
    """How much had flowed by a time, where each weight flows evenly from its start to its end."""
    ends = np.maximum(ends, starts + _SHORTEST_FLOW_S)
    slopes = weights / (ends - starts)
    points = np.concatenate((starts, ends))
    turns = np.concatenate((slopes, -slopes))
    order = np.argsort(points, kind="stable")
    points, turns = points[order], turns[order]
    slope = np.concatenate(([0.0], np.cumsum(turns)))
    offset = np.concatenate(([0.0], np.cumsum(turns * points)))

    def flowed(at: Floats) -> Floats:
        passed = np.searchsorted(points, at, side="right")
        return slope[passed] * at - offset[passed]

    return flowed
