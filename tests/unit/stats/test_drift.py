"""Drifts of a series: what is found, when and how large, what is not, and what can't be told."""

import numpy as np
import pytest
from scipy.signal import lfilter

from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drift, Drifts, Series, find_drifts

_MONDAY_S = 1_795_392_000.0  # 2026-11-23 00:00 UTC
_WINDOW_S, _DAY_S = 900.0, 86_400.0


def _times(days: float = 7, start_s: float = _MONDAY_S + 2 * _DAY_S) -> F64:
    return start_s + _WINDOW_S * np.arange(round(days * 96), dtype=np.float64)


def _noise(times_s: F64, seed: int = 1, spread: float = 0.05) -> F64:
    return spread * np.random.default_rng(seed).standard_normal(len(times_s))


def _daily(times_s: F64) -> F64:
    """Half as much again by day, half as much at weekends."""
    weekend = (times_s - _MONDAY_S) / _DAY_S % 7 >= 5
    found: F64 = (1 + 0.5 * np.sin(2 * np.pi * times_s / _DAY_S)) * np.where(weekend, 0.5, 1.0)
    return found


def _after(times_s: F64, days: float) -> F64:
    return np.where(times_s >= times_s[0] + days * _DAY_S, 1.0, 0.0)


def _only(drifts: Drifts) -> Drift:
    assert len(drifts.found) == 1
    return drifts.found[0]


def test_a_step_has_its_moment_its_levels_and_its_size() -> None:
    times_s = _times()
    values = 100 * _daily(times_s) * np.exp(0.1 * _after(times_s, 4) + _noise(times_s))
    drift = _only(find_drifts({"tokens": Series(times_s, values)}))
    assert (drift.series, drift.kind, drift.scale) == ("tokens", "step", "relative")
    assert abs(drift.at_s - times_s[0] - 4 * _DAY_S) <= 3 * 3600
    assert drift.at_low_s <= times_s[0] + 4 * _DAY_S <= drift.at_high_s
    assert drift.low < np.expm1(0.1) < drift.high
    assert drift.after / drift.before - 1 == pytest.approx(drift.size)
    assert drift.p_adjusted < 0.01


def test_a_trend_is_told_as_one_over_its_whole_stretch() -> None:
    times_s = _times()
    along = (times_s - times_s[0]) / (times_s[-1] - times_s[0])
    drift = _only(find_drifts({"cost": Series(times_s, np.exp(0.2 * along + _noise(times_s)) * _daily(times_s))}))
    assert drift.kind == "trend"
    assert (drift.at_low_s, drift.at_high_s) == (times_s[0], times_s[-1])
    assert drift.low < np.expm1(0.2) < drift.high


def test_seasons_of_the_day_and_the_weekend_are_no_drift() -> None:
    for start in range(7):
        times_s = _times(start_s=_MONDAY_S + start * _DAY_S)
        drifts = find_drifts({"latency": Series(times_s, _daily(times_s) * np.exp(_noise(times_s)))})
        assert drifts.found == ()
        assert drifts.tested == ("latency",)


def test_hours_that_are_like_the_one_before_are_no_drift() -> None:
    # 19 of these 40 would be, were their correlation not allowed for.
    times_s, found = _times()[::4], 0
    for seed in range(40):
        noise = np.random.default_rng(seed).standard_normal(len(times_s))
        noise[1:] *= 0.8
        values = np.exp(0.1 * lfilter([1.0], [1.0, -0.6], noise))
        found += len(find_drifts({"latency": Series(times_s, values)}, minimum_effect=0.0).found)
    assert found <= 4


def test_a_share_without_any_scatter_steps_at_its_very_window() -> None:
    times_s = _times()
    hits = 0.93 * (1 - _after(times_s, 4.25))
    drift = _only(find_drifts({"hits": Series(times_s, hits, scale="absolute")}))
    assert drift.at_s == times_s[0] + 4.25 * _DAY_S
    assert drift.before == pytest.approx(0.93)
    assert drift.after == pytest.approx(0.0, abs=1e-9)
    assert drift.scale == "absolute"


def test_a_constant_has_not_drifted() -> None:
    times_s = _times()
    for value in (0.0, 0.93, 1e6):
        drifts = find_drifts({"one": Series(times_s, np.full(len(times_s), value))})
        assert (drifts.found, drifts.tested) == ((), ("one",))


@pytest.mark.parametrize("windows", [(650, 655), (600, 668), (0, 1, 2, 3)])
def test_a_few_misses_near_an_end_are_no_drift(windows: tuple[int, ...]) -> None:
    times_s = _times()
    hits = np.ones(len(times_s))
    hits[list(windows)] = 0
    others = {str(at): Series(times_s, np.ones(len(times_s))) for at in range(9)}
    assert find_drifts({"hits": Series(times_s, hits, scale="absolute"), **others}).found == ()


def test_a_burst_of_wild_values_is_no_drift() -> None:
    times_s = _times()
    values = np.exp(_noise(times_s))
    values[640:646] *= 50
    assert find_drifts({"latency": Series(times_s, values)}).found == ()


def test_gaps_unknown_values_and_any_order_are_survived() -> None:
    times_s = _times() + np.random.default_rng(3).uniform(0, 300, 672)
    values = np.exp(0.2 * _after(times_s, 3) + _noise(times_s))
    values[100:140] = np.nan
    there = np.random.default_rng(4).permutation(np.r_[0:200, 260:672])
    drift = _only(find_drifts({"tokens": Series(times_s[there], values[there])}))
    assert abs(drift.at_s - times_s[0] - 3 * _DAY_S) <= 3600
    assert drift.low < np.expm1(0.2) < drift.high


def test_a_step_during_a_gap_lies_somewhere_in_it() -> None:
    times_s = _times()
    values = np.exp(0.3 * _after(times_s, 4) + _noise(times_s))
    there = np.r_[0:360, 430:672]
    drift = _only(find_drifts({"tokens": Series(times_s[there], values[there])}))
    assert drift.at_low_s <= times_s[360]
    assert drift.at_high_s >= times_s[430]


def test_a_drift_below_the_minimum_effect_is_none() -> None:
    times_s = _times()
    series = {"tokens": Series(times_s, np.exp(0.03 * _after(times_s, 4) + _noise(times_s, spread=0.01)))}
    assert find_drifts(series, minimum_effect=0.05).found == ()
    assert find_drifts(series, minimum_effect={"tokens": 0.05}).found == ()
    assert _only(find_drifts(series, minimum_effect={"other": 0.05})).series == "tokens"


def test_values_that_may_be_negative_are_held_against_their_mean_before() -> None:
    times_s = _times()
    values = 0.1 + 0.05 * _after(times_s, 4) + _noise(times_s, spread=0.06)
    drift = _only(find_drifts({"overhead": Series(times_s, values)}))
    assert drift.scale == "relative"
    assert drift.low < 0.5 < drift.high
    around_zero = _only(find_drifts({"overhead": Series(times_s, values - 0.12)}))
    assert around_zero.scale == "absolute"
    assert around_zero.low < 0.05 < around_zero.high


@pytest.mark.parametrize(
    ("times_s", "values", "reason"),
    [
        (_times(0), np.zeros(0), "never measured"),
        (_times(7), np.full(672, np.nan), "never measured"),
        (_times(2), np.ones(192), "less than 3 days"),
        (_times(30)[::960], np.ones(3), "stretches of 24 h"),
    ],
)
def test_where_there_is_too_little_nothing_is_told(times_s: F64, values: F64, reason: str) -> None:
    drifts = find_drifts({"short": Series(times_s, values)})
    assert (drifts.found, drifts.tested) == ((), ())
    assert reason in drifts.undecided[0].reason


def test_a_step_that_only_a_weekend_shows_can_not_be_told_from_it() -> None:
    """Monday to Sunday, and a level that changes on Saturday: it may be what weekends are like."""
    times_s = _times(start_s=_MONDAY_S)
    values = np.exp(0.5 * _after(times_s, 5) + _noise(times_s))
    assert find_drifts({"latency": Series(times_s, values)}).found == ()


def test_a_month_of_daily_values_is_enough() -> None:
    times_s = _MONDAY_S + _DAY_S * np.arange(42, dtype=np.float64)
    values = np.exp(0.3 * _after(times_s, 20) + _noise(times_s))
    drift = _only(find_drifts({"cost": Series(times_s, values)}))
    assert abs(drift.at_s - times_s[20]) <= 2 * _DAY_S


def test_four_weeks_of_windows_are_looked_at_in_longer_bins() -> None:
    times_s = _times(28)
    values = _daily(times_s) * np.exp(0.05 * _after(times_s, 20) + _noise(times_s, spread=0.1))
    drift = _only(find_drifts({"cost": Series(times_s, values)}))
    assert abs(drift.at_s - times_s[0] - 20 * _DAY_S) <= 12 * 3600


def test_more_series_take_a_stronger_proof() -> None:
    times_s = _times()
    one = {"tokens": Series(times_s, np.exp(0.02 * _after(times_s, 4) + _noise(times_s)))}
    many = {f"other {at}": Series(times_s, np.exp(_noise(times_s, seed=10 + at))) for at in range(20)}
    alone = _only(find_drifts(one, minimum_effect=0.0))
    together = find_drifts({**one, **many}, minimum_effect=0.0, family_error=1.0)
    assert next(drift for drift in together.found if drift.series == "tokens").p_adjusted > 10 * alone.p_adjusted


def test_the_same_series_gives_the_same_answer() -> None:
    times_s = _times()
    series = {"tokens": Series(times_s, np.exp(0.1 * _after(times_s, 4) + _noise(times_s)))}
    assert find_drifts(series) == find_drifts(series)
