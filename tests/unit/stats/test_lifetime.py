"""How long a cache keeps a prefix, from hits and misses after some delays."""

import numpy as np

from loadgen.stats.clusters import F64
from loadgen.stats.lifetime import Lifetime, lifetime


def _seen(hits: int, misses: int) -> F64:
    return np.concatenate((np.ones(hits), np.zeros(misses)))


def test_it_lies_between_what_still_hit_and_what_did_not() -> None:
    assert lifetime({60: _seen(100, 2), 300: _seen(98, 4), 3600: _seen(0, 96)}) == Lifetime(300, 3600, 300)
    assert lifetime({60: _seen(100, 2), 300: _seen(1, 99), 3600: _seen(0, 96)}) == Lifetime(60, 300, 298)


def test_it_is_open_where_all_hit_or_none() -> None:
    assert lifetime({60: _seen(50, 0), 300: _seen(50, 0)}) == Lifetime(300, None, 100)
    assert lifetime({60: _seen(0, 50), 300: _seen(0, 50)}) == Lifetime(0, 60, 100)


def test_a_delay_that_hits_about_half_of_the_time_bounds_nothing() -> None:
    assert lifetime({60: _seen(100, 0), 300: _seen(52, 48), 3600: _seen(0, 100)}) == Lifetime(60, 3600, 300)


def test_few_observations_bound_nothing() -> None:
    assert lifetime({60: _seen(3, 0), 300: _seen(0, 3)}) == Lifetime(0, None, 6)


def test_unknown_observations_are_none() -> None:
    assert lifetime({60: np.full(50, np.nan)}) == Lifetime(0, None, 0)
    assert lifetime({}) == Lifetime(0, None, 0)


def test_answers_that_no_lifetime_gives_leave_both_bounds() -> None:
    assert lifetime({60: _seen(0, 50), 300: _seen(50, 0), 3600: _seen(0, 50)}) == Lifetime(60, 300, 150)
