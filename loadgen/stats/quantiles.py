"""Intervals of latency quantiles from ranks: exact binomial ones, at the effective number of observations.

No assumption on the distribution's shape. Ranks, not values, so that the values may come from a merged histogram while
the correlation comes from a sample of sessions. Plain bootstraps are not used: over sessions they cover p99 68 to 87 %.
"""

import math

import numpy as np

from loadgen.stats.binomial import clopper_pearson, high_rank, low_rank
from loadgen.stats.clusters import F64, I32, effective_n, effective_n_of_turns
from loadgen.stats.interval import Interval

# Below a thousandth of a rank two ranks are one: what floats leave of 368 - 1e-13 must not cost a rank.
_ROUND = 1e-3


def rank_of(n: int, q: float) -> int:
    """The nearest rank of the q-quantile, ceil(q n), 1-based."""
    return min(n, max(1, math.ceil(round(q * n, 6))))


def quantile_ranks(n: int, effective: float, q: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """Ranks (1-based) of the n ordered values between which the q-quantile lies; None where that is beyond the sample.

    effective: as many independent observations as the n tell (`clusters.effective_n`); ranks are found among that many
    by the binomial distribution (David and Nagaraja 2003, 7.1) and their distances from both ends scaled up. Two-sided
    0.95 for p99 needs 368 independent values to have an upper one.
    """
    tail = (1 - confidence) / 2
    each = n / effective if effective > 0 else math.inf
    low, high = low_rank(effective, q, tail), high_rank(effective, q, tail)
    return (
        None if low is None else math.floor((low - 1) * each + _ROUND) + 1,
        None if high is None else n - math.floor((effective - high) * each + _ROUND),
    )


def lies_beyond(share_within: float, effective: float, q: float, confidence: float = 0.95) -> bool:
    """Whether the q-quantile is surely above a limit that this share of the values lies within.

    effective: as many independent observations as those within and beyond the limit tell. The same question as whether
    the lower bound of the quantile is above the limit, asked where the limit is: the two differ far from it, where all
    values around the quantile may be one queue's, and at the limit still hardly any value is within it.
    """
    return clopper_pearson(share_within * effective, effective, confidence)[1] < q


def quantile_interval(
    values: F64,
    clusters: I32,
    q: float,
    confidence: float = 0.95,
    times_s: F64 | None = None,
    stages: I32 | None = None,
) -> Interval:
    """The q-quantile of the values, each of the session that `clusters` names (small numbers, one a value).

    values: F64[n] without NaN. times_s: F64[n], when each was due; given, correlation in time counts as well, within
    each of `stages` (I32[n]) if the load has several. The estimate is by nearest rank; None where there are no values.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None, None, confidence, 0, 0)
    ordered = np.sort(values)
    estimate = float(ordered[rank_of(n, q) - 1])
    within = (values <= estimate).astype(np.float64)
    hits, sizes = np.bincount(clusters, weights=within), np.bincount(clusters).astype(np.float64)
    if times_s is None:
        effective = effective_n(hits, sizes, confidence)
    else:
        effective = effective_n_of_turns(within, np.ones(n), clusters, times_s, confidence, stages)
    low, high = quantile_ranks(n, effective, q, confidence)
    return Interval(
        estimate,
        None if low is None else float(ordered[low - 1]),
        None if high is None else float(ordered[high - 1]),
        confidence,
        n,
        int((sizes > 0).sum()),
        effective,
    )


def samples_needed(
    n: int, effective: float, q: float, share_within: float, confidence: float = 0.95, most: int = 10**9
) -> int | None:
    """How many further turns it takes until the interval would leave the limit out, if what comes is like what came.

    share_within: the part of the n turns at or below the limit; for a proportion that is held against a limit, q is the
    limit and share_within the estimate. Exact binomial bounds at the present design effect. 0 where the interval leaves
    it out already; None where the estimate is at the limit, or it would take more than `most`.
    """
    if n <= 0 or effective <= 0 or share_within == q:
        return None

    def decided(times: float) -> bool:
        low, high = clopper_pearson(share_within * effective * times, effective * times, confidence)
        return low > q if share_within > q else high < q

    if decided(1.0):
        return 0
    under, times = 1.0, 2.0
    while not decided(times):
        under, times = times, 2 * times
        if n * times > most:
            return None
    while n * (times - under) > 1:
        middle = (under + times) / 2
        under, times = (under, middle) if decided(middle) else (middle, times)
    return max(1, math.ceil(n * (times - 1)))
