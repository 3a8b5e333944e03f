"""Quantile intervals: the numbers of samples that are known to be needed, and what correlation takes away."""

import numpy as np
import pytest

from loadgen.stats.quantiles import quantile_interval, quantile_ranks, rank_of, samples_needed


def test_a_two_sided_bound_of_p99_needs_368_samples() -> None:
    assert quantile_ranks(367, 367, 0.99) == (359, None)
    assert quantile_ranks(368, 368, 0.99) == (360, 368)


def test_a_one_sided_bound_of_p99_needs_299_samples() -> None:
    assert quantile_ranks(298, 298, 0.99, 0.90)[1] is None
    assert quantile_ranks(299, 299, 0.99, 0.90)[1] == 299


def test_the_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    # P(Binomial(10, 1/2) <= 1) = 11/1024 is below 2.5 %, P(<= 2) = 56/1024 is not: a textbook's 97.9 % interval.
    assert quantile_ranks(10, 10, 0.5) == (2, 9)


def test_correlation_moves_both_ranks_outwards() -> None:
    low, high = quantile_ranks(1000, 1000, 0.9)
    wider_low, wider_high = quantile_ranks(1000, 250, 0.9)
    assert low is not None
    assert high is not None
    assert wider_low is not None
    assert wider_high is not None
    assert wider_low < low < 900 < high < wider_high


def test_ranks_are_within_the_sample() -> None:
    for n in (1, 2, 3, 50, 1000):
        for effective in (0.0, 0.5, 1.0, n / 3, float(n)):
            for q in (0.001, 0.5, 0.999):
                low, high = quantile_ranks(n, min(n, effective), q)
                assert low is None or 1 <= low <= rank_of(n, q)
                assert high is None or rank_of(n, q) <= high <= n


def test_independent_turns_are_worth_what_they_are() -> None:
    values = np.arange(1.0, 1001.0)
    found = quantile_interval(values, np.arange(1000, dtype=np.int32), 0.99)
    assert (found.estimate, found.n, found.sessions) == (990.0, 1000, 1000)
    low, high = quantile_ranks(1000, 1000, 0.99)
    # What the estimated variance takes off: a thousandth of the observations or so.
    assert found.low == pytest.approx(low, abs=1)
    assert found.high == pytest.approx(high, abs=1)


def test_sessions_whose_turns_are_all_one_count_once() -> None:
    values = np.repeat(np.arange(50.0), 20)
    clusters = np.repeat(np.arange(50, dtype=np.int32), 20)
    found = quantile_interval(values, clusters, 0.5)
    assert found.effective_n == pytest.approx(50, rel=0.1)
    assert found.n == 1000


def test_one_session_is_one_observation() -> None:
    found = quantile_interval(np.arange(1000.0), np.zeros(1000, dtype=np.int32), 0.5)
    assert (found.estimate, found.low, found.high, found.effective_n) == (499.0, None, None, 1.0)


def test_no_values_give_no_estimate() -> None:
    found = quantile_interval(np.zeros(0), np.zeros(0, dtype=np.int32), 0.5)
    assert (found.estimate, found.low, found.high, found.n) == (None, None, None, 0)


def test_slow_stretches_of_time_widen_the_interval_though_sessions_show_nothing() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    slow = np.repeat(rng.random(40) < 0.3, n // 40)
    values = rng.random(n) + slow
    sessions = rng.integers(0, 400, size=n).astype(np.int32)
    times = np.arange(n, dtype=np.float64)
    by_session = quantile_interval(values, sessions, 0.9)
    in_time = quantile_interval(values, sessions, 0.9, times_s=times)
    assert by_session.effective_n is not None
    assert in_time.effective_n is not None
    assert by_session.effective_n > 0.8 * n
    assert in_time.effective_n < 0.1 * n


def test_the_order_of_the_values_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    values, sessions = rng.random(500), rng.integers(0, 50, size=500).astype(np.int32)
    times, shuffled = rng.random(500), rng.permutation(500)
    assert quantile_interval(values, sessions, 0.9, times_s=times) == quantile_interval(
        values[shuffled], sessions[shuffled], 0.9, times_s=times[shuffled]
    )


def test_more_samples_are_needed_until_the_limit_is_left_out() -> None:
    # 300 values all within the limit: 368 are needed in all.
    assert samples_needed(300, 300.0, 0.99, 1.0) == 68
    # The same in correlated turns: four times as many.
    assert samples_needed(1200, 300.0, 0.99, 1.0) == pytest.approx(4 * 68, abs=4)


@pytest.mark.parametrize(("share", "q"), [(0.985, 0.99), (0.995, 0.99), (0.02, 0.01)])
def test_with_the_samples_needed_it_is_decided(share: float, q: float) -> None:
    further = samples_needed(500, 400.0, q, share)
    assert further is not None
    assert further > 0
    times = (500 + further) / 500
    assert samples_needed(500 + further, 400.0 * times, q, share) in (0, 1)


def test_what_is_decided_needs_no_more() -> None:
    assert samples_needed(10_000, 10_000.0, 0.9, 0.95) == 0


def test_an_estimate_at_the_limit_is_never_decided() -> None:
    assert samples_needed(1000, 1000.0, 0.99, 0.99) is None
    assert samples_needed(1000, 1000.0, 0.99, 0.9900000001) is None
    assert samples_needed(0, 0.0, 0.99, 0.5) is None
