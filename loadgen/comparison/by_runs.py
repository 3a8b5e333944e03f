"""How far figures have moved between sides of several runs. What a run had in common is in the spread over runs.

Needs no records: a run is one number a figure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadgen.comparison.figures import Figure, Measured
from loadgen.comparison.rules import Rules
from loadgen.stats.binomial import t_of, z_of
from loadgen.stats.comparison import Estimate, Shift, by_pairs, by_runs, difference, union
from loadgen.stats.proportions import wilson

Floats = npt.NDArray[np.float64]
Row = Mapping[Figure, Measured]
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a figure moved, or why that is not known. df: degrees of freedom of its intervals."""

    shift: Shift | None
    why: str | None = None
    df: float = math.inf


def moved_over_runs(
    figures: Sequence[Figure], baseline: Sequence[Row], candidate: Sequence[Row], rules: Rules, *, paired: bool
) -> tuple[dict[Figure, Moved], float | None]:
    """Every figure's shift; and the median standard deviation of a run (of a pair's difference) over what changes by
    a ratio, None for no such figure.

    Rows are runs; of paired ones the same index is a pair. At least 3 runs in all.
    """
    found: dict[Figure, Moved] = {}
    for figure in figures:
        if (why := _unknown(figure, baseline, candidate)) is not None:
            found[figure] = Moved(None, why)
    ratios = [figure for figure in figures if figure.scale == "ratio" and figure not in found]
    spread = None
    if ratios:
        shift_all = by_pairs if paired else by_runs
        shifts, noise = shift_all(_logs(ratios, baseline), _logs(ratios, candidate), rules.confidence)
        spread = float(np.median(noise.sd))
        found |= {figure: Moved(shift, df=noise.df) for figure, shift in zip(ratios, shifts, strict=True)}
    shares = [figure for figure in figures if figure.scale == "difference" and figure not in found]
    for figure in shares:
        sides = [row[figure] for row in baseline], [row[figure] for row in candidate]
        found[figure] = share_moved(*sides, rules, len(shares), paired=paired)
    return found, spread


def _unknown(figure: Figure, baseline: Sequence[Row], candidate: Sequence[Row]) -> str | None:
    for side, runs in (("baseline", baseline), ("candidate", candidate)):
        missing = [row.get(figure, Measured(None)) for row in runs if row.get(figure, Measured(None)).value is None]
        if missing:
            why = next((one.why for one in missing if one.why), "not measured")
            return f"{side}, {len(missing)} of {len(runs)} runs: {why}"
        if figure.scale == "ratio" and any((row[figure].value or 0) <= 0 for row in runs):
            return f"{side}: 0 in a run, and nothing can be said of its ratio"
    return None


def _logs(figures: Sequence[Figure], side: Sequence[Row]) -> Floats:
    return np.log(np.array([[row[figure].value for figure in figures] for row in side], dtype=np.float64))


def share_moved(
    baseline: Sequence[Measured], candidate: Sequence[Measured], rules: Rules, family: int, *, paired: bool
) -> Moved:
    """The shift of a share: what its counts tell and what its spread over runs tells, whichever is wider.

    Either alone would be sure of too much: two runs without a failure have no spread, and counts know nothing of runs.
    """
    before, after = _values(baseline), _values(candidate)
    df = len(before) - 1 if paired else len(before) + len(after) - 2
    levels = rules.confidence, rules.shared(family)
    alone, together = (
        _share_bounds(baseline, candidate, level, df=df, paired=paired, own=rules.confidence) for level in levels
    )
    estimate = float(after.mean() - before.mean())
    if None in (*alone, *together):
        return Moved(Shift(estimate, *alone, *together), "its own run gives no interval for it", df or math.inf)
    return Moved(Shift(estimate, *alone, *together), df=df or math.inf)


def _share_bounds(
    baseline: Sequence[Measured], candidate: Sequence[Measured], level: float, *, df: int, paired: bool, own: float
) -> Bounds:
    counted = difference(_within(baseline, level, own), _within(candidate, level, own))
    if df < 1:
        return counted
    before, after = _values(baseline), _values(candidate)
    estimate = float(after.mean() - before.mean())
    if paired:
        error = float(np.std(after - before, ddof=1)) / math.sqrt(len(before))
    else:
        squares = ((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum()
        error = math.sqrt(float(squares) / df * (1 / len(before) + 1 / len(after)))
    half = t_of(level, df) * error
    over_runs = estimate - half, estimate + half
    # Quality figures need not come with an interval of their own; the spread over runs is then all there is.
    return over_runs if counted == (None, None) else union(counted, over_runs)


def _values(side: Sequence[Measured]) -> Floats:
    return np.array([one.value for one in side], dtype=np.float64)


def _within(side: Sequence[Measured], level: float, own: float) -> Estimate:
    """The side's mean with what its runs know of it: their counts added up, or their own intervals."""
    mean = float(_values(side).mean())
    if all(one.hits is not None and one.n for one in side):
        found = wilson(sum(one.hits or 0 for one in side), sum(one.n or 0 for one in side), level)
        pooled = found.estimate if found.estimate is not None else mean
        inside = Estimate.within(pooled, found.low, found.high)
        return Estimate(mean, inside.below, inside.above)
    if any(one.low is None or one.high is None for one in side):
        return Estimate(mean, None, None)
    wider = z_of(level) / z_of(own) / len(side)
    below = wider * math.hypot(*((one.value or 0.0) - (one.low or 0.0) for one in side))
    above = wider * math.hypot(*((one.high or 0.0) - (one.value or 0.0) for one in side))
    return Estimate(mean, below, above)
