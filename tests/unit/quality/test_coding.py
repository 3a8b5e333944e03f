"""Figures of coding agents: a dial that is set is measured, one at zero is zero, and nothing is made up."""

from typing import Any

import msgspec
import pytest

from loadgen.marks import Marks
from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.coding import figures
from loadgen.simulator.dials import CodingDials
from tests.support.agents import record
from tests.support.coders import SimulatedCoder, coding

_SESSIONS = 144
_FAULTS = {"test_timeout": 0.15, "edit_failed": 0.25, "flaky_test": 0.25}


def measured(faults: dict[str, float] | None = None, **dials: float) -> dict[str, Quality]:
    return figures(SimulatedCoder(CodingDials(**dials)).play(coding(faults=faults or {}, max_steps=80), _SESSIONS))


def covers(figure: Quality, value: float) -> bool:
    assert isinstance(figure.ci_low, float)
    assert isinstance(figure.ci_high, float)
    return figure.ci_low <= value <= figure.ci_high


def cell(table: Quality, row: str, column: str) -> Any:
    assert isinstance(table.columns, list)
    assert isinstance(table.rows, list)
    return next(cells for cells in table.rows if cells[0] == row)[table.columns.index(column)]


@pytest.fixture(scope="module")
def perfect() -> dict[str, Quality]:
    return measured()


@pytest.fixture(scope="module")
def struck() -> dict[str, Quality]:
    return measured(_FAULTS)


def test_a_model_without_faults_solves_everything(perfect: dict[str, Quality]) -> None:
    for name in ("solved", "solved_of_these", "pass_2", "pass_4", "pass_8"):
        assert perfect[name].value == 1, name
        assert covers(perfect[name], 1), name
        assert not covers(perfect[name], 0.5), name
    for name in ("edits_failed", "edits_denied", "step_limit", "unjudged"):
        assert perfect[name].value == 0, name
    assert perfect["solved"].tasks == perfect["pass_8"].tasks == len(perfect["tasks"].rows or ())
    assert perfect["solved_of_these"].tasks is msgspec.UNSET
    assert "unsolved" not in perfect
    assert "recovery" not in perfect


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_the_share_that_is_solved_is_measured(share: float) -> None:
    found = measured(solve=share)
    assert covers(found["solved"], share)
    assert covers(found["solved_of_these"], share)
    assert covers(found["pass_2"], share**2)
    assert cell(found["unsolved"], "wanted tests red", "share") == 1


def test_a_model_that_solves_nothing_solves_nothing() -> None:
    found = measured(solve=0)
    assert (found["solved"].value, found["solved_of_these"].value, found["pass_2"].value) == (0, 0, 0)
    for name in ("turns_per_solved", "tokens_per_solved", "cost_per_solved", "time_per_solved_s"):
        assert (found[name].value, found[name].ci_low, found[name].n) == (None, None, _SESSIONS), name


def test_edits_that_do_not_fit_are_measured_and_mended() -> None:
    found = measured(bad_edit=0.25)
    assert covers(found["edits_failed"], 0.25)
    assert found["solved"].value == 1


def test_slips_take_turns_and_test_runs_and_are_mended(perfect: dict[str, Quality]) -> None:
    found = measured(slips=1)
    assert found["solved"].value == 1
    assert found["test_runs"].value == perfect["test_runs"].value + 1  # type: ignore[operator]
    assert found["turns"].value >= perfect["turns"].value + 2  # type: ignore[operator]


def test_who_recovers_always_solves_as_much_and_pays_for_it(struck: dict[str, Quality]) -> None:
    assert struck["recovered"].value == 1
    assert struck["solved"].value == 1
    table = struck["recovery"]
    assert cell(table, "edit_failed", "extra_turns") > 0
    # Another test run is one more request, and one that timed out takes as long as the limit.
    assert cell(table, "flaky_test", "extra_turns") == pytest.approx(1)
    assert cell(table, "test_timeout", "extra_s") == pytest.approx(20)
    assert cell(table, "test_timeout", "extra_turns") == pytest.approx(0)
    assert isinstance(struck["recovery_extra_turns"].value, float)
    assert struck["recovery_extra_turns"].value > 0


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_the_share_that_recovers_is_measured(share: float) -> None:
    found = measured(_FAULTS, recover=share)
    assert covers(found["recovered"], share)
    for fault in _FAULTS:
        low, high = (cell(found["recovery"], fault, name) for name in ("ci_low", "ci_high"))
        assert low <= share <= high, fault
        assert cell(found["recovery"], fault, "solved_without") == 1
    assert ("recovery_extra_turns" in found) == (share > 0)


def test_sessions_that_are_all_alike_do_not_make_what_a_failure_cost_certain() -> None:
    turns = [turn for number in range(6) for turn in turns_of(str(number), fault="none", chance_flaky_test=True)]
    for number in range(6, 9):
        turns += turns_of(str(number), count=4, fault="flaky_test", fault_met=True, chance_flaky_test=True)
    extra = figures(turns)["recovery_extra_turns"]
    assert extra.value == 1
    assert (extra.ci_low, extra.ci_high) == (None, None)


def test_unsolvable_tasks_do_not_pass_for_a_lack_of_recovery() -> None:
    table = measured(_FAULTS, solve=0.5)["recovery"]
    low, high = (cell(table, "edit_failed", name) for name in ("change_low", "change_high"))
    assert low <= 0 <= high


def test_every_task_and_kind_has_a_row(perfect: dict[str, Quality]) -> None:
    rows = perfect["tasks"].rows
    assert isinstance(rows, list)
    assert len(rows) == len(coding().tasks)
    assert {row[4] for row in rows} <= {_SESSIONS // len(rows), _SESSIONS // len(rows) + 1}
    kinds = perfect["kinds"].rows
    assert isinstance(kinds, list)
    assert sum(int(row[4] or 0) for row in kinds) == _SESSIONS


def turns_of(session: str, task: str = "one", *, stage: str = "low", count: int = 3, **last: Any) -> list[Record]:
    marks: list[Marks] = [{"task": task, "kind": "bug", "step": step} for step in range(count)]
    at = 1.0 if stage == "low" else 100.0
    marks[-1] |= {"ended": "answered", "steps": count, "solved": True, "test_runs_total": 1, **last}
    changes = {"stage": stage, "cost": 0.5}
    return [
        record(session, number, mark, intended_s=at + number, end_s=at + number + 0.5, **changes)
        for number, mark in enumerate(marks)
    ]


def test_what_a_solved_task_takes_counts_the_sessions_that_did_not_solve_one() -> None:
    turns = [turn for number in range(8) for turn in turns_of(str(number), solved=number % 2 == 0)]
    found = figures(turns)
    assert found["turns_per_solved"].value == 6
    assert found["cost_per_solved"].value == 3
    assert found["tokens_per_solved"].value == 660
    assert found["time_per_solved_s"].value == 5
    assert (found["turns_per_solved"].unit, found["turns_per_solved"].n) == ("turns", 8)


def test_one_session_unlike_all_others_does_not_blow_up_an_interval() -> None:
    found = figures([turn for number in range(25) for turn in turns_of(str(number), test_runs_total=2 + (number == 7))])
    assert found["test_runs"].value == pytest.approx(2.04)
    assert isinstance(found["test_runs"].ci_high, float)
    assert found["test_runs"].ci_high < 2.2


def test_an_unknown_cost_is_unknown_and_not_nought() -> None:
    found = figures([*turns_of("1"), record("2", 0, turns_of("2", count=1)[0].marks, cost=None)])  # type: ignore[arg-type]
    assert found["cost_per_solved"].value is None
    assert found["turns_per_solved"].value == 2


def test_a_cost_of_nought_is_known() -> None:
    free = [msgspec.structs.replace(turn, cost=0.0) for number in range(8) for turn in turns_of(str(number))]
    assert figures(free)["cost_per_solved"].value == 0


def test_sessions_whose_beginning_was_not_seen_count_as_solved_but_not_for_what_they_took() -> None:
    found = figures(turns_of("1")[1:] + turns_of("2"))
    assert found["solved_of_these"].n == 2
    assert found["turns_per_solved"].n == 1


def test_sessions_that_a_failed_request_ended_are_counted_apart() -> None:
    found = figures([*turns_of("1"), *turns_of("2"), *turns_of("3", ended="failed", solved=None)])
    assert found["solved_of_these"].n == 2
    assert found["failed"].value == pytest.approx(1 / 3)
    assert figures(turns_of("1"))["failed"].value == 0
    assert figures(turns_of("1", ended="failed", solved=None))["failed"].value == 1


def test_what_was_not_judged_is_in_no_share() -> None:
    found = figures(turns_of("1") + turns_of("2", solved=None, unjudged="starved"))
    assert (found["solved_of_these"].value, found["solved_of_these"].n) == (1, 1)
    assert found["unjudged"].value == 0.5


def test_sessions_that_did_not_end_are_told_and_in_no_share() -> None:
    unfinished, failed = turns_of("2")[:2], turns_of("3", solved=None, ended="failed")
    found = figures(turns_of("1") + unfinished + failed)
    assert [cell(found["tasks"], "one", column) for column in ("sessions", "failed", "not_ended")] == [1, 1, 1]
    assert found["solved_of_these"].n == 1


def test_without_any_session_that_ended_nothing_is_said_of_solving() -> None:
    found = figures(turns_of("1")[:2])
    assert set(found) == {"tasks", "kinds", "by_stage"}
    assert cell(found["tasks"], "one", "solved") is None


def test_what_load_changes_is_told_with_its_interval() -> None:
    low = [turn for number in range(40) for turn in turns_of(f"l{number}")]
    high = [turn for number in range(40) for turn in turns_of(f"h{number}", stage="high", solved=number % 2 == 0)]
    found = figures(low + high)
    assert found["solved_change"].value == -0.5
    assert isinstance(found["solved_change"].ci_high, float)
    assert found["solved_change"].ci_high < -0.3
    assert cell(found["by_stage"], "high", "solved") == 0.5
    assert cell(found["by_stage"], "low", "turns_per_solved") == 3


def test_pass_k_is_told_where_every_task_was_tried_so_often() -> None:
    one = [turn for number in range(4) for turn in turns_of(f"a{number}", "one", solved=number < 2)]
    two = [turn for number in range(3) for turn in turns_of(f"b{number}", "two")]
    found = figures(one + two)
    rows = found["pass_k"].rows
    assert isinstance(rows, list)
    assert [row[0] for row in rows] == [1, 2, 3]
    # Of 4 trials with 2 solved, 1 of 6 pairs.
    assert found["pass_2"].value == pytest.approx((1 / 6 + 1) / 2)
    assert "pass_4" not in found


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        ({"unchanged": True}, "nothing changed"),
        ({"must_pass_red": 1, "must_stay_red": 2}, "wanted tests red"),
        ({"must_pass_red": 0, "must_stay_red": 2}, "other tests broken"),
        ({"must_pass_red": 0, "must_stay_red": 0, "hidden_red": 1}, "only hidden tests red"),
        ({"judging_killed_for": "memory"}, "tests did not end"),
    ],
)
def test_why_a_task_was_not_solved_is_told(marks: dict[str, Any], why: str) -> None:
    assert cell(figures(turns_of("1", solved=False, **marks))["unsolved"], why, "sessions") == 1
