"""How long the cache kept prefixes, from stretch to stretch of a soak."""

import numpy as np

from loadgen.history.judged import judged
from loadgen.history.lifetimes import kept
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Series
from loadgen.stats.lifetime import Lifetime

_DAY_S = 86_400.0
_TIMES_S = 1_795_392_000.0 + 900.0 * np.arange(672, dtype=np.float64)


def _week(after_5m: F64) -> dict[str, Series]:
    always, hardly = np.full(672, 0.9), np.full(672, 0.01)
    values = {"warm": always, "after_1m": always, "after_5m": after_5m, "after_60m": hardly}
    return {f"cache.hit_ratio.{name}": Series(_TIMES_S, ratio, scale="absolute") for name, ratio in values.items()}


def test_a_lifetime_that_halves_is_told_before_and_after() -> None:
    week = _week(np.where(np.arange(672) < 4 * 96, 0.9, 0.0))
    before, after = kept(week, judged(week).found)
    assert (before.lifetime, after.lifetime) == (Lifetime(300, 3600, 1152), Lifetime(60, 300, 864))
    assert before.to_s == after.from_s == _TIMES_S[0] + 4 * _DAY_S


def test_a_lifetime_that_stays_is_told_once() -> None:
    (whole,) = kept(_week(np.full(672, 0.9)), ())
    assert whole.lifetime == Lifetime(300, 3600, 2016)


def test_what_was_never_measured_has_no_lifetime() -> None:
    unknown = _week(np.full(672, 0.9))
    unknown["cache.hit_ratio.warm"] = Series(_TIMES_S, np.full(672, np.nan), scale="absolute")
    assert kept(unknown, ()) == ()
    assert kept({}, ()) == ()
