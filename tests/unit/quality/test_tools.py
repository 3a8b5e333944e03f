"""Figures of tool calls: a rate that is set is measured, one at zero is zero, and overhead adds up."""

from random import Random
from typing import Any

import pytest

from loadgen.marks import Marks
from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.prices import Rates
from loadgen.quality.tools import figures
from tests.support.agents import Model, agents, record, records_of

_SESSIONS = 150
_NAMES = {
    "malformed": "calls_malformed",
    "invalid": "calls_invalid",
    "unknown_tool": "calls_unknown_tool",
    "needless": "needless_answers",
    "gives_up": "gave_up",
}


def _measured(dials: dict[str, float], sessions: int = _SESSIONS) -> dict[str, Quality]:
    workload = agents(paired=0, latency=0, tasks_per_session=2, max_steps=60)
    return figures(records_of(workload, Model(Random(7), **dials), sessions))


def _covers(quality: Quality, share: float) -> bool:
    assert isinstance(quality.ci_low, float)
    assert isinstance(quality.ci_high, float)
    return quality.ci_low <= share <= quality.ci_high


@pytest.fixture(scope="module")
def perfect() -> dict[str, Quality]:
    return _measured({}, 60)


@pytest.mark.parametrize("dial", _NAMES)
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_rate_that_is_set_is_measured(dial: str, share: float) -> None:
    found = _measured({dial: share})[_NAMES[dial]]
    assert _covers(found, share)
    assert found.value == pytest.approx(share, rel=0.5)


@pytest.mark.parametrize(
    ("dial", "name"),
    [("wrong_tool", "right_tool"), ("wrong_arguments", "right_arguments"), ("malformed", "calls_parsed")],
)
def test_what_goes_wrong_is_missing_from_what_is_right(dial: str, name: str) -> None:
    assert _covers(_measured({dial: 0.2})[name], 0.8)


def test_one_kind_of_mistake_does_not_hide_in_another() -> None:
    found = _measured({"malformed": 0.2, "wrong_tool": 0.2})
    assert _covers(found["calls_malformed"], 0.2)
    # The model draws one mistake a call: a fifth of all are of the wrong tool, a quarter of those that parse.
    assert _covers(found["right_tool"], 0.75)
    assert found["right_arguments"].value == 1


def test_a_perfect_model_makes_no_mistake(perfect: dict[str, Quality]) -> None:
    for name in _NAMES.values():
        assert perfect[name].value == 0
        assert perfect[name].ci_low == 0
    for name in ("task_done", "calls_parsed", "calls_valid", "right_tool", "right_arguments"):
        assert perfect[name].value == 1


def test_every_kind_of_task_has_a_row(perfect: dict[str, Quality]) -> None:
    rows = perfect["tasks"].rows
    assert isinstance(rows, list)
    assert len(rows) == 11
    assert sum(int(row[1] or 0) for row in rows) == 120


def test_mistakes_that_change_the_state_leave_tasks_undone() -> None:
    done = _measured({"wrong_arguments": 0.2})["task_done"]
    assert isinstance(done.value, float)
    assert done.value < 0.95


def test_rates_stand_by_stage() -> None:
    calls: dict[str, Any] = {"agent": "main", "task": "t", "calls": 1}
    turns = [
        record(f"{number}", 0, calls | {f"call_{kind}": 1}, stage=stage, intended_s=at)
        for stage, at, kind, count in (
            ("low", 1.0, "right", 50),
            ("high", 2.0, "malformed", 20),
            ("high", 2.0, "right", 20),
        )
        for number in range(count)
    ]
    table = figures(turns)["by_stage"]
    assert isinstance(table.rows, list)
    assert isinstance(table.columns, list)
    shares = {row[0]: row[table.columns.index("malformed")] for row in table.rows}
    assert list(shares.items()) == [("low", 0.0), ("high", 0.5)]
    change = figures(turns)["calls_malformed_change"]
    assert change.value == 0.5
    assert isinstance(change.ci_low, float)
    assert change.ci_low > 0.2


def test_no_change_with_load_is_shown_as_none() -> None:
    calls: dict[str, Any] = {"agent": "main", "task": "t", "calls": 1}
    turns = [
        record(f"{stage}{number}", 0, calls | {f"call_{kind}": 1}, stage=stage, intended_s=at)
        for stage, at in (("low", 1.0), ("high", 2.0))
        for number, kind in enumerate(["malformed"] * 10 + ["right"] * 90)
    ]
    change = figures(turns)["calls_malformed_change"]
    assert change.value == 0
    assert _covers(change, 0)


def test_one_stage_has_nothing_to_change_from(perfect: dict[str, Quality]) -> None:
    assert "calls_malformed_change" not in perfect


def test_a_question_without_a_known_answer_counts_for_no_task() -> None:
    found = figures([record("1", 0, {"agent": "question", "task": "t", "calls": 1, "call_valid": 1, "done": None})])
    assert "task_done" not in found
    assert found["calls_valid"].value == 1
    assert "right_tool" not in found


def test_faults_stand_with_what_became_of_their_tasks() -> None:
    workload = agents(paired=0, latency=0, faults={"error": 0.3}, max_steps=60)
    table = figures(records_of(workload, Model(Random(1)), 60))["faults"]
    assert isinstance(table.rows, list)
    rows = {row[0]: row for row in table.rows}
    assert int(rows["error"][1] or 0) > 20
    assert (rows["error"][2], rows["none"][2]) == (1.0, 1.0)
    assert int(rows["none"][5] or 0) + int(rows["error"][5] or 0) == 60
    assert rows["flood"][1:3] == [0, None]


def test_sub_agents_have_a_row_of_their_own() -> None:
    table = figures(records_of(agents(paired=0, latency=0, subagents=2), Model(Random(1)), 20))["agents"]
    assert table.rows == [["main", *table.rows[0][1:4], 20], ["sub", *table.rows[1][1:4], 40]]  # type: ignore[index]


def _session(name: str = "1", **changes: Any) -> list[Record]:
    """A whole session: a call that takes 2 s, its result, then 5 s of thought and another request."""
    first: Marks = {"agent": "main", "task": "t", "number": 1, "step": 0, "after": "start", "calls": 1, "call_right": 1}
    second: Marks = {
        "agent": "main",
        "task": "t",
        "number": 1,
        "step": 1,
        "after": "tool",
        "ended": "answered",
        "done": True,
    }
    third: Marks = second | {"number": 2, "step": 0, "after": "person", "last": True}
    rest: dict[str, Any] = {"rates": Rates(1.0, 10.0, 100.0, 100.0)} | changes
    asked = {"intended_s": 10.0, "end_s": 11.0, "ttft_s": 0.3, "e2e_s": 1.0, "tool_call_s": 0.5, "tool_calls": 1}
    asked |= {"input_tokens": 1000, "cached_tokens": 0, "output_tokens": 20}
    told = {"intended_s": 13.0, "end_s": 13.4, "ttft_s": 0.1, "e2e_s": 0.4, "tool_wait_s": 2.0}
    told |= {"input_tokens": 1100, "cached_tokens": 1000, "output_tokens": 10}
    again = {"intended_s": 18.4, "end_s": 19.0, "ttft_s": 0.2, "e2e_s": 0.6}
    again |= {"input_tokens": 1200, "cached_tokens": 500, "output_tokens": 10}
    return [
        record(name, number, marks, **values | rest)
        for number, (marks, values) in enumerate(((first, asked), (second, told), (third, again)))
    ]


def _column(table: Quality, name: str) -> dict[str, Any]:
    assert isinstance(table.columns, list)
    assert isinstance(table.rows, list)
    return {str(row[0]): row[table.columns.index(name)] for row in table.rows}


def test_a_sessions_time_is_taken_apart_and_adds_up() -> None:
    seconds = _column(figures(_session())["session_time"], "seconds")
    assert seconds == pytest.approx(
        {
            "first prefill": 0.3,
            "prefill after a tool": 0.1,
            "prefill after a person": 0.2,
            "writing calls": 0.5,
            "writing the rest": 0.9,
            "tools run": 2.0,
            "person thinks": 5.0,
            "whole session": 9.0,
        }
    )


def test_a_sessions_tokens_and_cost_are_taken_apart_and_add_up() -> None:
    table = figures(_session())["session_cost"]
    cost = {part: value and round(value * 1e6) for part, value in _column(table, "cost").items()}
    assert cost == {
        "sent again": 7500,
        "new input": 12000,
        "answers with calls": 2000,
        "other answers": 2000,
        "whole session": 23500,
    }
    assert _column(table, "tokens")["sent again"] == 2100


def test_what_tool_definitions_add_is_known_from_pairs_and_taken_out_of_the_rest() -> None:
    turns = _session()
    pair: dict[str, Any] = {"agent": "bare", "task": "t", "pair": "after"}
    turns[0].marks["pair"] = "after"  # type: ignore[index]
    turns.append(record("1+1", 0, pair, ttft_s=0.25, connect_s=0.15, input_tokens=200, cached_tokens=0))
    found = figures(turns)
    assert found["schema_tokens"].value == 800
    # The bare request had to connect first, which has nothing to do with its prompt.
    assert found["schema_prefill_s"].value == pytest.approx(0.2)
    tokens, cost = (_column(found["session_cost"], name) for name in ("tokens", "cost"))
    assert tokens["tool definitions"] == 2400
    assert {part: round(value * 1e6) for part, value in cost.items()} == {
        "tool definitions": 12300,
        "sent again": 3200,
        "new input": 4000,
        "answers with calls": 2000,
        "other answers": 2000,
        "whole session": 23500,
    }


def test_prefill_after_a_tool_stands_beside_that_after_a_person() -> None:
    table = figures(_session())["prefill_after"]
    assert _column(table, "ttft_s") == {"first": 0.3, "after person": 0.2, "after tool": 0.1}
    assert _column(table, "sent_again_tokens") == {"first": 0, "after person": 1100, "after tool": 1000}
    assert _column(table, "cached_share")["after tool"] == pytest.approx(1000 / 1100)


def test_unknown_cached_tokens_leave_the_cost_unknown_and_not_nought() -> None:
    table = figures(_session(cached_tokens=None))["session_cost"]
    assert set(_column(table, "cost").values()) == {None}
    assert _column(table, "tokens")["sent again"] == 2100


def test_without_prices_nothing_is_said_of_cost() -> None:
    table = figures(_session(rates=None))["session_cost"]
    assert set(_column(table, "cost").values()) == {None}


def test_what_was_not_streamed_has_no_parts() -> None:
    assert "session_time" not in figures(_session(ttft_s=None))


@pytest.mark.parametrize(
    "turns",
    [_session()[1:], _session()[:-1], [_session()[0], _session()[2]], _session(outcome="timeout")],
    ids=["begun before the measured stages", "not ended", "a turn missing", "failed"],
)
def test_only_sessions_that_were_seen_whole_are_taken_apart(turns: list[Record]) -> None:
    assert "session_time" not in figures(turns)


def test_the_interval_is_over_sessions() -> None:
    many = [turn for number in range(20) for turn in _session(f"{number}")]
    table = figures(many)["session_time"]
    low, high = (_column(table, name)["tools run"] for name in ("ci_low", "ci_high"))
    assert low == pytest.approx(2 / 9)
    assert high == pytest.approx(2 / 9)


def test_every_row_has_a_cell_a_column() -> None:
    workload = agents(paired=0.5, latency=0, subagents=1, tasks_per_session=2, faults={"error": 0.1})
    found = figures(records_of(workload, Model(Random(1)), 30))
    tables = {name: one for name, one in found.items() if isinstance(one.columns, list)}
    assert len(tables) == 9
    for name, table in tables.items():
        assert isinstance(table.rows, list)
        assert isinstance(table.columns, list)
        assert {len(row) for row in table.rows} == {len(table.columns)}, name
