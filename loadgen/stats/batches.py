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
    degrees = min(independent - 1, degrees_of_squares((means - means.mean()) ** 2))
    return BatchMeans(float(np.std(means, ddof=1)) / math.sqrt(independent), degrees, len(means))


def degrees_of_squares(squares: Floats) -> float:
    """Degrees of freedom of a variance that is the sum of these: their number less one, fewer where a few make it up.

    By their second moment, as Satterthwaite (1946) did for sums of unequal variances, and half of his: among zeros, h
    equal ones come to about h. At least 1.
    """
    total, most = float(squares.sum()), len(squares) - 1.0
    scatter = float(np.dot(squares, squares)) - total * total / len(squares)
    return most if scatter <= 0 or total <= 0 else max(1.0, min(most, total * total / scatter))


def _batches(values: Floats) -> Floats:
    """Means of batches of equal length, as many as are hardly correlated; the first values that fill none left out."""
    size = -(-len(values) // _MOST_BATCHES)
    while True:
        count = len(values) // size
        used = np.asarray(values[len(values) - size * count :], dtype=np.float64)
        means: Floats = used.reshape(count, size).mean(axis=1)
        if count // 2 < FEWEST_BATCHES or _neighbours(means) <= _CORRELATED:
            return means
        size *= 2


def _neighbours(means: Floats) -> float:
    """The correlation of each value with the next, less its bias of -(1 + 3 r) / n (Kendall 1954)."""
    spread = means - means.mean()
    total = float(np.dot(spread, spread))
    if total <= 0:
        return 0.0
    seen = float(np.dot(spread[:-1], spread[1:])) / total
    return min(_MOST_CORRELATION, seen + (1 + 3 * max(0.0, seen)) / len(means))
