"""Intervals of means and of ratios of sums, by session: cost per request, tokens per turn, mean latency."""

import math

import numpy as np

from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval

# Resamples of up to these many sessions: at 1,000 Student's interval alone covers as much (94 to 95 %).
_MOST_RESAMPLED = 1000
_RESAMPLES = 1000
_FEWEST_SESSIONS = 5
# Half the error where there are many, less where so few sessions hardly show their own skew.
_MANY_SESSIONS = 60
# Of 25 sessions that all took 2 turns but one that took 3, a third of the resamples have no spread at all, and a t
# without end: their error counts as this part of the sample's. Of lognormal costs the coverage is the same without it.
_LEAST_ERROR = 0.2
_SEED = 20


def ratio_interval(numerators_per_session: F64, denominators_per_session: F64, confidence: float = 0.95) -> Interval:
    """sum(numerators) / sum(denominators), each F64[sessions], with an interval over sessions.

    Student's t on the linearized ratio (Cochran 1977, 6.4); its upper bound is too low for costs and times, which are
    skewed (78 % at 10 sessions of lognormal ones), so up to 1,000 sessions each side is also taken from the
    bootstrap-t (Efron and Tibshirani 1993, 12.5) with at most half the error, and the wider bound counts. Resamples are
    drawn from a fixed seed: the same sessions give the same interval. No bounds below 5 sessions.
    """
    total, sessions = float(denominators_per_session.sum()), len(denominators_per_session)
    if total <= 0:
        return Interval(None, None, None, confidence, 0, sessions)
    ratio = float(numerators_per_session.sum()) / total
    n = round(total)
    if sessions < _FEWEST_SESSIONS:
        return Interval(ratio, None, None, confidence, n, sessions)
    spread = numerators_per_session - ratio * denominators_per_session
    error = math.sqrt(sessions / (sessions - 1) * float(np.dot(spread, spread))) / total
    half = t_of(confidence, sessions - 1)
    least, greatest = -half, half
    if sessions <= _MOST_RESAMPLED and error > 0:
        tail = (1 - confidence) / 2 * min(0.5, sessions / _MANY_SESSIONS)
        resampled = np.quantile(
            _resampled_t(numerators_per_session, denominators_per_session, ratio, float(np.dot(spread, spread))),
            [tail, 1 - tail],
        )
        least, greatest = min(least, float(resampled[0])), max(greatest, float(resampled[1]))
    return Interval(ratio, ratio - greatest * error, ratio - least * error, confidence, n, sessions)


def _resampled_t(numerators: F64, denominators: F64, ratio: float, square: float) -> F64:
    """(ratio of a resample - ratio) / its standard error, of resamples of whole sessions.

    square: the sample's own sum of squares about its ratio.
    """
    sessions = len(numerators)
    drawn = np.random.default_rng(_SEED).multinomial(sessions, np.full(sessions, 1 / sessions), size=_RESAMPLES)
    times = drawn.astype(np.float64)
    below = times @ denominators
    found = (times @ numerators) / below
    squares = (
        times @ (numerators * numerators)
        - 2 * found * (times @ (numerators * denominators))
        + found * found * (times @ (denominators * denominators))
    )
    errors = np.sqrt(np.maximum(squares, _LEAST_ERROR**2 * square) * sessions / (sessions - 1)) / below
    found_t: F64 = (found - ratio) / errors
    return found_t
