"""How large a drift is and when it was, with intervals: of a step by least squares, of a trend by its median slope.

Called by drift.py once a test has found one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadgen.stats.binomial import t_of, z_of
from loadgen.stats.clusters import F64
from loadgen.stats.drift_grid import RHOS, Binned, Design
from loadgen.stats.drift_tests import is_lumpy, kendall_deviations, scores_of

_SEED = 11
_REDRAWN = 300
_BLOCK = 4
_FEWEST_DEGREES = 3.0


@dataclass(frozen=True, slots=True)
class Change:
    """In the values' own scale: the level before, and how far it has moved with its interval."""

    before: float
    by: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step was: between low_s and high_s, best put at at_s."""

    at_s: float
    low_s: float
    high_s: float


def step_change(design: Design, values: F64, where: int, rho: float, confidence: float) -> Change:
    """Of the step at the where-th split: least squares beside the seasons, its error that of correlated bins."""
    unit, length = design.steps[:, where], float(design.lengths[where])
    residuals = design.within @ values
    along = float(unit @ residuals)
    by = along / length
    left = residuals - along * unit
    # The step has taken its own degree of freedom out of the residuals.
    variance = float(design.variance(left, np.array(rho))) * design.size / (design.size - 1)
    # Where the scatter of one side is greater, the error is that of what it is where the step weighs (White 1980).
    squares = left * left
    variance *= max(1.0, float(unit * unit @ squares) / max(float(squares.mean()), 1e-300))
    error = np.sqrt(max(0.0, variance * float(unit @ design.correlations(rho) @ unit))) / length
    after = np.arange(design.size) >= design.splits[where]
    half = t_of(confidence, _degrees(design, rho)) * float(error)
    return Change(float(values.mean()) - by * float(after.mean()), by, by - half, by + half)


def _degrees(design: Design, rho: float) -> float:
    free = design.size - int(design.phases.max()) - 2
    return max(_FEWEST_DEGREES, free * (1 - rho) / (1 + rho))


def step_moment(design: Design, series: Binned, times_s: F64, values: F64, where: int, confidence: float) -> Moment:
    """times_s, values: the series as it was, ascending. The moments that fit nearly as well as the best one: nearly is
    what the true one does in `confidence` of the cases where the same step is played again with scatter like what was
    seen on either side of it. A bin's width is added, for a step may come in the middle of one."""
    unit, length = design.steps[:, where], float(design.lengths[where])
    residuals = design.within @ series.means
    by = float(unit @ residuals) / length
    after = np.arange(design.size) >= design.splits[where]
    left = residuals - by * length * unit
    rng = np.random.default_rng(_SEED)
    lumpy = is_lumpy(series.means)
    again = _fits(design, by * after + _scattered(rng, left, after), lumpy)
    slack = float(np.quantile(again.max(axis=1) - again[:, where], confidence, method="higher"))
    fits = _fits(design, series.means[None, :], lumpy)[0]
    near = design.splits[fits >= fits.max() - slack]
    at_s = float(times_s[_refined(design, series, times_s, values, where, by)])
    low_s = series.origin_s + float(design.numbers[near[0] - 1]) * series.bin_s
    high_s = series.origin_s + float(design.numbers[near[-1]] + 1) * series.bin_s
    return Moment(at_s, min(low_s, at_s), max(high_s, at_s))


def _fits(design: Design, values: F64, lumpy: bool) -> F64:
    """How well a step at each split fits, F64[series, splits], by the scores that the test goes by."""
    found: F64 = (scores_of(design, values @ design.within, lumpy=lumpy) @ design.steps) ** 2
    return found


def _scattered(rng: np.random.Generator, left: F64, after: npt.NDArray[np.bool_]) -> F64:
    """Scatter like this, F64[draws, bins], in blocks, so that neighbours stay alike; each side keeps its own."""
    drawn = np.empty((_REDRAWN, len(left)))
    for side in (after, ~after):
        own = left[side]
        blocks = -(-len(own) // _BLOCK)
        starts = rng.integers(0, len(own), (_REDRAWN, blocks))
        places = (starts[:, :, None] + np.arange(_BLOCK)).reshape(_REDRAWN, -1)[:, : len(own)]
        drawn[:, side] = own[places % len(own)]
    return drawn


def _refined(design: Design, series: Binned, times_s: F64, values: F64, where: int, by: float) -> int:
    """The first value after the step, among those of the bins on either side of the split and of the split itself."""
    split = int(design.splits[where])
    at = np.floor((times_s - series.origin_s) / series.bin_s).astype(np.int64)
    place = np.searchsorted(design.numbers, at)
    after = np.arange(design.size) >= split
    without = series.means - by * after
    levels = np.bincount(design.phases, weights=without) / np.bincount(design.phases)
    # By how much each value is nearer to the level after than to that before.
    nearer = np.sign(by) * (values - levels[design.phases[place]] - by / 2)
    near = np.flatnonzero((place >= split - 1) & (place <= split))
    gains = np.concatenate((np.cumsum(nearer[near][::-1])[::-1], [0.0]))
    return max(1, min(len(values) - 1, int(near[0]) + int(np.argmax(gains))))


def trend_change(design: Design, values: F64, rho: float, confidence: float) -> Change:
    """From the first bin to the last: the median of the slopes between bins of one phase (Hirsch, Slack and Smith 1982;
    Sen 1968), the interval from their ranks (Gilbert 1987, 16.4.2) at the Kendall statistic's own deviation."""
    earlier, later = design.pairs
    slopes = np.sort((values[later] - values[earlier]) / (design.numbers[later] - design.numbers[earlier]))
    half = z_of(confidence) * float(np.interp(rho, RHOS, kendall_deviations(design)))
    low = max(0, int((len(slopes) - half) / 2))
    high = min(len(slopes) - 1, int(np.ceil((len(slopes) + half) / 2)))
    over = float(design.numbers[-1] - design.numbers[0])
    slope, middle = float(np.median(slopes)), float(np.median(values))
    offset = float(np.median(design.numbers)) - float(design.numbers[0])
    return Change(middle - slope * offset, slope * over, float(slopes[low]) * over, float(slopes[high]) * over)
