"""How large a drift is and when it was, with intervals: of a step by least squares, of a trend by its median slope.

Called by drift.py once a test has found one.
"""

from dataclasses import dataclass

import numpy as np

from loadgen.stats.binomial import t_of, z_of
from loadgen.stats.clusters import F64
from loadgen.stats.drift_grid import RHOS, Binned, Design
from loadgen.stats.drift_tests import drawn, kendall_deviations

_SEED = 11
_REDRAWN = 1_000
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
    error = np.sqrt(max(0.0, variance * float(unit @ design.correlations(rho) @ unit))) / length
    after = np.arange(design.size) >= design.splits[where]
    half = t_of(confidence, _degrees(design, rho)) * float(error)
    return Change(float(values.mean()) - by * float(after.mean()), by, by - half, by + half)


def _degrees(design: Design, rho: float) -> float:
    free = design.size - int(design.phases.max()) - 2
    return max(_FEWEST_DEGREES, free * (1 - rho) / (1 + rho))


def step_moment(
    design: Design, series: Binned, times_s: F64, values: F64, where: int, rho: float, confidence: float
) -> Moment:
    """times_s, values: the series as it was, ascending. How far off the bin may be is found by playing the step again
    with other noise; within the bins beside it the windows themselves are asked."""
    unit, length = design.steps[:, where], float(design.lengths[where])
    residuals = design.within @ series.means
    along = float(unit @ residuals)
    spread = np.sqrt(float(design.variance(residuals - along * unit, np.array(rho))))
    noise = drawn(design, rho, _REDRAWN, np.random.default_rng(_SEED)) * spread
    after = (np.arange(design.size) >= design.splits[where]).astype(np.float64)
    again = (noise + along / length * after) @ design.within
    found = design.splits[np.argmax(np.abs(again @ design.steps), axis=1)]
    numbers = design.numbers
    off = numbers[found] - numbers[design.splits[where]]
    tail = (1 - confidence) / 2
    early, late = np.quantile(off, [1 - tail, tail], method="inverted_cdf")
    at = _refined(design, series, times_s, values, where, along / length)
    low_s, high_s = times_s[at] - early * series.bin_s, times_s[at] - late * series.bin_s
    # It has come about somewhere between the last value before and the first one after.
    return Moment(float(times_s[at]), min(float(low_s), float(times_s[at - 1])), float(high_s))


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
