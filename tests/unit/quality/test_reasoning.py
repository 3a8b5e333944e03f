"""What is said of reasoning is what was dialled: a dial is set and the measured interval covers it; zero gives zero."""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from loadgen.client.reply import Reply, Usage
from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.reasoning import figures
from loadgen.scenario.reasoning import PHRASINGS, ReasoningSpec
from loadgen.simulator.answers import Author, Dials
from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.dials import BAD
from loadgen.simulator.dials import Quality as Dialled
from loadgen.simulator.reasoning import Known, ReasoningDials
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat
from loadgen.workloads.reasoning import ReasoningWorkload
from loadgen.workloads.reasoning.truth import answer_lines
from tests.support.agents import record

_SPEC = ReasoningSpec(name="reasoning", tasks_per_family=3)


@pytest.fixture(scope="module")
def workload() -> ReasoningWorkload:
    """42 tasks in 11 phrasings."""
    return ReasoningWorkload(_SPEC, seed=1)


def played(workload: ReasoningWorkload, dials: ReasoningDials, repeats: int = 2) -> list[Record]:
    """What is scored of a model with these dials, each pair asked so often."""
    lines = [msgspec.json.decode(line, type=Known) for line in answer_lines(_SPEC, seed=1)]
    known = {line.sha256: line for line in lines}
    author = Author(
        DIALECTS["deepseek"], Dials(quality=Dialled(reasoning=dials), answers=known), PROFILES["fast"], seed=5
    )
    return [_asked(workload, author, number) for number in range(repeats * workload.order.cells)]


def _asked(workload: ReasoningWorkload, author: Author, number: int) -> Record:
    session: Any = workload.session(number, Random(number))
    turn = session.next_turn(None)
    answer = author.answer_chat(read_chat(b'{"model":"m","messages":[%b]}' % b",".join(turn.messages)))
    reply = Reply(ok=True, text=answer.text, finish_reason=answer.reason, usage=Usage(None, len(answer.pieces)))
    tokens = {"output_tokens": len(answer.pieces), "reasoning_tokens": answer.reasoning_tokens}
    return record(str(number), 0, session.score(reply), ttfo_s=0.1 + 0.01 * answer.reasoning_tokens, **tokens)


def covers(quality: Quality, truth: float, width: float = 0.35) -> bool:
    assert isinstance(quality.ci_low, float)
    assert isinstance(quality.ci_high, float)
    return quality.ci_low <= truth <= quality.ci_high and quality.ci_high - quality.ci_low < width


def cell(table: Quality, key: str, column: str) -> Any:
    assert isinstance(table.columns, list)
    assert isinstance(table.rows, list)
    return {row[0]: row for row in table.rows}[key][table.columns.index(column)]


def bounds(found: dict[str, Quality], part: str) -> tuple[float, float]:
    return cell(found["variance"], part, "ci_low"), cell(found["variance"], part, "ci_high")


def test_a_model_without_faults_is_right_whatever_the_phrasing(workload: ReasoningWorkload) -> None:
    found = figures(played(workload, ReasoningDials()))
    for rate in ("accuracy", "accuracy_lenient", "pass_8", "agreement_repeats", "agreement_phrasings"):
        assert found[rate].value == 1, rate
    for rate in ("wrong_rate", "format_failure_rate", "cut_off_rate", "phrasing_variance"):
        assert found[rate].value == 0, rate
    assert [row[1] for row in found["best_and_worst"].rows or ()] == ["can't tell", "can't tell"]
    assert "phrasings_that_differ" not in found
    # Intervals count tasks, and say so.
    assert {one.tasks for one in found.values() if one.value is not msgspec.UNSET} == {42}


def test_accuracy_and_format_failures_are_what_was_dialled(workload: ReasoningWorkload) -> None:
    found = figures(played(workload, ReasoningDials(accuracy=0.8, format_failures=0.1)))
    assert covers(found["accuracy_lenient"], 0.8)
    assert covers(found["format_failure_rate"], 0.1)
    assert covers(found["accuracy"], 0.72)
    assert covers(found["pass_2"], 0.72**2)
    # Two answers are the same where both are right or both are the same wrong one.
    assert covers(found["agreement_repeats"], 0.8**2 + 0.2**2)


def test_variance_is_found_where_it_was_put(workload: ReasoningWorkload) -> None:
    offsets = {"german": -0.3, "typos": -0.2, "json": 0.1, "boxed": 0.1}
    dials = ReasoningDials(accuracy=0.65, difficulty=0.1, interaction=0.03, by_phrasing=offsets)
    found = figures(played(workload, dials, repeats=3))
    every = [0.65 + offsets.get(phrasing, 0.0) for phrasing in PHRASINGS]
    truth = {"task": 0.1**2, "phrasing": float(np.var(every, ddof=1)), "interaction": 0.03**2}
    mean = float(np.mean(every))
    truth["rest"] = mean * (1 - mean) - 0.1**2 - float(np.var(every)) - 0.03**2
    for part, variance in truth.items():
        low, high = bounds(found, part)
        assert low <= variance <= high, part
    assert bounds(found, "phrasing")[0] > 0
    assert covers(found["icc"], truth["task"] / (mean * (1 - mean)))
    for phrasing in PHRASINGS:
        accuracy = 0.65 + offsets.get(phrasing, 0.0)
        place = (cell(found["accuracy_by_phrasing"], phrasing, name) for name in ("ci_low", "ci_high"))
        low, high = place
        assert low <= accuracy <= high, phrasing


def test_dials_at_zero_leave_no_variance_but_chance(workload: ReasoningWorkload) -> None:
    found = figures(played(workload, ReasoningDials(accuracy=0.7)))
    for part in ("task", "phrasing", "interaction"):
        assert bounds(found, part)[0] == 0, part
    assert "phrasings_that_differ" not in found


def test_the_worst_phrasing_is_named_and_the_best_is_not_where_nobody_can_tell(workload: ReasoningWorkload) -> None:
    found = figures(played(workload, ReasoningDials(accuracy=0.9, by_phrasing={"german": -0.5}), repeats=3))
    assert cell(found["best_and_worst"], "worst", "phrasing") == "german"
    assert cell(found["best_and_worst"], "best", "phrasing") == "can't tell"
    assert "german" not in cell(found["best_and_worst"], "best", "could_be")
    assert [row[1] for row in found["phrasings_that_differ"].rows or ()] == ["german"] * 10


def test_effort_is_seen_by_phrasing(workload: ReasoningWorkload) -> None:
    dials = ReasoningDials(thoughts=20, thoughts_by_phrasing={"wordy": 3.0})
    found = figures(played(workload, dials))
    for phrasing, mean in (("plain", 20), ("wordy", 60)):
        low, high = (cell(found["effort"], phrasing, f"reasoning_tokens_{bound}") for bound in ("ci_low", "ci_high"))
        assert low <= mean <= high
    assert cell(found["effort"], "wordy", "ttfo_s_p50") > cell(found["effort"], "plain", "ttfo_s_p50")
    shares = found["effort_variance"]
    assert cell(shares, "reasoning_tokens", "phrasing") > 0.02
    assert cell(shares, "reasoning_tokens", "task") < 0.05


def test_a_bad_model_is_seen(workload: ReasoningWorkload) -> None:
    found = figures(played(workload, BAD.reasoning))
    assert isinstance(found["accuracy"].ci_high, float)
    assert found["accuracy"].ci_high < 0.8
    assert covers(found["format_failure_rate"], BAD.reasoning.format_failures)


def test_stages_are_told_apart_and_what_failed_is_in_no_rate(workload: ReasoningWorkload) -> None:
    turns = played(workload, ReasoningDials(accuracy=0.8), repeats=1)
    wrong = [_changed(turn, stage="busy", outcome="wrong", lenient=False) for turn in turns]
    failed = [_changed(turn, stage="busy", outcome="failed", answer=None) for turn in turns[:50]]
    found = figures([*failed, *wrong, *turns])
    assert cell(found["by_stage"], "busy", "accuracy") == 0
    assert cell(found["by_stage"], "busy", "n") == len(turns)
    assert cell(found["outcomes"], "failed", "answers") == 50
    assert isinstance(found["accuracy_change"].value, float)
    assert found["accuracy_change"].value < -0.7


def test_a_server_that_tells_no_tokens_has_none(workload: ReasoningWorkload) -> None:
    turns = played(workload, ReasoningDials(), repeats=1)
    silent = [msgspec.structs.replace(turn, reasoning_tokens=None, output_tokens=None) for turn in turns]
    found = figures(silent)
    assert cell(found["effort"], "plain", "reasoning_tokens_mean") is None
    assert cell(found["effort"], "plain", "output_tokens_mean") is None


def test_where_all_failed_nothing_else_is_said(workload: ReasoningWorkload) -> None:
    turns = played(workload, ReasoningDials(), repeats=1)[:20]
    assert set(figures([_changed(turn, stage="s", outcome="failed") for turn in turns])) == {"outcomes"}


def _changed(turn: Record, stage: str, **marks: Any) -> Record:
    assert isinstance(turn.marks, dict)
    return msgspec.structs.replace(turn, stage=stage, intended_s=1e6, marks={**turn.marks, **marks})
