"""The loop of a coding agent: calls are done, results go back, failures on purpose strike once, work is judged."""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply, ToolCall
from loadgen.marks import Marks
from loadgen.simulator.coding import load_solutions
from loadgen.workloads.base import Turn, WorkingSession
from loadgen.workloads.coding.agent import CodingSession
from loadgen.workloads.coding.workload import CodingWorkload
from tests.support.coders import DONE, Oracle, calling, coding, last_result, write_task
from tests.support.messages import whole

_MEND = {"path": "calc/sums.py", "search": "a - b", "replace": "a + b"}


def agents(folder: Path, **spec: Any) -> CodingWorkload:
    write_task(folder)
    workload = coding(path=str(folder), **spec)
    workload.bench.sandboxes = Oracle(workload.tasks, load_solutions([folder]))  # type: ignore[assignment]
    return workload


def agent(folder: Path, **spec: Any) -> CodingSession:
    session = agents(folder, **spec).session(0, Random(0))
    session.next_turn(None)
    return session


def then(session: CodingSession, reply: Reply) -> tuple[Marks, Turn | None]:
    """Take a reply in, do its work, and send what follows; with its judgement where it is the last."""

    async def go_on() -> tuple[Marks, Turn | None]:
        marks, judging = session.score(reply), session.judging()
        if judging is not None:
            return {**marks, **await judging}, None
        if (working := session.working()) is not None:
            await working
        return marks, session.next_turn(reply)

    return asyncio.run(go_on())


def test_it_is_a_session_that_works() -> None:
    assert isinstance(coding().session(0, Random(0)), WorkingSession)


def test_the_task_is_what_the_user_says_and_every_session_begins_differently(tmp_path: Path) -> None:
    workload = agents(tmp_path)
    first, second = (workload.session(number, Random(number)).next_turn(None) for number in range(2))
    assert first is not None
    assert second is not None
    assert json.loads(whole(first.messages[1])) == {"role": "user", "content": "add() is wrong. Mend it."}
    assert first.messages[0] != second.messages[0]
    assert b"run_tests" in (first.tools or b"")


def test_calls_are_done_and_their_results_go_back(tmp_path: Path) -> None:
    session = agent(tmp_path)
    marks, turn = then(session, calling("edit_file", **_MEND))
    assert (marks["call_valid"], marks["edits"]) == (1, 1)
    assert last_result(turn) == "edited calc/sums.py, which has 6 lines now"
    assert turn is not None
    assert (turn.waits_for, turn.delay_s) == ("tool", 0.0)


def test_several_calls_of_one_answer_are_done_in_order(tmp_path: Path) -> None:
    session = agent(tmp_path)
    calls = [("edit_file", _MEND), ("run_tests", {}), ("read_file", {"path": "calc/sums.py", "last_line": 2})]
    made = tuple(ToolCall(f"c{place}", name, json.dumps(given)) for place, (name, given) in enumerate(calls))
    _, turn = then(session, Reply(ok=True, tool_calls=made, finish_reason="tool_calls"))
    assert turn is not None
    told = [json.loads(whole(message))["content"] for message in turn.messages[-3:]]
    assert told[0].startswith("edited")
    assert told[1] == "all 2 tests passed"
    assert told[2].endswith("return a + b\n")


def test_tests_run_on_the_files_as_they_were_when_the_call_came(tmp_path: Path) -> None:
    session = agent(tmp_path)
    calls = [("run_tests", {}), ("edit_file", _MEND)]
    made = tuple(ToolCall(f"c{place}", name, json.dumps(given)) for place, (name, given) in enumerate(calls))
    _, turn = then(session, Reply(ok=True, tool_calls=made, finish_reason="tool_calls"))
    assert turn is not None
    assert json.loads(whole(turn.messages[-2]))["content"].startswith(
        "1 of 2 tests did not pass:\n  tests.test_sums.Sums.test"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "told", "mark"),
    [
        ("edit_file", {**_MEND, "search": "nowhere"}, "error: the text to search for is not in", "edits_failed"),
        (
            "delete_file",
            {"path": "tests/test_sums.py"},
            "error: 'tests/test_sums.py' must stay as it is",
            "edits_denied",
        ),
        ("edit_file", {"path": "calc/sums.py"}, "error: 'search' is a required property", "call_invalid"),
        ("no_such_tool", {}, "error: there is no tool 'no_such_tool'", "call_unknown_tool"),
    ],
)
def test_what_goes_wrong_is_told_and_counted(
    tmp_path: Path, name: str, arguments: dict[str, Any], told: str, mark: str
) -> None:
    marks, turn = then(agent(tmp_path), calling(name, **arguments))
    assert last_result(turn).startswith(told)
    assert marks[mark] == 1


def test_work_that_mends_it_solves_the_task(tmp_path: Path) -> None:
    session = agent(tmp_path)
    then(session, calling("edit_file", **_MEND))
    marks, turn = then(session, DONE)
    assert turn is None
    assert (marks["ended"], marks["solved"], marks["steps"]) == ("answered", True, 2)
    assert (marks["must_pass_red"], marks["must_stay_red"], marks["hidden_red"]) == (0, 0, 0)


def test_work_that_does_not_leaves_it_unsolved(tmp_path: Path) -> None:
    session = agent(tmp_path)
    then(session, calling("edit_file", **{**_MEND, "replace": "a * b"}))
    marks, _ = then(session, DONE)
    assert (marks["solved"], marks["must_pass_red"], marks["hidden_red"]) == (False, 1, 1)


def test_changing_nothing_solves_nothing_and_runs_nothing(tmp_path: Path) -> None:
    workload = agents(tmp_path)
    session = workload.session(0, Random(0))
    session.next_turn(None)
    marks, _ = then(session, DONE)
    assert (marks["solved"], marks["unchanged"]) == (False, True)
    assert workload.bench.sandboxes.runs == 0  # type: ignore[attr-defined]


def test_at_the_limit_of_requests_the_work_is_judged_as_it_stands(tmp_path: Path) -> None:
    session = agent(tmp_path, max_steps=2)
    then(session, calling("edit_file", **_MEND))
    marks, turn = then(session, calling("run_tests"))
    assert turn is None
    assert (marks["ended"], marks["solved"]) == ("step_limit", True)


def test_after_a_failed_request_nothing_is_judged(tmp_path: Path) -> None:
    session = agent(tmp_path)
    then(session, calling("edit_file", **_MEND))
    reply = Reply(ok=False)
    marks = session.score(reply)
    assert (marks["ended"], marks["solved"]) == ("failed", None)
    assert session.judging() is None
    assert session.next_turn(reply) is None


def test_a_session_that_is_played_without_answers_ends_at_once(tmp_path: Path) -> None:
    session = agent(tmp_path)
    assert session.next_turn(Reply(ok=True)) is None


def test_the_first_edit_that_fits_is_not_made_on_purpose_and_the_next_one_is(tmp_path: Path) -> None:
    session = agent(tmp_path, faults={"edit_failed": 1})
    _, turn = then(session, calling("edit_file", **{**_MEND, "search": "nowhere"}))
    assert "is not in" in last_result(turn)
    _, turn = then(session, calling("edit_file", **_MEND))
    assert last_result(turn).startswith("error: the file could not be written")
    assert not session.checkout.changed
    marks, turn = then(session, calling("edit_file", **_MEND))
    assert marks["fault_seen"] == "edit_failed"
    assert last_result(turn).startswith("edited")
    marks, _ = then(session, DONE)
    assert (marks["fault"], marks["fault_met"], marks["edits_failed_total"], marks["solved"]) == (
        ("edit_failed", True, 1, True)
    )


def test_the_first_test_run_times_out_on_purpose_and_takes_its_time(tmp_path: Path) -> None:
    session = agent(tmp_path, faults={"test_timeout": 1}, test_timeout="7s")
    _, turn = then(session, calling("run_tests"))
    assert turn is not None
    assert turn.delay_s == 7
    assert last_result(turn) == "error: the tests did not end within 7 s and were stopped"
    _, turn = then(session, calling("run_tests"))
    assert turn is not None
    assert turn.delay_s == 0
    assert last_result(turn).startswith("1 of 2 tests did not pass")


def test_of_the_first_green_run_one_test_is_told_to_have_failed(tmp_path: Path) -> None:
    session = agent(tmp_path, faults={"flaky_test": 1})
    _, turn = then(session, calling("run_tests"))
    assert last_result(turn).startswith("1 of 2 tests did not pass:\n  tests.test_sums.Sums.test_add: failed")
    then(session, calling("edit_file", **_MEND))
    _, turn = then(session, calling("run_tests"))
    assert last_result(turn).startswith("1 of 2 tests did not pass")
    assert "Connection reset by peer" in last_result(turn)
    _, turn = then(session, calling("run_tests"))
    assert last_result(turn) == "all 2 tests passed"


def test_which_session_meets_a_failure_is_drawn_for_all_of_it(tmp_path: Path) -> None:
    workload = agents(tmp_path, faults={"test_timeout": 0.2, "edit_failed": 0.3})
    drawn = []
    for number in range(400):
        session = workload.session(number, Random(number))
        session.next_turn(None)
        drawn.append(session.score(DONE)["fault"])
    assert 50 < drawn.count("test_timeout") < 110
    assert 90 < drawn.count("edit_failed") < 150


def test_a_failure_that_had_no_occasion_was_not_met(tmp_path: Path) -> None:
    marks, _ = then(agent(tmp_path, faults={"flaky_test": 1}), DONE)
    assert (marks["fault"], marks["fault_met"]) == ("flaky_test", False)
