"""Looking at a run again and again while it lasts, without the chance of a wrong fail growing with every look.

Looks come at doubling numbers of sessions, and each may spend a part of the error that all together may make: 1/2, 1/6,
1/12 ... 1/(j (j + 1)), which add up to 1 however many there are (alpha spending, Lan and DeMets 1983; the parts simply
added, Bonferroni's way, so that correlated looks only make it safer). Pure: the caller keeps the count of looks.
"""

import math

from scipy.special import betainc

FIRST_LOOK = 25
# Half of 5 %: the verdict at the end has the other half.
ALPHA = 0.025


def look_at(sessions: int, first: int = FIRST_LOOK) -> int:
    """Which look (1, 2, ...) so many sessions with turns allow: the j-th at first * 2^(j - 1); 0 before the first."""
    return 0 if sessions < first else int(math.log2(sessions / first) + 1e-9) + 1


def look_confidence(look: int, alpha: float = ALPHA) -> float:
    """The confidence of the two-sided interval whose one side must leave the limit out at this look (1, 2, ...).

    alpha: the chance of a wrong early end over all looks, one-sided; divide it by the number of limits watched.
    """
    return 1 - 2 * alpha / (look * (look + 1))


def early_stopping_queries(over: int, q: float, confidence: float = 0.99) -> int:
    """MLPerf's early stopping: how many queries it takes so that `over` of them above the limit still pass.

    The least n at which P(Binomial(n, 1 - q) <= over) <= 1 - confidence (MLCommons inference rules, tolerance 0): 459
    at p99 without one over, 662 with one; 64 at p90 with one. For one look at independent queries, so it is shown
    for comparison with MLPerf's results and decides nothing here.
    """
    low, high = over + 1, over + 2
    while not _rare(over, high, q, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _rare(over, middle, q, confidence) else (middle, high)
    return high


def _rare(over: int, n: int, q: float, confidence: float) -> bool:
    # P(Binomial(n, 1 - q) <= over) by way of the incomplete beta function.
    return float(betainc(n - over, over + 1, q)) <= 1 - confidence
