"""The standard error of a mean of values that are correlated in time: batch means."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MOST_BATCHES = 32
FEWEST_BATCHES = 8
_CORRELATED = 0.2
_MOST_CORRELATION = 0.9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchMeans:
    """error: standard error of the mean of all values; degrees: its degrees of freedom; count: batches it is from."""

    error: float
    degrees: float
    count: int


def batch_means(values: Floats) -> BatchMeans:
    """How sure the mean is of at least 8 values in order of time.

    Neighbours are joined into batches, longer ones while batches are still correlated (Law 2015, 9.5.3); correlation
    that is left at the fewest batches widens the error and takes degrees of freedom.
    """
    means = _batches(values)
    left = max(0.0, _neighbours(means))
    # A mean of values whose neighbours correlate by r varies (1 + r) / (1 - r) times as much.
    independent = max(2.0, len(means) * (1 - left) / (1 + left))
    return BatchMeans(float(np.std(means, ddof=1)) / math.sqrt(independent), independent - 1, len(means))


def _batches(values: Floats) -> Floats:
    """Means of batches of equal length, as many as are hardly correlated; the first values that fill none left out."""
    count = min(_MOST_BATCHES, len(values))
    while True:
        size = len(values) // count
        means: Floats = (
            np.asarray(values[len(values) - size * count :], dtype=np.float64).reshape(count, size).mean(axis=1)
        )
        if count // 2 < FEWEST_BATCHES or _neighbours(means) <= _CORRELATED:
            return means
        count //= 2


def _neighbours(means: Floats) -> float:
    """The correlation of each value with the next; its bias towards -1/n taken off."""
    spread = means - means.mean()
    total = float(np.dot(spread, spread))
    if total <= 0:
        return 0.0
    return min(_MOST_CORRELATION, float(np.dot(spread[:-1], spread[1:])) / total + 1 / len(means))
