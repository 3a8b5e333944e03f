"""The study of docs/drift.md, short and with fixed seeds: drifts of a week are found, and weeks without one raise no
alarm."""

import pytest

from benchmarks.drift import INJECTED, Injected, Row, drifting, stationary, tables
from benchmarks.weeks import STARTS, Setting

# Weeks that begin on the same day of the week share what was worked out for it.
_WEEKS = range(5, 5 + STARTS * 8, STARTS)
_SETTING = Setting("seasons, AR 0.4")


@pytest.mark.parametrize("injected", INJECTED, ids=lambda injected: injected.name)
def test_a_drift_of_day_4_is_found_with_its_day_and_its_size(injected: Injected) -> None:
    row = drifting(_SETTING, injected, _WEEKS[:4])
    assert (row.found, row.steps, row.false_weeks) == (4, 4, 0)
    # 95 % of the intervals hold the truth: two of four miss in one of 70 studies
    assert row.moment_covered >= 3
    assert row.size_covered >= 3
    assert max(map(abs, row.hours_off)) <= 24


def test_weeks_in_which_nothing_drifts_raise_no_alarm() -> None:
    row = stationary(_SETTING, _WEEKS)
    assert (row.weeks, row.false_weeks) == (8, 0)
    assert row.claims() == [("seasons, AR 0.4: a false alarm in at most 1 of 20 weeks", True)]


def test_weekends_and_what_is_rare_raise_no_alarm_in_the_weeks_in_which_they_once_did() -> None:
    # From a Monday on: 5 without its seasons taken out, 8 and 17 without the permutations of what is mostly the same.
    row = stationary(Setting("seasons, AR 0.4, Monday to Sunday", monday=True), (5, 8, 17))
    assert (row.false_weeks, row.false_series) == (0, [])


def test_a_broken_claim_is_told() -> None:
    alarmed = Row("seasons", None, claimed=True, weeks=20, false_weeks=2, false_series=["latency.e2e_s.p99"] * 2)
    missed = Row("seasons", "answers 10 % longer", claimed=True, weeks=10, found=8, truth=0.1, sizes=[0.1] * 8)
    missed.missed_starts = [0, 0]
    page = tables([alarmed, missed])
    assert "- seasons: a false alarm in at most 1 of 20 weeks: **broken**" in page
    assert "- answers 10 % longer (seasons): found in 9 of 10 weeks: **broken**" in page
    assert "| seasons | 20 | 10.0% (2.8 to 30.1) | `latency.e2e_s.p99` |" in page
    assert "- answers 10 % longer (seasons): Mon 0 h (2)" in page


def test_what_is_not_promised_is_shown_and_breaks_nothing() -> None:
    missed = Row("Mondays", "answers 10 % longer", claimed=False, weeks=10, found=8, truth=0.1, sizes=[0.1] * 8)
    assert missed.claims() == []
    assert "| answers 10 % longer; Mondays (not promised) | 10 | 80.0% " in tables([missed])
