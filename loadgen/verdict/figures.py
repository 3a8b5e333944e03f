"""The figure that an objective is about, with an interval: what was measured, and how sure it is."""

from collections.abc import Callable

import numpy as np

from loadgen.scenario.slos import Slo
from loadgen.stats.binomial import clopper_pearson, z_of
from loadgen.stats.clusters import effective_n_of_turns
from loadgen.stats.quantiles import samples_needed
from loadgen.verdict.evidence import Evidence, good_turns
from loadgen.verdict.figure import NO_RECORDS, Figure, more_needed
from loadgen.verdict.latency import longest_figure, mean_figure, quantile_figure
from loadgen.verdict.throughput import rate_figure


def figure_of(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    """The objective's figure, with a two-sided interval of this confidence."""
    if slo.kind == "latency":
        if slo.stat == "max":
            return longest_figure(slo, evidence)
        make = mean_figure if slo.stat == "mean" else quantile_figure
        return make(slo, evidence, confidence)
    made: dict[str, Callable[[Slo, Evidence, float], Figure]] = {
        "share": _share,
        "rate": rate_figure,
        "cost": _cost,
        "quality": _quality,
    }
    return made[slo.kind](slo, evidence, confidence)


def _share(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    counters, turns = evidence.counters(slo), evidence.turns(slo)
    wanted = counters.ok + counters.failed
    if slo.metric == "error_rate":
        hits, of = counters.failed, wanted
    else:
        hits, of = counters.good, wanted + counters.dropped
        if counters.good_unknown:
            why = f"{counters.good_unknown:,} turns can't be held against a limit: not streamed, or of unknown length"
            return Figure(None, None, None, confidence, of, "turns", "share", why=why)
    if not of:
        return Figure(None, None, None, confidence, 0, "turns", "share", why="no turn ended")
    turns = None if turns is None else turns.only(~turns.of_outcome("cancelled"))
    if turns is None or not len(turns):
        return Figure(hits / of, None, None, confidence, of, "turns", "share", why=NO_RECORDS)
    rows = good_turns(turns, evidence.plan) if slo.metric == "goodput" else ~turns.of_outcome("ok")
    due, hit = turns.numbers["intended_s"], rows.astype(np.float64)
    part = effective_n_of_turns(hit, np.ones(len(hit)), turns.session, due, confidence, turns.stage)
    effective = part / len(turns) * of
    low, high = clopper_pearson(hits / of * effective, effective, confidence)
    needed = samples_needed(of, effective, slo.limit, hits / of, confidence)
    return Figure(hits / of, low, high, confidence, of, "turns", "share", needed)


def _cost(slo: Slo, evidence: Evidence, confidence: float) -> Figure:  # noqa: ARG001 - a fact of this run
    cost, counters = evidence.cost(slo), evidence.counters(slo)
    per = {
        "total": 1.0,
        "per_1k_requests": counters.ok / 1e3,
        "per_1m_output_tokens": 0 if counters.unknown_tokens[1] else counters.tokens[1] / 1e6,
    }[slo.metric.partition(".")[2]]
    unit = cost.currency or ""
    if cost.currency is None or per <= 0:
        return Figure(None, None, None, None, counters.ok, "turns", unit, why="it is not known what this cost")
    total = (cost.total, cost.total_low, cost.total_high)
    if cost.hardware is not None and cost.unknown_turns is None:
        # By one's own hardware: over the window, and for what came out of it there.
        exact = getattr(cost, slo.metric.partition(".")[2])
        return Figure(exact, exact, exact, None, counters.ok, "turns", unit)
    estimate, low, high = (None if value is None else value / per for value in total)
    why = None if estimate is not None else "tokens are unknown, and so is a part of the cost"
    return Figure(estimate, low, high, None, counters.ok, "turns", unit, why=why)


def _quality(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    workload, metric = slo.quality
    found = evidence.qualities.get(workload, {}).get(metric)
    value = None if found is None else found.value
    if found is None or not isinstance(value, float | int):
        return Figure(None, None, None, None, 0, "answers", "", why=f"the workload did not measure {metric!r}")
    # A workload gives its interval at 95 %.
    wider = z_of(confidence) / z_of(0.95)
    low, high = (
        value + (bound - value) * wider if isinstance(bound, float | int) else None
        for bound in (found.ci_low, found.ci_high)
    )
    n = found.n if isinstance(found.n, int) else 0
    unit = found.unit if isinstance(found.unit, str) else ""
    if low is None or high is None:
        why = "the workload gives it no interval, or too few answers came for one"
        return Figure(value, low, high, confidence, n, "answers", unit, why=why)
    if isinstance(found.tasks, int):
        why = f"it is known of {found.tasks} tasks: it takes more of them, not more answers to the same ones"
        return Figure(value, low, high, confidence, n, "answers", unit, why=why)
    half = max(high - value, value - low)
    return Figure(value, low, high, confidence, n, "answers", unit, more_needed(n, half, value - slo.limit))
