"""Throughput by batch means, ratios by session."""

import math

import numpy as np
import pytest
from scipy.stats import t

from loadgen.stats.means import ratio_interval
from loadgen.stats.rates import rate_interval


def test_the_ratio_of_equal_sessions_is_students_interval_of_a_mean() -> None:
    values = np.array([3.0, 5.0, 4.0, 8.0, 6.0])
    found = ratio_interval(values, np.ones(5))
    half = t.ppf(0.975, 4) * values.std(ddof=1) / math.sqrt(5)
    assert found.estimate == pytest.approx(5.2)
    assert found.low == pytest.approx(5.2 - half)
    assert found.high is not None
    assert found.high >= 5.2 + half - 1e-9


def test_a_ratio_of_one_session_has_no_bounds() -> None:
    found = ratio_interval(np.array([3.0]), np.array([2.0]))
    assert (found.estimate, found.low, found.high) == (1.5, None, None)
    assert ratio_interval(np.zeros(0), np.zeros(0)).estimate is None


def test_the_rate_is_per_second_whatever_the_bin() -> None:
    counts = np.tile([4.0, 6.0], 50)
    assert rate_interval(counts, 0.5).estimate == 10.0


def test_few_bins_have_no_bounds() -> None:
    found = rate_interval(np.array([3.0, 4.0, 5.0]), 1.0)
    assert (found.estimate, found.low, found.high) == (4.0, None, None)
    assert rate_interval(np.zeros(0), 1.0).estimate is None


def test_correlated_bins_widen_the_interval() -> None:
    rng = np.random.default_rng(7)
    independent = rng.poisson(10, size=320).astype(np.float64)
    correlated = np.repeat(rng.poisson(10, size=32), 10).astype(np.float64)
    widths = []
    for counts in (independent, correlated):
        found = rate_interval(counts, 1.0)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_a_rate_is_never_below_nothing() -> None:
    assert rate_interval(np.array([0.0] * 19 + [1.0]), 1.0).low == 0.0
