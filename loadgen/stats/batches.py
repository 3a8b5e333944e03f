"""The standard error of a mean of values that are correlated in time: batch means."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

_MOST_BATCHES = 32
FEWEST_BATCHES = 8
_CORRELATED = 0.25
_MOST_CORRELATION = 0.9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchMeans:
    """error: standard error of the mean of all values; degrees: its degrees of freedom; count: batches it is from.

    left: the correlation of neighbouring batches that is left at the greatest length tried.
    """

    error: float
    degrees: float
    count: int
    left: float


def batch_means(values: Floats) -> BatchMeans:
    """How sure the mean is of at least 8 values in order of time.

    Neighbours are joined into batches, longer ones while batches are still correlated (Law 2015, 9.5.3). What
    correlation there is, widens the error and takes degrees of freedom; of the lengths tried, the widest error counts.
    """
    size = -(-len(values) // _MOST_BATCHES)
    tried = [_batches_of(values, size)]
    while tried[-1].left > _CORRELATED and len(values) // (2 * size) >= FEWEST_BATCHES:
        size *= 2
        tried.append(_batches_of(values, size))
    return replace(max(tried, key=lambda means: means.error), left=tried[-1].left)


def batch_means_in_stages(values: Floats, stages: npt.NDArray[np.integer]) -> BatchMeans:
    """The same of values in stages whose levels differ by design: only what varies within a stage is chance.

    stages: the stage of each value. Variances of the stages' sums are added (Cochran 1977, 5.3), with Satterthwaite's
    (1946) degrees of freedom. Where a stage has less than 8 values, all are taken for one stage.
    """
    parts = [values[stages == stage] for stage in np.unique(stages)]
    if len(parts) == 1 or min(len(part) for part in parts) < FEWEST_BATCHES:
        return batch_means(values)
    found = [batch_means(part) for part in parts]
    squares = [(means.error * len(part)) ** 2 for means, part in zip(found, parts, strict=True)]
    total = sum(squares)
    each = sum(square**2 / means.degrees for square, means in zip(squares, found, strict=True))
    return BatchMeans(
        error=math.sqrt(total) / len(values),
        degrees=total**2 / each if each > 0 else sum(means.degrees for means in found),
        count=sum(means.count for means in found),
        left=max(means.left for means in found),
    )


def _batches_of(values: Floats, size: int) -> BatchMeans:
    """From batches of this length; the first values that fill none are left out."""
    count = len(values) // size
    used = np.asarray(values[len(values) - size * count :], dtype=np.float64)
    means: Floats = used.reshape(count, size).mean(axis=1)
    seen = _neighbours(means)
    left = max(0.0, seen)
    # A mean of values whose neighbours correlate by r varies (1 + r) / (1 - r) times as much.
    independent = max(2.0, count * (1 - left) / (1 + left))
    degrees = min(independent - 1, degrees_of_squares((means - means.mean()) ** 2))
    error = float(np.std(means, ddof=1)) / math.sqrt(independent)
    return BatchMeans(error, degrees, count, left)


def degrees_of_squares(squares: Floats) -> float:
    """Degrees of freedom of a variance that is the sum of these: their number less one, fewer where a few make it up.

    By their second moment, as Satterthwaite (1946) did for sums of unequal variances, and half of his: among zeros, h
    equal ones come to about h. At least 1.
    """
    total, most = float(squares.sum()), len(squares) - 1.0
    scatter = float(np.dot(squares, squares)) - total * total / len(squares)
    return most if scatter <= 0 or total <= 0 else max(1.0, min(most, total * total / scatter))


def _neighbours(means: Floats) -> float:
    """The correlation of each value with the next, less its bias of -(1 + 3 r) / n (Kendall 1954), and 1 / n more."""
    spread = means - means.mean()
    total = float(np.dot(spread, spread))
    if total <= 0:
        return 0.0
    seen = float(np.dot(spread[:-1], spread[1:])) / total
    return min(_MOST_CORRELATION, seen + (2 + 3 * max(0.0, seen)) / len(means))
