"""Turns whose answers were scored reach the master whole, however few records are kept."""

import gzip
import json

from loadgen.metrics.recorder import Recorder
from loadgen.metrics.scored_turns import ScoredTurns
from loadgen.metrics.snapshot import Snapshot
from tests.unit.metrics.making import ORIGIN_NS, PLAN, snap, turn

MARKS = {"right": True, "depth": 0.5, "question": "default", "found": None}


def _reported(scored: int, *, kept: bool) -> Snapshot:
    recorder = Recorder(PLAN, "w1", None if kept else lambda _: False)
    recorder.begin(ORIGIN_NS)
    for number in range(scored):
        recorder.record(turn(session=str(number), marks=MARKS))
    recorder.record(turn(session="plain"))
    return snap(recorder)


def test_marks_are_in_the_records_line_and_only_there_where_there_are_any() -> None:
    lines = [json.loads(line) for line in gzip.decompress(_reported(1, kept=True).records).splitlines()]
    assert lines[0]["marks"] == MARKS
    assert "marks" not in lines[1]


def test_scored_turns_travel_even_where_no_record_is_kept() -> None:
    report = _reported(3, kept=False)
    scored = ScoredTurns()
    scored.add_member(report.scored)
    assert report.records == b""
    assert [(one.session, one.marks) for one in scored.turns] == [("0", MARKS), ("1", MARKS), ("2", MARKS)]


def test_nothing_scored_is_nothing_sent() -> None:
    scored = ScoredTurns()
    scored.add_member(_reported(0, kept=True).scored)
    assert scored.turns == []


def test_beyond_the_bound_whole_sessions_go() -> None:
    scored = ScoredTurns(most_turns=50)
    recorder = Recorder(PLAN, "w1")
    recorder.begin(ORIGIN_NS)
    for number in range(200):
        recorder.record(turn(session=str(number), marks=MARKS))
        recorder.record(turn(session=f"{number}+1", marks=MARKS))
    scored.add_member(snap(recorder).scored)
    assert len(scored.turns) <= 50
    kept = {one.session.partition("+")[0] for one in scored.turns}
    assert len(scored.turns) == 2 * len(kept)
    assert scored.share == 1 / 8
