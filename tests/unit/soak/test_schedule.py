"""The schedule is a function of the plan: what is due when, and what has become of what nobody made."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.soak.schedule import (
    Due,
    Plan,
    delay_name,
    names_of,
    schedule_of,
    standing,
    tells_of_another_delay,
    window_of,
)

PLAN = Plan(1_000_000.0, 900.0, 96, 1, ("cache", "output", "tools", "latency"), (60.0, 300.0, 3600.0))


def due_of(name: str, window: int = 3, plan: Plan = PLAN) -> Due:
    return next(due for due in window_of(plan, window) if due.name == name)


def test_the_same_plan_gives_the_same_schedule_and_another_seed_other_times() -> None:
    assert schedule_of(PLAN) == schedule_of(PLAN)
    assert [due.due_s for due in schedule_of(PLAN)] != [due.due_s for due in schedule_of(replace(PLAN, seed=2))]


def test_numbers_are_unique_and_follow_from_the_window_alone() -> None:
    whole = schedule_of(PLAN)
    assert [due.number for due in whole] == list(range(96 * 10))
    assert window_of(replace(PLAN, windows=5), 3) == whole[30:40]


@given(st.integers(0, 95), st.integers(0, 2**32))
def test_every_probe_begins_within_its_window_but_for_re_checks(window: int, seed: int) -> None:
    begin_s = PLAN.started_s + window * PLAN.every_s
    for due in window_of(replace(PLAN, seed=seed), window):
        if due.planting is None:
            assert begin_s <= due.due_s < begin_s + PLAN.every_s
        assert due.due_s < due.latest_s


def test_a_re_check_is_due_its_delay_after_its_planting_and_may_outlive_the_window() -> None:
    check, plant = due_of("after_60m"), due_of("plant_60m")
    assert check.planting == plant.number
    assert check.due_s - plant.due_s == 3600.0
    assert check.due_s > PLAN.started_s + 4 * PLAN.every_s


def test_each_delay_has_a_planting_of_its_own() -> None:
    names = names_of(PLAN.probes, PLAN.after_s)
    assert names == [
        *("warm", "plant_1m", "plant_5m", "plant_60m", "output", "tools", "latency"),
        *("after_1m", "after_5m", "after_60m"),
    ]
    assert names_of(PLAN.probes[3:], PLAN.after_s) == ["latency"]


def test_what_is_left_is_due_missed_or_interrupted() -> None:
    due = due_of("output")
    assert standing(due, due.due_s - 5000, ()) == "due"
    assert standing(due, due.due_s + 899, ()) == "due"
    assert standing(due, due.due_s + 901, ()) == "missed"
    assert standing(due, due.due_s + 1, {due.number}) == "interrupted"


def test_a_re_check_that_is_late_would_tell_of_another_delay() -> None:
    check = due_of("after_5m")
    assert tells_of_another_delay(check, 1000.0, 1000.0 + 329, 0.0) is None
    assert tells_of_another_delay(check, 1000.0, 1000.0 + 331, 0.0) == "it could not begin in time"


@pytest.mark.parametrize("set_by_s", [-3600.0, -31.0, 31.0, 250.0])
def test_a_delay_that_the_clock_was_set_in_is_not_known(set_by_s: float) -> None:
    check = due_of("after_5m")
    told = tells_of_another_delay(check, 1000.0, 1300.0, set_by_s)
    assert told == "the clock was set since its prefix was planted"
    assert tells_of_another_delay(check, 1000.0, 1300.0, 29.0) is None


@pytest.mark.parametrize(
    ("seconds", "name"), [(60, "1m"), (300, "5m"), (3600, "60m"), (90, "90s"), (43_200, "12h"), (0.5, "500ms")]
)
def test_delays_are_named_as_people_say_them(seconds: float, name: str) -> None:
    assert delay_name(seconds) == name
