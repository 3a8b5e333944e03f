"""The design effect against its known values, and the effective number of observations."""

import numpy as np
import pytest

from loadgen.stats.clusters import (
    degrees_of_freedom,
    design_effect,
    effective_n,
    effective_n_of_turns,
    equal_sized_sessions,
)


def test_sessions_of_one_turn_have_no_design_effect() -> None:
    hits = np.array([1.0] * 30 + [0.0] * 70)
    assert design_effect(hits, np.ones(100)) == pytest.approx(1.0)


def test_turns_that_are_all_one_have_the_size_of_the_session_as_effect() -> None:
    # 1 + (m - 1) * ICC at ICC 1, and (n - 1) / n * k / (k - 1) of it in a sample.
    hits = np.array([20.0] * 50 + [0.0] * 50)
    assert design_effect(hits, np.full(100, 20.0)) == pytest.approx(20.0 * 1999 / 2000 * 100 / 99)


def test_the_effect_of_a_beta_binomial_is_one_plus_size_less_one_times_icc() -> None:
    rng = np.random.default_rng(3)
    icc, size, share = 0.2, 10, 0.3
    scale = 1 / icc - 1
    each = rng.beta(share * scale, (1 - share) * scale, size=50_000)
    hits = rng.binomial(size, each).astype(np.float64)
    assert design_effect(hits, np.full(50_000, float(size))) == pytest.approx(1 + 9 * icc, rel=0.03)


def test_without_hits_a_session_counts_as_one_observation() -> None:
    sizes = np.full(40, 25.0)
    assert design_effect(np.zeros(40), sizes) == pytest.approx(25.0)
    assert effective_n(np.zeros(40), sizes) == pytest.approx(40.0)
    assert effective_n(sizes, sizes) == pytest.approx(40.0)


def test_unequal_sessions_count_as_fewer_equal_ones() -> None:
    assert equal_sized_sessions(np.array([10.0, 10.0])) == 2.0
    assert equal_sized_sessions(np.array([100.0, 1.0])) == pytest.approx(1.02, abs=0.01)


def test_few_hits_leave_few_degrees_of_freedom() -> None:
    hits = np.zeros(1000)
    hits[:5] = 1.0
    assert degrees_of_freedom(hits, np.full(1000, 10.0)) == pytest.approx(10, rel=0.1)
    assert degrees_of_freedom(np.array([5.0, 5.0, 0.0, 0.0] * 5), np.full(20, 10.0)) == 19.0


def test_never_more_than_there_are() -> None:
    rng = np.random.default_rng(4)
    for _ in range(100):
        sizes = rng.integers(0, 20, size=30).astype(np.float64)
        hits = np.floor(sizes * rng.random(30))
        assert 0 < effective_n(hits, sizes) <= sizes.sum()


def test_a_surer_interval_takes_more_off() -> None:
    rng = np.random.default_rng(5)
    hits, sizes = rng.binomial(10, 0.3, size=12).astype(np.float64), np.full(12, 10.0)
    assert effective_n(hits, sizes, 0.99) <= effective_n(hits, sizes, 0.95) <= effective_n(hits, sizes, 0.5)


def test_sessions_without_an_observation_are_none() -> None:
    hits, sizes = np.array([3.0, 0.0, 1.0, 0.0]), np.array([5.0, 0.0, 5.0, 5.0])
    assert design_effect(hits, sizes) == design_effect(hits[sizes > 0], sizes[sizes > 0])
    assert effective_n(np.zeros(0), np.zeros(0)) == 0.0


def test_sessions_that_follow_each_other_are_not_counted_twice() -> None:
    """One user, one session after the other: what is alike in a session is alike in time as well."""
    rng = np.random.default_rng(6)
    sessions = np.repeat(np.arange(320, dtype=np.int32), 10)
    hits = np.repeat(rng.random(320) < 0.5, 10).astype(np.float64)
    in_time = effective_n_of_turns(hits, np.ones(3200), sessions, np.arange(3200.0))
    assert 150 < in_time < 330
