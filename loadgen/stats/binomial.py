"""Exact binomial arithmetic for a real number of observations: what quantile and proportion intervals rest on.

Real, since n correlated observations tell as much as some smaller, seldom whole, number of independent ones.
"""

from collections.abc import Callable

from scipy.special import betainc, betaincinv, ndtri, stdtrit

_BISECTIONS = 60


def z_of(confidence: float) -> float:
    """The two-sided normal quantile: 1.96 at 0.95."""
    return float(ndtri(0.5 + confidence / 2))


def t_of(confidence: float, degrees: float) -> float:
    """The two-sided quantile of Student's t: 2.26 at 0.95 and 9 degrees of freedom."""
    return float(stdtrit(degrees, 0.5 + confidence / 2))


def clopper_pearson(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """The exact two-sided interval of a proportion (Clopper and Pearson 1934, by way of the beta distribution)."""
    tail = (1 - confidence) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def low_rank(n: float, q: float, tail: float) -> float | None:
    """The highest rank r (real, 1 <= r <= n) whose value lies above the q-quantile with a chance of at most `tail`.

    That is P(Binomial(n, q) <= r - 1) <= tail. None where not even the smallest value is that sure.
    """
    return _last_true(lambda rank: float(betainc(n - rank + 1, rank, 1 - q)) <= tail, 1.0, n)


def high_rank(n: float, q: float, tail: float) -> float | None:
    """The lowest rank s (real, 1 <= s <= n) whose value lies below the q-quantile with a chance of at most `tail`.

    That is P(Binomial(n, q) >= s) <= tail. None where not even the greatest value is that sure.
    """
    mirrored = low_rank(n, 1 - q, tail)
    return None if mirrored is None else n + 1 - mirrored


def _last_true(holds: Callable[[float], bool], low: float, high: float) -> float | None:
    """The last point of [low, high] at which something holds that holds up to there and no further."""
    if high < low or not holds(low):
        return None
    if holds(high):
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
