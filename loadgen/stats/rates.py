"""Intervals of rates (throughput) from counts in bins that follow each other in time: batch means."""

import math

import numpy as np

from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval

_MOST_BATCHES = 32
_FEWEST_BATCHES = 8
_CORRELATED = 0.2


def rate_interval(events_per_bin: F64, bin_s: float, confidence: float = 0.95) -> Interval:
    """Events per second, from how many fell into each bin of `bin_s` seconds, in order of time.

    Bins are joined into batches, larger ones while neighbours are correlated, and a t interval is laid over their means
    (Law 2015, 9.5.3); what correlation is left at the fewest batches widens it. No bounds below 8 bins.
    """
    bins = len(events_per_bin)
    if bins == 0 or bin_s <= 0:
        return Interval(None, None, None, confidence, 0, 0)
    rate = float(np.mean(events_per_bin)) / bin_s
    if bins < _FEWEST_BATCHES:
        return Interval(rate, None, None, confidence, bins, bins)
    means = _batches(events_per_bin)
    left = max(0.0, _neighbours(means))
    # A sum of values whose neighbours correlate by r varies (1 + r) / (1 - r) times as much.
    count = len(means)
    independent = max(2.0, count * (1 - left) / (1 + left))
    error = float(np.std(means, ddof=1)) / math.sqrt(independent) / bin_s
    half = t_of(confidence, independent - 1) * error
    return Interval(rate, max(0.0, rate - half), rate + half, confidence, bins, bins, independent)


def _batches(values: F64) -> F64:
    """Means of batches of equal length, the first ones that fill none left out; as many as are hardly correlated."""
    count = min(_MOST_BATCHES, len(values))
    while True:
        size = len(values) // count
        means: F64 = (
            np.asarray(values[len(values) - size * count :], dtype=np.float64).reshape(count, size).mean(axis=1)
        )
        if count // 2 < _FEWEST_BATCHES or _neighbours(means) <= _CORRELATED:
            return means
        count //= 2


def _neighbours(means: F64) -> float:
    """The correlation of each value with the next; its bias towards -1/n taken off."""
    spread = means - means.mean()
    total = float(np.dot(spread, spread))
    if total <= 0:
        return 0.0
    return min(0.9, float(np.dot(spread[:-1], spread[1:])) / total + 1 / len(means))
