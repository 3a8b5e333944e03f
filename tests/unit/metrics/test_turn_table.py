"""The record log as columns."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.metrics.turn_table import TurnTableBuilder
from loadgen.outputs.turns import read_turns


def _line(session: str, turn: int = 0, **more: Any) -> bytes:
    record = {
        "session": session,
        "turn": turn,
        "workload": "chat",
        "stage": "steady",
        "outcome": "ok",
        "intended_s": 1.0,
        "taken_s": 1.0,
        "end_s": 2.0,
        "e2e_s": 1.0,
        "chunks": 3,
        "unknown": "ignored",
    }
    return json.dumps(record | more).encode() + b"\n"


def test_columns_hold_what_the_lines_say_and_null_is_nan() -> None:
    builder = TurnTableBuilder()
    builder.add_lines(_line("1", ttft_s=0.25) + _line("2", workload="docs", ttft_s=None, outcome="timeout"))
    table = builder.table()
    assert table.numbers["ttft_s"][0] == 0.25
    assert np.isnan(table.numbers["ttft_s"][1])
    assert list(table.of_workload({"docs"})) == [False, True]
    assert list(table.of_outcome("ok")) == [True, False]


def test_a_sub_agents_turns_are_its_sessions() -> None:
    builder = TurnTableBuilder()
    builder.add_lines(_line("7") + _line("7+1") + _line("8"))
    assert list(builder.table().session) == [0, 0, 1]


def test_gaps_stay_with_their_turn_when_rows_are_chosen() -> None:
    builder = TurnTableBuilder()
    builder.add_lines(_line("1", itl_bins=[3, 2]) + _line("2") + _line("3", itl_bins=[4, 1, 9, 5]))
    chosen = builder.table().only(np.array([False, True, True]))
    assert list(chosen.gap_turn) == [1, 1]
    assert list(chosen.gap_bin) == [4, 9]
    assert list(chosen.gap_count) == [1, 5]


def test_beyond_its_bound_it_keeps_whole_sessions_and_says_what_share() -> None:
    builder = TurnTableBuilder(most_turns=200)
    for session in range(400):
        builder.add_lines(b"".join(_line(str(session), turn, itl_bins=[turn, 1]) for turn in range(3)))
    table = builder.table()
    assert len(table) <= 200
    assert table.share == 1 / 8
    assert set(np.bincount(table.session)) == {3}
    assert list(table.gap_bin) == list(table.numbers["turn"])


def test_the_same_sessions_are_kept_whenever_the_bound_was_met() -> None:
    small, large = TurnTableBuilder(most_turns=100), TurnTableBuilder(most_turns=100)
    lines = [_line(str(session)) for session in range(1000)]
    small.add_lines(b"".join(lines))
    for line in lines:
        large.add_lines(line)
    assert small.table().sessions == large.table().sessions


def test_rotated_files_are_read_oldest_first(tmp_path: Path) -> None:
    for name, session in (("records.10.jsonl.gz", "10"), ("records.9.jsonl.gz", "9"), ("records.jsonl.gz", "11")):
        (tmp_path / name).write_bytes(gzip.compress(_line(session)))
    assert read_turns(tmp_path).sessions == ("9", "10", "11")


def test_members_are_joined_and_a_cut_one_gives_what_it_holds(tmp_path: Path) -> None:
    last = gzip.compress(b"".join(_line(f"b{number}", error="x" * number) for number in range(2000)))
    (tmp_path / "records.jsonl.gz").write_bytes(gzip.compress(_line("a")) + gzip.compress(_line("a2")) + last[:-400])
    sessions = read_turns(tmp_path).sessions
    assert sessions[:3] == ("a", "a2", "b0")
    assert 100 < len(sessions) < 2002


def test_a_line_that_is_no_record_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl.gz").write_bytes(gzip.compress(b'{"session": 1}\n'))
    with pytest.raises(ValueError, match="session"):
        read_turns(tmp_path)
