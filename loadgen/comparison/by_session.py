"""How far figures have moved between two single runs, by the sessions within them.

Sessions tell how sure a run is of its own figures. How much another run of the same would differ they can't tell, so
that a run-to-run spread is assumed and added to whatever changes by a ratio.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loadgen.comparison.by_runs import Bounds, Moved, share_moved
from loadgen.comparison.figures import Figure, Measured
from loadgen.comparison.goodness import OF_GOOD, Limits
from loadgen.comparison.rules import Rules
from loadgen.metrics.gap_bins import EDGES_NS
from loadgen.metrics.turn_table import TurnTable
from loadgen.outputs.hlog import Logged
from loadgen.stats.batches import FEWEST_BATCHES
from loadgen.stats.binomial import clopper_pearson, z_of
from loadgen.stats.clusters import effective_n_of_turns
from loadgen.stats.comparison import Estimate, Shift, difference, widened
from loadgen.stats.interval import Interval
from loadgen.stats.means import ratio_interval
from loadgen.stats.quantile_shift import Below, Spread, bounds, log_ratio, reach_paired, reach_unpaired
from loadgen.stats.rates import rate_interval

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

_BIN_S: Final = 1.0
# Some sessions only one side got to: a closed loop goes on as fast as it is served, and stages end.
_LEAST_PAIRED = 0.5
_NO_RECORDS = "needs the turns of both runs (records.jsonl.gz), for there is but one run a side"
_NO_LIMITS = "needs what a good turn is of both runs (slos in scenario.yaml), for there is but one run a side"


@dataclass(frozen=True, slots=True)
class Played:
    """What a single run is known by: its turns and the histograms of its measured stages, and what a good turn is."""

    seed: int
    turns: TurnTable
    histograms: Sequence[Logged]
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's turns, sessions numbered as on the other side."""

    turns: TurnTable
    histograms: Sequence[Logged]
    sessions: Codes
    limits: Limits | None


def are_paired(baseline: Played, candidate: Played) -> bool:
    """Whether both runs played the same sessions: the same seed, and at least half of them under the same names."""
    if baseline.seed != candidate.seed:
        return False
    one, other = (_names(run.turns) for run in (baseline, candidate))
    return len(one & other) >= _LEAST_PAIRED * max(1, len(one | other))


def _names(turns: TurnTable) -> set[str]:
    return {turns.sessions[code] for code in np.unique(turns.session)}


def moved_over_sessions(
    figures: Sequence[Figure],
    baseline: Played,
    candidate: Played,
    measured: tuple[dict[Figure, Measured], dict[Figure, Measured]],
    rules: Rules,
    *,
    paired: bool,
) -> dict[Figure, Moved]:
    """Every figure's shift between two runs. measured: what each has of the figures."""
    found: dict[Figure, Moved] = {}
    for figure in figures:
        values = [side.get(figure, Measured(None)) for side in measured]
        missing = [
            (name, one) for name, one in zip(("baseline", "candidate"), values, strict=True) if one.value is None
        ]
        if missing:
            name, one = missing[0]
            found[figure] = Moved(None, f"{name}: {one.why or 'not measured'}")
    sides = _numbered(baseline, candidate)
    family = {scale: sum(f.scale == scale and f not in found for f in figures) for scale in ("ratio", "difference")}
    for figure in figures:
        if figure not in found:
            levels = rules.confidence, rules.shared(family[figure.scale])
            before, after = (side[figure] for side in measured)
            if figure.scale == "ratio":
                found[figure] = _ratio_moved(figure, sides, (before, after), rules, levels, paired=paired)
            else:
                found[figure] = _share_moved(figure, sides, (before, after), rules, levels)
    return found


def _numbered(baseline: Played, candidate: Played) -> tuple[_Side, _Side]:
    """Both sides' turns; a session has one number on both."""
    numbers: dict[str, int] = {}
    sides = []
    for run in (baseline, candidate):
        codes = np.array([numbers.setdefault(name, len(numbers)) for name in run.turns.sessions], dtype=np.int32)
        sessions = codes[run.turns.session] if len(codes) else run.turns.session
        sides.append(_Side(run.turns, run.histograms, sessions, run.limits))
    return sides[0], sides[1]


def _ratio_moved(
    figure: Figure,
    sides: tuple[_Side, _Side],
    values: tuple[Measured, Measured],
    rules: Rules,
    levels: tuple[float, float],
    *,
    paired: bool,
) -> Moved:
    before, after = values[0].value or 0.0, values[1].value or 0.0
    if before <= 0 or after <= 0:
        return Moved(None, "0 in a run, and nothing can be said of its ratio")
    estimate = math.log(after / before)
    if (why := _no_turns(figure, sides)) is not None:
        return Moved(Shift(estimate, None, None, None, None), why)
    spreads: list[tuple[float | None, float | None]] = []
    for level in levels:
        low, high = _ratio_bounds(figure, sides, estimate, level, paired=paired)
        noise = _run_noise(rules, level)
        low, high = widened(low, high, estimate, noise)
        if figure.name in OF_GOOD:
            shares = (_good_shares(figure, side, noise) for side in sides)
            logs = ([math.log(share) if share > 0 else -math.inf for share in three] for three in shares)
            low, high = _widened_by_good(low, high, estimate, *logs)
        spreads.append((low, high))
    shift = Shift(estimate, *spreads[0], *spreads[1])
    return Moved(shift, None if None not in spreads[0] else _too_few(figure))


def _too_few(figure: Figure) -> str:
    """Why there is no interval."""
    if figure.group == "throughput":
        return f"under {FEWEST_BATCHES} s measured, or nothing in a part of them"
    if figure.group == "cost":
        return "known of too few sessions"
    return f"too few sessions reach beyond the {_last(figure)}, or those that follow each other are too much alike"


def _last(figure: Figure) -> str:
    return figure.name.rpartition(".")[2]


def _ratio_bounds(figure: Figure, sides: tuple[_Side, _Side], estimate: float, level: float, *, paired: bool) -> Bounds:
    if figure.group not in ("throughput", "cost"):
        return _quantile_bounds(figure, sides, estimate, level, paired=paired)
    found = [_log_estimate(_interval(figure, side, level)) for side in sides]
    if found[0] is None or found[1] is None:
        return None, None
    low, high = difference(found[0], found[1])
    shift = found[1].value - found[0].value
    # Made from the records, that of what is shown from the summary: the same to a thousandth or so.
    return _moved_to(estimate, shift, low, high)


def _moved_to(estimate: float, shift: float, low: float | None, high: float | None) -> Bounds:
    by = estimate - shift
    return None if low is None else low + by, None if high is None else high + by


def _quantile_bounds(
    figure: Figure, sides: tuple[_Side, _Side], estimate: float, level: float, *, paired: bool
) -> Bounds:
    q = figure.quantile
    parts = [_latency(figure, side) for side in sides]
    if parts[0] is None or parts[1] is None:
        return None, None
    (before, below_before), (after, below_after) = parts[0], parts[1]
    reach_of = reach_paired if paired else reach_unpaired
    reach = reach_of(below_before, below_after, q, level)
    shift = log_ratio(before, after, q)
    if reach is None or shift is None:
        return None, None
    return _moved_to(estimate, shift, *bounds(before, after, q, reach))


def _latency(figure: Figure, side: _Side) -> tuple[Spread, Below] | None:
    """The values of a latency, and which turns have them below a limit at (gaps: near) the quantile."""
    if figure.group == "itl":
        return _gaps(figure, side)
    turns = side.turns
    # A turn that was cut off keeps what it had seen.
    outcomes = ("ok", "cancelled") if figure.group in ("ttft", "ttfo") else ("ok",)
    values = turns.numbers[f"{figure.group}_s"]
    kept = turns.of_outcome(*outcomes) & ~np.isnan(values) & _of_workload(turns, figure)
    if not kept.any():
        return None
    spread = Spread.of(values[kept])
    hits = (values[kept] <= spread.quantile(figure.quantile)).astype(np.float64)
    below = Below(hits, np.ones(len(hits)), side.sessions[kept], turns.numbers["intended_s"][kept])
    return spread, below


def _gaps(figure: Figure, side: _Side) -> tuple[Spread, Below] | None:
    """Gaps: their values from the histograms, how alike those of a session are from each turn's bins."""
    logged = [
        one
        for one in side.histograms
        if one.metric == "itl" and figure.workload in (None, one.workload) and len(one.values_s)
    ]
    turns = side.turns
    kept = turns.of_outcome("ok", "cancelled") & _of_workload(turns, figure)
    rows = kept[turns.gap_turn] if len(turns.gap_turn) else np.zeros(0, dtype=np.bool_)
    if not logged or not rows.any():
        return None
    spread = Spread.of(np.concatenate([one.values_s for one in logged]), np.concatenate([one.counts for one in logged]))
    turn, bins, counts = turns.gap_turn[rows], turns.gap_bin[rows], turns.gap_count[rows]
    per_bin = np.bincount(bins, weights=counts, minlength=len(EDGES_NS) + 1)
    shares = np.cumsum(per_bin)[: len(EDGES_NS)] / per_bin.sum()
    edge = int(np.argmin(np.abs(shares - figure.quantile)))
    sizes = np.bincount(turn, weights=counts, minlength=len(turns)).astype(np.float64)
    hits = np.bincount(turn, weights=np.where(bins <= edge, counts, 0), minlength=len(turns)).astype(np.float64)
    some = sizes > 0
    return spread, Below(hits[some], sizes[some], side.sessions[some], turns.numbers["intended_s"][some])


def _of_workload(turns: TurnTable, figure: Figure) -> npt.NDArray[np.bool_]:
    if figure.workload is None:
        return np.ones(len(turns), dtype=np.bool_)
    return turns.of_workload([figure.workload])


def _interval(figure: Figure, side: _Side, level: float) -> Interval:
    """Of a throughput, from seconds that follow each other; of a cost, from sessions, or from the throughput where
    it is the machine that costs."""
    turns = side.turns
    ok = turns.of_outcome("ok") & _of_workload(turns, figure)
    tokens = turns.numbers["output_tokens"]
    of_tokens = figure.name.endswith("output_tokens")
    if figure.group == "cost":
        cost = turns.numbers["cost"]
        if not np.isnan(cost).all():
            borne = ~np.isnan(cost) & _of_workload(turns, figure)
            units = np.where(borne & ~np.isnan(tokens), tokens, 0.0) if of_tokens else ok.astype(np.float64)
            return ratio_interval(_by_session(side, np.where(borne, cost, 0.0)), _by_session(side, units), level)
    weights = np.where(np.isnan(tokens), 0.0, tokens) if of_tokens else np.ones(len(turns))
    counted = ok & _good(side) if figure.name in OF_GOOD else ok
    found = rate_interval(_per_bin(side, np.where(counted, weights, 0.0)), _BIN_S, level)
    if figure.group != "cost" or not found.estimate or not found.low or not found.high:
        return found
    return Interval(1 / found.estimate, 1 / found.high, 1 / found.low, level, found.n, found.sessions)


def _by_session(side: _Side, values: Floats) -> Floats:
    sums = np.bincount(side.sessions, weights=values).astype(np.float64)
    return sums[np.bincount(side.sessions) > 0]


def _per_bin(side: _Side, weights: Floats) -> Floats:
    """Sums by whole seconds in which turns ended, inside the stretch in which they were due."""
    ends, due = side.turns.numbers["end_s"], side.turns.numbers["intended_s"]
    first, bins = float(due.min()), max(0, math.floor((float(due.max()) - float(due.min())) / _BIN_S))
    inside = (ends >= first) & (ends < first + bins * _BIN_S)
    at = ((ends[inside] - first) / _BIN_S).astype(np.int64)
    return np.bincount(np.minimum(at, bins - 1), weights=weights[inside], minlength=bins).astype(np.float64)


def _log_estimate(interval: Interval) -> Estimate | None:
    low, high = interval.low, interval.high
    if interval.estimate is None or interval.estimate <= 0 or low is None or high is None or low <= 0:
        return None
    return Estimate.within(math.log(interval.estimate), math.log(low), math.log(high))


def _share_moved(
    figure: Figure,
    sides: tuple[_Side, _Side],
    values: tuple[Measured, Measured],
    rules: Rules,
    levels: tuple[float, float],
) -> Moved:
    if figure.group == "quality":
        family = round((1 - rules.confidence) / (1 - levels[1]))
        return share_moved([values[0]], [values[1]], rules, family, paired=False)
    estimate = (values[1].value or 0.0) - (values[0].value or 0.0)
    if (why := _no_turns(figure, sides)) is not None:
        return Moved(Shift(estimate, None, None, None, None), why)
    spans = []
    for level in levels:
        low, high = difference(*(_share(figure, side, of, level) for side, of in zip(sides, values, strict=True)))
        if figure.name in OF_GOOD:
            noise = _run_noise(rules, level)
            low, high = _widened_by_good(low, high, estimate, *(_good_shares(figure, side, noise) for side in sides))
        spans.append((low, high))
    return Moved(Shift(estimate, *spans[0], *spans[1]))


def _share(figure: Figure, side: _Side, measured: Measured, level: float) -> Estimate:
    """As the verdict judges it: turns correlate within their sessions and, as failures come in bursts, in time."""
    value = measured.value or 0.0
    rows = _of_workload(side.turns, figure) & ~side.turns.of_outcome("cancelled")
    hit = _good(side) if figure.group == "goodput" else ~side.turns.of_outcome("ok")
    effective = effective_n_of_turns(
        hit[rows].astype(np.float64),
        np.ones(int(rows.sum())),
        side.sessions[rows],
        side.turns.numbers["intended_s"][rows],
        level,
        side.turns.stage[rows],
    )
    return Estimate.within(value, *clopper_pearson(value * effective, effective, level))


def _run_noise(rules: Rules, level: float) -> float:
    """How far apart two runs of the same may be at this level, as a logarithm."""
    return z_of(level) * math.log1p(rules.run_noise) * math.sqrt(2)


def _good(side: _Side, slower: float = 1.0) -> npt.NDArray[np.bool_]:
    assert side.limits is not None
    return side.limits.good(side.turns, slower)


def _good_shares(figure: Figure, side: _Side, noise: float) -> list[float]:
    """The share of good turns had the run been faster by the noise, as it was, and slower by it.

    A limit amid the times that turns take makes of 2 % slower far more than 2 % fewer good ones.
    """
    rows = _of_workload(side.turns, figure) & ~side.turns.of_outcome("cancelled")
    return [float(_good(side, factor)[rows].mean()) for factor in (math.exp(-noise), 1.0, math.exp(noise))]


def _widened_by_good(
    low: float | None, high: float | None, estimate: float, baseline: Sequence[float], candidate: Sequence[float]
) -> Bounds:
    """The interval with what the run-to-run noise of times makes of good turns; both sides faster, as is, slower."""
    down = max(candidate[1] - candidate[2], baseline[0] - baseline[1])
    up = max(candidate[0] - candidate[1], baseline[1] - baseline[2])
    return (
        None if not math.isfinite(down) else widened(low, None, estimate, down)[0],
        None if not math.isfinite(up) else widened(None, high, estimate, up)[1],
    )


def _no_turns(figure: Figure, sides: tuple[_Side, _Side]) -> str | None:
    """Why nothing can be said of a figure by its turns; None where it can."""
    if not all(len(side.turns) for side in sides):
        return _NO_RECORDS
    if figure.name in OF_GOOD and any(side.limits is None for side in sides):
        return _NO_LIMITS
    return None
