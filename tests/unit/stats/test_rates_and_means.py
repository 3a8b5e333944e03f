"""Throughput by batch means, ratios by session."""

import math

import numpy as np
import pytest
from scipy.stats import t

from loadgen.stats.means import ratio_interval
from loadgen.stats.rates import rate_interval


def test_the_ratio_of_many_equal_sessions_is_students_interval_of_a_mean() -> None:
    values = np.random.default_rng(13).normal(10, 2, size=1200)
    found = ratio_interval(values, np.ones(1200))
    half = t.ppf(0.975, 1199) * values.std(ddof=1) / math.sqrt(1200)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_the_ratio_of_few_sessions_is_at_least_students_and_further_up_where_they_are_skewed() -> None:
    values = np.array([1.0, 1.0, 1.2, 1.1, 0.9, 1.3, 1.0, 1.4, 1.1, 6.0])
    found = ratio_interval(values, np.ones(10))
    half = t.ppf(0.975, 9) * values.std(ddof=1) / math.sqrt(10)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= values.mean() - half + 1e-9
    assert found.high > values.mean() + 1.5 * half
    assert found == ratio_interval(values, np.ones(10))


def test_sessions_that_cost_the_same_leave_no_doubt() -> None:
    found = ratio_interval(np.full(20, 3.0), np.full(20, 2.0))
    assert (found.low, found.estimate, found.high) == (1.5, 1.5, 1.5)


def test_a_run_that_is_too_short_for_what_it_remembers_has_no_bounds() -> None:
    found = rate_interval(np.linspace(1.0, 30.0, 60), 1.0)
    assert (found.low, found.high) == (None, None)


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


def test_stages_of_different_rates_have_an_interval_and_their_difference_does_not_widen_it() -> None:
    rng = np.random.default_rng(8)
    counts = np.concatenate((rng.poisson(10, size=100), rng.poisson(40, size=100))).astype(np.float64)
    stages = np.repeat(np.array([1, 2], dtype=np.int32), 100)
    assert rate_interval(counts, 1.0).low is None
    found = rate_interval(counts, 1.0, stages=stages)
    assert found.estimate == counts.mean()
    assert found.low is not None
    assert found.high is not None
    # Poisson's: 1.96 * sqrt(25 / 200) on either side.
    assert 1.2 < found.high - found.low < 2.4
    assert found.low < 25 < found.high


def test_one_session_unlike_all_others_does_not_make_an_interval_without_end() -> None:
    turns = np.full(25, 2.0)
    turns[3] = 3.0
    found = ratio_interval(turns, np.ones(25))
    assert found.low is not None
    assert found.high is not None
    # A third of the resamples are without it, and have no spread.
    assert 1.9 < found.low < 2.04 < found.high < 2.5
