"""Quantile shifts by session: their intervals hold the truth, use pairs, and end where the sample does."""

import math

import numpy as np
import pytest

from loadgen.stats.quantile_shift import Below, Spread, bounds, log_ratio, reach_paired, reach_unpaired

SESSIONS, TURNS = 100, 4


def side(rng: np.random.Generator, content: np.ndarray, slower: float = 1.0) -> tuple[Spread, Below]:
    """Turns of sessions that the content makes long or short."""
    values = (slower * content[:, None] * rng.lognormal(0, 0.3, (len(content), TURNS))).ravel()
    return Spread.of(values), below(values, 0.9)


def below(values: np.ndarray, q: float) -> Below:
    sessions = np.repeat(np.arange(len(values) // TURNS, dtype=np.int32), TURNS)
    hits = (values <= Spread.of(values).quantile(q)).astype(np.float64)
    return Below(hits, np.ones(len(values)), sessions, sessions.astype(np.float64))


def interval(rng: np.random.Generator, *, paired: bool, slower: float = 1.1) -> tuple[float | None, float | None]:
    content = rng.lognormal(0, 0.5, SESSIONS)
    one = side(rng, content)
    other = side(rng, content if paired else rng.lognormal(0, 0.5, SESSIONS), slower)
    reach = (reach_paired if paired else reach_unpaired)(one[1], other[1], 0.9, 0.95)
    assert reach is not None
    return bounds(one[0], other[0], 0.9, reach)


@pytest.mark.parametrize("paired", [True, False])
def test_an_interval_of_95_percent_holds_the_true_ratio(paired: bool) -> None:
    rng, truth = np.random.default_rng(1), math.log(1.1)
    found = [interval(rng, paired=paired) for _ in range(150)]
    missed = sum((low is not None and low > truth) or (high is not None and high < truth) for low, high in found)
    # 7.5 of 150 are expected where each covers 95 %; more than 15 come in one of 200 studies
    assert missed <= 15


def test_pairs_of_sessions_tell_more_than_strangers() -> None:
    rng = np.random.default_rng(2)

    def width(paired: bool) -> float:
        found = [interval(rng, paired=paired) for _ in range(20)]
        return float(np.median([(high or 9) - (low or -9) for low, high in found]))

    assert width(True) < 0.7 * width(False)


def test_a_session_of_one_side_only_counts_as_it_is() -> None:
    rng = np.random.default_rng(3)
    content = rng.lognormal(0, 0.5, SESSIONS)
    one, other = side(rng, content), side(rng, content)
    whole = reach_paired(one[1], other[1], 0.9, 0.95)
    half = reach_paired(one[1], side(rng, content[: SESSIONS // 2])[1], 0.9, 0.95)
    assert whole is not None
    assert half is not None
    assert half > whole


def test_a_reach_beyond_the_sample_has_no_bounds() -> None:
    spread = Spread.of(np.arange(1.0, 101.0))
    assert bounds(spread, spread, 0.99, 0.02) == (None, None)
    low, high = bounds(spread, spread, 0.99, 0.019)
    assert low is not None
    assert high is not None
    assert low < 0 < high


def test_a_quantile_that_few_sessions_reach_has_no_reach() -> None:
    values = np.concatenate([np.ones(380), np.full(20, 9.0)])
    few = below(values[np.argsort(values)], 0.95)
    assert reach_unpaired(few, few, 0.95, 0.95) is not None
    fewer = below(np.concatenate([np.ones(392), np.full(8, 9.0)]), 0.98)
    assert reach_unpaired(fewer, fewer, 0.98, 0.95) is None
    assert reach_paired(fewer, fewer, 0.98, 0.95) is None


def test_counted_values_are_as_many_single_ones() -> None:
    counted = Spread.of(np.array([2.0, 1.0]), np.array([1, 3]))
    single = Spread.of(np.array([1.0, 1.0, 2.0, 1.0]))
    for q in (0.1, 0.5, 0.75, 0.76, 1.0):
        assert counted.quantile(q) == single.quantile(q)


def test_gaps_that_lie_in_one_bin_leave_the_session_as_the_unit() -> None:
    count = 50
    below_all = Below(np.full(count, 30.0), np.full(count, 30.0), np.arange(count, dtype=np.int32), np.arange(50.0))
    reach = reach_unpaired(below_all, below_all, 0.5, 0.95)
    assert reach == pytest.approx(1.96 * math.sqrt(0.25 * 2 / count), rel=0.001)


def test_a_quantile_of_0_has_no_ratio() -> None:
    assert log_ratio(Spread.of(np.zeros(3)), Spread.of(np.ones(3)), 0.5) is None
