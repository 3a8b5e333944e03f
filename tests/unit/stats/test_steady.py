"""Where a steady state begins, and queues that grow."""

import numpy as np
import pytest

from loadgen.stats.steady import backlog_trend, mser5


def test_a_warm_up_is_cut_off() -> None:
    rng = np.random.default_rng(8)
    values = np.concatenate([np.full(50, 100.0), np.full(450, 10.0)]) + rng.normal(size=500)
    assert mser5(values) == 50


def test_a_decaying_warm_up_is_cut_where_it_has_sunk_into_the_noise() -> None:
    rng = np.random.default_rng(9)
    values = 10 + 50 * np.exp(-np.arange(1000) / 40) + rng.normal(size=1000)
    assert 100 <= mser5(values) <= 250


def test_steady_from_the_start_is_hardly_cut() -> None:
    cuts = [mser5(np.random.default_rng(seed).normal(size=500)) for seed in range(40)]
    assert float(np.median(cuts)) <= 25


def test_what_only_settles_in_the_second_half_is_not_steady() -> None:
    values = np.concatenate([np.full(400, 100.0), np.full(100, 10.0)])
    assert mser5(values) == 500


def test_the_cut_is_the_minimum_of_whites_statistic() -> None:
    values = np.random.default_rng(10).normal(size=203).cumsum()
    means = values[:200].reshape(40, 5).mean(axis=1)
    errors = [float(((means[cut:] - means[cut:].mean()) ** 2).sum() / (40 - cut) ** 2) for cut in range(35)]
    best = int(np.argmin(errors))
    assert mser5(values) == (5 * best if best <= 20 else 203)


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_observations_are_left_alone(n: int) -> None:
    assert mser5(np.arange(float(n))) == 0


def test_a_queue_that_grows_is_seen() -> None:
    rng = np.random.default_rng(11)
    times = np.arange(60.0)
    found = backlog_trend(times, 5 + 0.5 * times + rng.normal(size=60))
    assert found.growing
    assert found.slope_per_s == pytest.approx(0.5, abs=0.05)
    assert found.growth == pytest.approx(29.5, abs=3)


def test_a_level_queue_does_not_grow() -> None:
    rng = np.random.default_rng(12)
    assert not backlog_trend(np.arange(300.0), 20 + rng.normal(size=300)).growing


def test_growth_that_does_not_matter_is_none() -> None:
    times = np.arange(100.0)
    found = backlog_trend(times, 1000 + 0.1 * times)
    assert found.low is not None
    assert found.low > 0
    assert not found.growing


def test_a_short_window_can_not_tell() -> None:
    found = backlog_trend(np.arange(5.0), np.arange(5.0))
    assert (found.slope_per_s, found.growing, found.level) == (None, False, 2.0)
    assert backlog_trend(np.zeros(0), np.zeros(0)).level is None
