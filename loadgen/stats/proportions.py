"""Intervals of proportions: failed of all, good of all, solved of all; and pass^k."""

import math

from loadgen.stats.binomial import clopper_pearson, z_of
from loadgen.stats.clusters import Hits, effective_n
from loadgen.stats.interval import Interval


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """The score interval (Wilson 1927) of independent observations: right on average, short, fit to be shown.

    Its chance of an error on one side depends on the proportion, and reaches 16 % for the lower bound of a rare one:
    decisions are made by `clustered`, which is exact.
    """
    if n == 0:
        return Interval(None, None, None, confidence, 0, 0)
    z, share = z_of(confidence), hits / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if hits == 0 else (middle - half) / (1 + z * z / n)
    high = 1.0 if hits == n else (middle + half) / (1 + z * z / n)
    return Interval(share, low, high, confidence, n, n, float(n))


def clustered(hits_per_session: Hits, sizes_per_session: Hits, confidence: float = 0.95) -> Interval:
    """The share sum(hits) / sum(sizes) with the exact binomial interval at the effective n (Korn and Graubard 1998).

    Without a single hit the session counts as one observation: 0 of 100 sessions leaves up to 3.6 % (two-sided 95 %).
    """
    n, hits = float(sizes_per_session.sum()), float(hits_per_session.sum())
    sessions = int((sizes_per_session > 0).sum())
    if n <= 0:
        return Interval(None, None, None, confidence, 0, 0)
    effective = effective_n(hits_per_session, sizes_per_session, confidence)
    low, high = clopper_pearson(hits / n * effective, effective, confidence)
    return Interval(hits / n, low, high, confidence, round(n), sessions, effective)


def pass_all(successes: int, trials: int, k: int) -> float | None:
    """pass^k: the chance that k trials drawn of these all succeeded, C(successes, k) / C(trials, k).

    Unbiased for the chance that k new trials all do (Yao et al. 2024, tau-bench); None where k > trials.
    """
    if not 1 <= k <= trials:
        return None
    return math.comb(successes, k) / math.comb(trials, k)
