"""Where the steady state begins, and whether there is one: a growing queue is none."""

import math
from dataclasses import dataclass

import numpy as np

from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64

_BATCH = 5
_LAST_BATCHES = 5
_BLOCKS = 20
_FEWEST_BLOCKS = 6
_STEPS = 10
# Below a tenth of the mean level over the whole window a trend does not matter; nor do fewer than 3 turns.
_MATERIAL_SHARE = 0.1
_MATERIAL_TURNS = 3.0


def mser5(values: F64) -> int:
    """How many of the first observations to cut off as warm-up (MSER-5: White, Cobb and Spratt 2000).

    Means of 5 are taken; the cut minimizes the standard error of what is left. As usual it is looked for in all but the
    last 5 means, and where it falls into the second half nothing is steady: then all observations are cut. Too few
    observations for two halves (20) are left as they are.
    """
    batches = len(values) // _BATCH
    if batches < 4:
        return 0
    means = np.asarray(values[: batches * _BATCH], dtype=np.float64).reshape(batches, _BATCH).mean(axis=1)
    means = means - means.mean()  # Sums of squares of large numbers with small differences lose their digits.
    left = np.arange(batches, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum((means * means)[::-1])[::-1]
    errors = np.maximum(squares - sums * sums / left, 0.0) / left**2
    searched = errors[: max(batches // 2 + 1, batches - _LAST_BATCHES)]
    cut = int(np.argmin(searched))
    return len(values) if cut > batches // 2 else cut * _BATCH


@dataclass(frozen=True, slots=True)
class Trend:
    """How the turns in flight changed over a window.

    slope_per_s: turns a second that pile up; low, high its interval; None where it can't be told. growth: slope times
    the window's length, in turns. level: mean turns in flight. growing: whether the queue grows, surely and by
    something that matters.
    """

    slope_per_s: float | None
    low: float | None
    high: float | None
    growth: float | None
    level: float | None
    growing: bool


def backlog_trend(times_s: F64, in_flight: F64, confidence: float = 0.95) -> Trend:
    """Whether the turns in flight, F64[n] sampled at times_s (ascending), grow over the window.

    Of two ways that with the narrower interval counts: least squares, for a level that fluctuates (residuals whose
    neighbours correlate: Santer et al. 2000), and the mean of the steps, for a queue without a level, which wanders as
    a random walk does and so looks like a mere fluctuation to the first. Growing is: the lower bound above 0, and a
    growth of at least a tenth of the mean level and 3 turns.
    """
    blocks = min(_BLOCKS, len(times_s) // 2)
    if blocks < _FEWEST_BLOCKS or times_s[-1] <= times_s[0]:
        level = float(np.mean(in_flight)) if len(in_flight) else None
        return Trend(None, None, None, None, level, False)
    block = np.arange(len(times_s)) * blocks // len(times_s)
    count = np.bincount(block)
    at, heights = np.bincount(block, weights=times_s) / count, np.bincount(block, weights=in_flight) / count
    slope, half = min((_line(at, heights, confidence), _steps(times_s, in_flight, confidence)), key=lambda way: way[1])
    growth, level = slope * float(times_s[-1] - times_s[0]), float(np.mean(in_flight))
    growing = slope - half > 0 and growth >= max(_MATERIAL_TURNS, _MATERIAL_SHARE * level)
    return Trend(slope, slope - half, slope + half, growth, level, growing)


def _line(x: F64, y: F64, confidence: float) -> tuple[float, float]:
    """Slope, and half the width of its interval, for residuals whose neighbours are correlated."""
    centred = x - x.mean()
    across = float(np.dot(centred, centred))
    slope = float(np.dot(centred, y)) / across
    residuals = y - y.mean() - slope * centred
    total = float(np.dot(residuals, residuals))
    along = float(np.dot(residuals[:-1], residuals[1:])) / total if total > 0 else 0.0
    # Residuals of a fitted line are correlated by about -2/n of themselves.
    along = min(0.9, max(0.0, along + 2 / len(x)))
    independent = max(3.0, len(x) * (1 - along) / (1 + along))
    error = math.sqrt(total / (independent - 2) / across)
    return slope, t_of(confidence, independent - 2) * error


def _steps(times_s: F64, in_flight: F64, confidence: float) -> tuple[float, float]:
    """Mean rise a second from one of _STEPS points to the next, and half the width of its interval."""
    points = np.linspace(0, len(times_s) - 1, _STEPS + 1).round().astype(np.int64)
    rises = np.diff(in_flight[points]) / np.diff(times_s[points])
    return float(rises.mean()), t_of(confidence, len(rises) - 1) * float(rises.std(ddof=1)) / math.sqrt(len(rises))
