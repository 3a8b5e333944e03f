"""How the simulated model mends a repository: from what the tools show, by edits that have to fit."""

import asyncio
import json
import shutil
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.client.reply import Reply
from loadgen.errors import UsageError
from loadgen.marks import Marks
from loadgen.simulator.coding import load_solutions
from loadgen.simulator.dials import CodingDials
from loadgen.simulator.patches import next_patch
from loadgen.workloads.coding.edits import replace_once
from tests.support.coders import Oracle, SimulatedCoder, coding, write_task

_LINES = st.lists(
    st.sampled_from(["a = 1\n", "b = 2\n", "\n", "def f():\n", "    return a\n"]), min_size=1, max_size=12
)


@given(_LINES, _LINES)
def test_patches_fit_and_lead_to_what_is_wanted(before: list[str], after: list[str]) -> None:
    current, wanted = "".join(before), "".join(after)
    for _ in range(40):
        if current == wanted:
            return
        current = replace_once("x.py", current, *next_patch(current, wanted))
    raise AssertionError(f"{wanted!r} is not reached")


def played(folder: Path, number: int = 0, **dials: float) -> tuple[list[list[str]], Marks]:
    """The names of the calls of each answer of a session, and the last answer's marks."""
    write_task(folder)
    model, workload = SimulatedCoder(CodingDials(**dials), folder=folder), coding(path=str(folder))
    workload.bench.sandboxes = Oracle(workload.tasks, model.solutions)  # type: ignore[assignment]

    async def play() -> tuple[list[list[str]], Marks]:
        session = workload.session(number, Random(number))
        turn = session.next_turn(None)
        calls: list[list[str]] = []
        while turn is not None:
            reply = model.answer(turn)
            marks = session.score(reply)
            if (judging := session.judging()) is not None:
                return calls, {**marks, **await judging}
            calls.append([call.name for call in reply.tool_calls])
            if (working := session.working()) is not None:
                await working
            turn = session.next_turn(reply)
        raise AssertionError("the session has not ended")

    return asyncio.run(play())


def test_it_looks_reads_tests_edits_and_tests_again(tmp_path: Path) -> None:
    calls, marks = played(tmp_path)
    assert calls == [["list_files"], ["read_file"], ["run_tests"], ["edit_file"], ["run_tests"]]
    assert marks["solved"] is True


def test_what_it_can_not_solve_it_edits_beside_the_point(tmp_path: Path) -> None:
    calls, marks = played(tmp_path, solve=0)
    assert calls[-2:] == [["edit_file"], ["run_tests"]]
    assert (marks["solved"], marks["must_pass_red"], marks["must_stay_red"]) == (False, 1, 0)


def test_a_slip_is_seen_from_the_tests_and_mended(tmp_path: Path) -> None:
    calls, marks = played(tmp_path, slips=1)
    assert calls[3:] == [["edit_file"], ["run_tests"], ["edit_file"], ["run_tests"]]
    assert marks["solved"] is True


def test_an_edit_that_never_fits_comes_to_no_end(tmp_path: Path) -> None:
    calls, marks = played(tmp_path, bad_edit=1)
    assert (marks["ended"], marks["solved"]) == ("step_limit", False)
    assert calls[-1] == ["edit_file"]


def test_without_the_solution_it_is_any_other_conversation(tmp_path: Path) -> None:
    write_task(tmp_path / "known")
    write_task(tmp_path / "other", prompt="Something else altogether.")
    turn = coding(path=str(tmp_path / "other")).session(0, Random(0)).next_turn(None)
    assert turn is not None
    reply: Reply = SimulatedCoder(folder=tmp_path / "known").answer(turn)
    assert (reply.tool_calls, reply.text == "DONE") == ((), False)


def test_a_model_given_one_call_at_a_time_makes_one(tmp_path: Path) -> None:
    write_task(tmp_path)
    turn = coding(path=str(tmp_path)).session(0, Random(0)).next_turn(None)
    assert turn is not None
    (call,) = SimulatedCoder(folder=tmp_path).answer(turn).tool_calls
    assert (call.name, json.loads(call.arguments)) == ("list_files", {})


def test_files_that_are_to_go_are_named(tmp_path: Path) -> None:
    write_task(tmp_path, {"solution/DELETED": "calc/old.py\n"})
    (solution,) = load_solutions([tmp_path]).values()
    assert solution.removed == ("calc/old.py",)
    assert list(solution.files) == ["calc/sums.py"]


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no task in"):
        load_solutions([tmp_path])


def test_a_task_without_a_solution_is_named(tmp_path: Path) -> None:
    write_task(tmp_path)
    shutil.rmtree(tmp_path / "small" / "solution")
    with pytest.raises(UsageError, match=r"small/task\.yaml: there is no solution/ with files"):
        load_solutions([tmp_path])
