"""A soak as people look at it: courses, days, gaps, peak hours, and what is only known to lie between bounds."""

import math
from dataclasses import replace

import msgspec
import pytest

from loadgen.history.model import Measure, Probe
from loadgen.history.week import Level, Week, week_of
from loadgen.history.words import drift_size, figure, late, level, sparkline
from loadgen.stats.drift import Drift, Scale
from tests.support.histories import MONDAY_S, Story, a_soak, a_week


def probe(window: int, measure: Measure, *, outcome: str = "ok", due_s: float | None = None) -> Probe:
    due = MONDAY_S + 3600 * window if due_s is None else due_s
    measures = {"m": measure} if outcome == "ok" else {}
    return Probe("s", window, window, "output", "output", due, due, due + 1, outcome, measures)  # type: ignore[arg-type]


def known(value: float | None, low: float | None = None, high: float | None = None) -> Measure:
    return Measure(value, low, high, 1, "s")


def week(*probes: Probe) -> Week:
    return week_of(a_soak(), probes)


def test_unknown_values_are_no_part_of_a_median() -> None:
    course = week(probe(0, known(1.0)), probe(1, known(None)), probe(2, known(3.0))).courses["m"]
    assert course.level() == Level(2.0, None, None, 2)


def test_nothing_known_is_no_level_and_no_zero() -> None:
    course = week(probe(0, known(None))).courses["m"]
    assert course.level() == Level(None, None, None, 0)
    assert level(course.level(), "m", "s") == "–"


def test_bounds_without_a_value_stay_bounds() -> None:
    course = week(probe(0, known(None, 60, 300)), probe(1, known(None, 300, None)), probe(2, known(None, 300, None)))
    found = course.courses["m"].level()
    assert (found.value, found.low, found.high) == (None, 300, None)
    assert level(found, "cache.lifetime_s", "s") == "over 5m"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Level(None, 60, 300, 2), "1m to 5m"),
        (Level(None, None, 60, 2), "up to 1m"),
        (Level(None, None, None, 0), "–"),
    ],
)
def test_a_lifetime_is_told_by_its_delays(found: Level, told: str) -> None:
    assert level(found, "cache.lifetime_s", "s") == told


def test_gaps_are_windows_in_which_nothing_ended_ok() -> None:
    found = a_week(Story(failed=[2, 3], missed=range(6, 9)), a_soak(days=1)).gaps
    assert [(gap.from_s - MONDAY_S, gap.windows, gap.reason) for gap in found] == [
        (2 * 3600, 2, "8 probes failed"),
        (6 * 3600, 3, "not run"),
    ]


def test_a_gap_that_a_kill_began_and_nobody_ended_tells_both() -> None:
    killed = probe(1, known(1), outcome="interrupted")
    assert [gap.reason for gap in week(probe(0, known(1)), killed, probe(2, known(1))).gaps] == ["interrupted"]
    away = probe(2, known(1), outcome="missed")
    assert [gap.reason for gap in week(killed, away, probe(3, known(1))).gaps] == ["interrupted, and not run"]


def test_a_window_that_left_nothing_at_all_is_a_gap_too() -> None:
    assert [gap.windows for gap in week(probe(0, known(1)), probe(3, known(1))).gaps] == [2]


def test_a_week_that_was_not_yet_begun_is_empty() -> None:
    empty = week()
    assert (empty.windows, empty.gaps, dict(empty.courses), empty.days) == (0, [], {}, None)


def test_first_and_last_day_are_told_from_two_days_on() -> None:
    assert a_week(soak=a_soak(days=1)).days is None
    days = a_week(soak=a_soak(days=2)).days
    assert days == ((MONDAY_S, MONDAY_S + 86_400), (MONDAY_S + 86_400, MONDAY_S + 2 * 86_400))


def test_peak_hours_are_those_of_the_dearer_price() -> None:
    found = a_week(soak=a_soak(days=7))
    peak, off = found.peak(found.courses["cost.per_1m_output_tokens"]) or (None, None)
    assert peak is not None
    assert off is not None
    assert (round(peak.value or 0, 9), peak.windows) == (1.8, 35)
    assert (round(off.value or 0, 9), off.windows) == (0.9, 133)


def test_a_recheck_has_the_price_of_the_hour_in_which_it_was_due() -> None:
    priced = [
        msgspec.structs.replace(
            probe(hour, known(1.0)), measures={"cost.price.output": Measure(price, None, None, 1, "USD")}
        )
        for hour, price in enumerate((1.0, 2.0))
    ]
    late = probe(0, known(7.0), due_s=MONDAY_S + 3600)
    found = week_of(a_soak(), [*priced, msgspec.structs.replace(late, number=9)])
    peak, off = found.peak(found.courses["m"]) or (None, None)
    assert (peak, off) == (Level(7.0, None, None, 1), Level(None, None, None, 0))


def test_one_price_has_no_peak() -> None:
    plain = a_week(soak=a_soak(days=1))
    saturday = replace(plain, probes=tuple(one for one in plain.probes if one.window == 0))
    assert saturday.peak(saturday.courses["cost.per_request"]) is None


def test_a_course_shows_its_gaps() -> None:
    course = week(probe(0, known(1.0)), probe(1, known(2.0)), probe(3, known(9.0))).courses["m"]
    assert sparkline(course, MONDAY_S, MONDAY_S + 4 * 3600, 4) == "▁▂·█"


def test_a_course_of_bounds_alone_is_that_of_the_lower_one() -> None:
    course = week(probe(0, known(None, 1, 2)), probe(1, known(None, 5, None))).courses["m"]
    assert sparkline(course, MONDAY_S, MONDAY_S + 2 * 3600, 2) == "▁█"


def test_a_course_without_anything_is_all_gap() -> None:
    course = week(probe(0, known(None))).courses["m"]
    assert sparkline(course, MONDAY_S, MONDAY_S + 3600, 3) == "···"


@pytest.mark.parametrize(("value", "told"), [(0.5, "50%"), (-1e-6, "0%"), (0.0004, "0.04%"), (None, "–")])
def test_shares_are_told_as_percentages(value: float | None, told: str) -> None:
    assert figure(value, "cache.hit_ratio.warm", "ratio") == told


def test_a_value_that_is_not_known_is_nan_in_a_course() -> None:
    assert math.isnan(week(probe(0, known(None))).courses["m"].values[0])


@pytest.mark.parametrize(
    ("scale", "unit", "told"),
    [
        ("relative", "s", "+10.0% (-5.0% to +20.0%)"),
        ("absolute", "ratio", "+10 points (-5 points to +20 points)"),
        ("absolute", "s", "+100 ms (-50.0 ms to +200 ms)"),
    ],
)
def test_a_drift_is_told_on_its_scale(scale: Scale, unit: str, told: str) -> None:
    drift = Drift("m", "step", 5.0, 4.0, 6.0, 1.0, 1.1, 0.1, -0.05, 0.2, scale, 0.01)
    assert drift_size(drift, unit) == told


def test_a_share_moves_by_no_more_than_all_of_it() -> None:
    drift = Drift("m", "step", 5.0, 4.0, 6.0, 0.94, 0.0, -0.94, -1.01, -0.87, "absolute", 0.01)
    assert drift_size(drift, "ratio") == "-94 points (-100 points to -87 points)"


def test_what_is_known_by_its_bounds_is_not_said_to_be_unmeasured() -> None:
    days = [probe(window, known(None, 1.0, 2.0)) for window in range(96)]
    assert [(one.series, one.reason) for one in week(*days).drifts.undecided] == [("m", "only bounds of it are known")]


def test_how_late_the_soak_was_itself_is_told_and_is_no_drift() -> None:
    def lag(window: int, value: float) -> Probe:
        named = {"generator.loop_lag_s.latency": known(value)}
        return msgspec.structs.replace(probe(window, known(1.0)), measures=named)

    found = week(lag(0, 0.001), lag(1, 0.03), lag(2, 0.02))
    assert found.late_windows == 1
    assert late(found) == "in 1 window this machine was late itself (loop lag p99 over 20 ms), and times are not known"
    assert late(week(lag(0, 0.001))) is None
    assert all(not name.startswith("generator.") for name in found.drifts.tested)
    assert all(not one.series.startswith("generator.") for one in found.drifts.undecided)
