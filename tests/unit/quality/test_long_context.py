"""What is said of answers over long contexts: every rate of its own turns, and nothing of what was not seen."""

from typing import Any

import msgspec
import pytest

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.long_context import figures

_NULLS: dict[str, Any] = dict.fromkeys(Record.__struct_fields__[: -len(Record.__struct_defaults__)])
_MARKS = {
    "context_tokens": 4000,
    "depth": 0.5,
    "noise": 0.7,
    "kind": "default",
    "answerable": True,
    "outcome": "right",
    "warm": False,
    "shared_prefix": 0,
    "altered": False,
    "stale_copies": 1,
    "passages": 16,
}


def turn(session: int, ttft_s: float = 0.5, **marks: Any) -> Record:
    """A scored turn; `tokens`, `cached`, `cost`, `stage` and `number` are the record's own."""
    own = {name: marks.pop(name) for name in ("tokens", "cached", "cost", "stage", "number") if name in marks}
    said = _MARKS | marks
    failed = said["outcome"] == "failed"
    fields = _NULLS | {
        "run": "r",
        "session": str(session),
        "turn": own.get("number", 0),
        "workload": "docs",
        "stage": own.get("stage", "low"),
        "worker": "w",
        "intended_s": float(session),
        "taken_s": float(session),
        "end_s": session + 1.0,
        "ttft_s": None if failed else ttft_s,
        "service_ttft_s": None if failed else ttft_s,
        "e2e_s": 1.0,
        "service_e2e_s": 1.0,
        "chunks": 1,
        "reads": 1,
        "input_tokens": own.get("tokens", said["context_tokens"]),
        "cached_tokens": own.get("cached", 0),
        "outcome": "http_5xx" if failed else "ok",
        "tool_calls": 0,
        "reconnects": 0,
        "attempts": 1,
        "cost": own.get("cost"),
        "marks": said,
    }
    return msgspec.convert(fields, Record)


def value(found: dict[str, Quality], name: str) -> float | None:
    number = found[name].value
    assert number is not msgspec.UNSET
    return number


def rows(found: dict[str, Quality], name: str) -> list[dict[str, Any]]:
    table = found[name]
    assert table.columns is not msgspec.UNSET
    assert table.rows is not msgspec.UNSET
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


OUTCOMES = ["right"] * 5 + ["stale"] * 2 + ["abstained", "wrong", "unreadable"]
ANSWERABLE = [turn(number, outcome=outcome) for number, outcome in enumerate(OUTCOMES)]
HIDDEN = [
    turn(20 + number, outcome=outcome, answerable=False, depth=None)
    for number, outcome in enumerate(["right", "right", "right", "made_up"])
]


def test_every_rate_is_of_the_turns_that_it_can_be_said_of() -> None:
    found = figures([*ANSWERABLE, *HIDDEN])
    assert value(found, "accuracy") == pytest.approx(8 / 14)
    assert value(found, "recall") == pytest.approx(5 / 10)
    assert value(found, "stale_rate") == pytest.approx(2 / 10)
    assert value(found, "made_up_rate") == pytest.approx(1 / 4)
    assert value(found, "abstained_rate") == pytest.approx(1 / 10)
    assert value(found, "unreadable_rate") == pytest.approx(1 / 14)


def test_a_rate_of_no_turns_is_not_there() -> None:
    found = figures(ANSWERABLE)
    assert "made_up_rate" not in found
    assert "remembered_rate" not in found
    assert "warm_ttft_ratio" not in found
    assert "ttft_exponent" not in found
    assert "accuracy_drop_under_load" not in found


def test_stale_answers_are_counted_of_the_turns_that_had_a_stale_copy() -> None:
    found = figures([*ANSWERABLE, *(turn(40 + number, stale_copies=0) for number in range(10))])
    assert value(found, "stale_rate") == pytest.approx(2 / 10)


def test_remembered_answers_are_counted_of_altered_passages() -> None:
    altered = [turn(number, altered=True, outcome="remembered" if number < 3 else "right") for number in range(12)]
    assert value(figures(altered), "remembered_rate") == pytest.approx(3 / 12)


def test_a_failed_turn_is_in_no_rate_but_in_the_grid() -> None:
    found = figures([turn(1), turn(2, outcome="failed")])
    assert value(found, "accuracy") == 1.0
    (cell,) = rows(found, "accuracy_by_cell")
    assert (cell["n"], cell["right"], cell["failed"]) == (1, 1, 1)


def test_where_every_turn_failed_nothing_is_known() -> None:
    found = figures([turn(1, outcome="failed")])
    assert "accuracy" not in found
    (cell,) = rows(found, "accuracy_by_cell")
    assert (cell["accuracy"], cell["ci_low"], cell["failed"]) == (None, None, 1)


def test_the_grid_has_a_row_a_cell_with_wilsons_bounds() -> None:
    turns = [turn(number, depth=depth, outcome="right") for number, depth in enumerate([0.1] * 10 + [0.9] * 5)]
    first, second = rows(figures(turns), "accuracy_by_cell")
    assert (first["depth"], first["n"], second["depth"], second["n"]) == (0.1, 10, 0.9, 5)
    # 10 of 10: 10 / (10 + 1.96^2)
    assert first["ci_low"] == pytest.approx(10 / (10 + 1.959964**2), rel=1e-6)
    assert first["ci_high"] == 1.0


def test_unanswerable_questions_have_rows_of_their_own_behind_the_depths() -> None:
    cells = rows(figures([*ANSWERABLE, *HIDDEN]), "accuracy_by_cell")
    assert [(cell["depth"], cell["n"]) for cell in cells] == [(0.5, 10), (None, 4)]


def test_turns_of_one_session_tell_less_than_as_many_sessions() -> None:
    def width(sessions: int) -> float:
        right = [turn(n % sessions, number=n, outcome="right" if n % sessions % 2 else "wrong") for n in range(120)]
        share = figures(right)["accuracy"]
        assert isinstance(share.ci_high, float)
        assert isinstance(share.ci_low, float)
        return share.ci_high - share.ci_low

    assert width(12) > 1.5 * width(120)


@pytest.mark.parametrize("table", ["accuracy_by_kind", "cost_by_length"])
def test_the_rows_of_kinds_and_lengths_know_that_turns_are_of_sessions(table: str) -> None:
    turns = [turn(n % 12, number=n, outcome="right" if n % 12 % 2 else "wrong") for n in range(120)]
    found = figures(turns)
    row, all_of_them = rows(found, table)[-1], found["accuracy"]
    assert (row["ci_low"], row["ci_high"]) == (all_of_them.ci_low, all_of_them.ci_high)


def test_there_is_no_exponent_where_cold_turns_have_one_length() -> None:
    cold = [turn(n, tokens=4000 + n) for n in range(6)]
    warm = [turn(n, number=1, warm=True, context_tokens=8000) for n in range(6)]
    assert "ttft_exponent" not in figures([*cold, *warm])


def lengths(power: float, stage: str = "low", start: int = 0, factor: float = 1.0) -> list[Record]:
    return [
        turn(
            start + number,
            factor * 1e-4 * tokens**power * (1 + 0.1 * (number % 3)),
            context_tokens=tokens,
            stage=stage,
        )
        for number, tokens in enumerate([1000, 4000, 16_000] * 6)
    ]


def test_the_exponent_is_that_of_cold_turns_in_the_least_loaded_stage() -> None:
    warm = [turn(number, 0.001, context_tokens=16_000, warm=True, number=1) for number in range(18)]
    found = figures([*lengths(1.0, "busy", start=100, factor=9), *lengths(1.6), *warm])
    assert value(found, "ttft_exponent") == pytest.approx(1.6, abs=0.1)
    assert [row["stage"] for row in rows(found, "ttft_exponent_by_stage")] == ["low", "busy"]


def test_what_a_length_costs_is_told_of_its_cold_turns() -> None:
    turns = [turn(number, 2.0, tokens=4100, cached=100, cost=0.01) for number in range(3)]
    turns.append(turn(0, 0.1, tokens=4200, cached=4100, cost=0.002, warm=True, number=1))
    (row,) = rows(figures(turns), "cost_by_length")
    assert row["prefill_tokens_per_s"] == pytest.approx(2000)
    assert row["input_tokens"] == 4100
    assert row["ttft_p50_s"] == 2.0
    assert row["cost"] == pytest.approx((3 * 0.01 + 0.002) / 4)


@pytest.mark.parametrize(("prefix", "rate"), [(0, 2050), (2000, None)])
def test_prefill_is_unknown_where_a_shared_prefix_may_have_been_cached(prefix: int, rate: float | None) -> None:
    turns = [
        turn(number, 2.0, tokens=4100, cached=cached, shared_prefix=prefix) for number, cached in ((0, 0), (1, None))
    ]
    (row,) = rows(figures(turns), "cost_by_length")
    assert row["prefill_tokens_per_s"] == rate


def test_an_unknown_cost_is_null() -> None:
    (row,) = rows(figures([turn(1, cost=0.01), turn(2)]), "cost_by_length")
    assert row["cost"] is None


def test_a_warm_prompt_is_held_against_its_own_sessions_cold_one() -> None:
    cold = [turn(number, 1.0 + number, cached=0) for number in range(6)]
    warm = [turn(number, 0.25 * (1.0 + number), cached=3600, warm=True, number=1) for number in range(6)]
    alone = [turn(9, 50.0, warm=True, number=1)]
    found = figures([*cold, *warm, *alone])
    assert value(found, "warm_ttft_ratio") == pytest.approx(0.25)
    (row,) = rows(found, "ttft_cold_and_warm")
    assert (row["n"], row["cold_cached_share"], row["warm_cached_share"]) == (6, 0.0, pytest.approx(0.9))


def test_unknown_cached_tokens_stay_unknown() -> None:
    found = figures([turn(1, cached=None), turn(1, cached=None, warm=True, number=1)])
    (row,) = rows(found, "ttft_cold_and_warm")
    assert row["warm_cached_share"] is None


def test_accuracy_is_held_against_load() -> None:
    low = [turn(number, 0.5, outcome="right" if number % 10 else "wrong") for number in range(100)]
    high = [turn(200 + number, 3.0, outcome="right" if number % 2 else "wrong", stage="high") for number in range(100)]
    found = figures([*high, *low])
    assert [row["stage"] for row in rows(found, "accuracy_by_stage")] == ["low", "high"]
    drop = found["accuracy_drop_under_load"]
    assert drop.value == pytest.approx(0.4)
    assert isinstance(drop.ci_low, float)
    assert isinstance(drop.ci_high, float)
    assert 0.25 < drop.ci_low < 0.4 < drop.ci_high < 0.55


def test_kinds_have_rows_and_all_of_them_together() -> None:
    found = figures([*ANSWERABLE, *(turn(50 + number, kind="count") for number in range(4))])
    assert [(row["kind"], row["n"]) for row in rows(found, "accuracy_by_kind")] == [
        ("count", 4),
        ("default", 10),
        ("all", 14),
    ]
