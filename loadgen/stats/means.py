"""Intervals of means and of ratios of sums, by session: cost per request, tokens per turn, mean latency."""

import math

import numpy as np

from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval


def ratio_interval(numerators_per_session: F64, denominators_per_session: F64, confidence: float = 0.95) -> Interval:
    """sum(numerators) / sum(denominators), each F64[sessions], with a t interval over sessions (Cochran 1977, 6.4).

    No bounds where there are fewer than two sessions.
    """
    total, sessions = float(denominators_per_session.sum()), len(denominators_per_session)
    if total <= 0:
        return Interval(None, None, None, confidence, 0, sessions)
    ratio = float(numerators_per_session.sum()) / total
    n = round(total)
    if sessions < 2:
        return Interval(ratio, None, None, confidence, n, sessions)
    spread = numerators_per_session - ratio * denominators_per_session
    error = math.sqrt(sessions / (sessions - 1) * float(np.dot(spread, spread))) / total
    half = t_of(confidence, sessions - 1) * error
    return Interval(ratio, ratio - half, ratio + half, confidence, n, sessions)
