"""The exponent of a power law and the mean of ratios: right on average, and as sure as they say."""

import numpy as np
import pytest
from scipy import stats

from loadgen.stats.power_law import exponent, geometric_mean

LENGTHS = np.repeat([1000.0, 4000.0, 16_000.0], 12)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.6, 2.0])
def test_an_exact_power_law_is_found(power: float) -> None:
    found = exponent(LENGTHS, 3e-5 * LENGTHS**power)
    assert found.estimate == pytest.approx(power, abs=1e-9)
    assert found.n == len(LENGTHS)


def test_the_slope_is_that_of_an_independent_regression() -> None:
    times = 1e-4 * LENGTHS**1.2 * np.random.default_rng(3).lognormal(0, 0.4, len(LENGTHS))
    theirs = stats.linregress(np.log(LENGTHS), np.log(times))
    ours = exponent(LENGTHS, times)
    assert ours.estimate == pytest.approx(theirs.slope)
    assert ours.low is not None
    assert ours.high is not None
    assert (ours.high - ours.low) / 2 == pytest.approx(theirs.stderr * stats.t.ppf(0.975, len(LENGTHS) - 2), rel=0.5)


def test_the_interval_covers_the_truth_where_the_scatter_grows_with_the_length() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(400):
        scatter = 0.1 + 0.5 * (LENGTHS > 10_000)
        found = exponent(LENGTHS, 1e-4 * LENGTHS**1.5 * np.exp(rng.normal(0, scatter)))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 1.5 <= found.high
    assert covered / 400 > 0.92


def test_one_length_says_nothing_of_growth() -> None:
    assert exponent(np.full(9, 4000.0), np.linspace(1, 2, 9)).estimate is None


def test_three_turns_give_a_slope_without_bounds() -> None:
    found = exponent(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]))
    assert found.estimate == pytest.approx(1.0)
    assert (found.low, found.high) == (None, None)


def test_a_geometric_mean_covers_the_ratio() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        found = geometric_mean(0.3 * rng.lognormal(0, 0.5, 15))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.3 <= found.high
    assert 0.92 < covered / 400 < 0.98


def test_of_one_ratio_or_none_no_bounds_are_known() -> None:
    assert geometric_mean(np.array([0.5])).low is None
    assert geometric_mean(np.array([])).estimate is None
