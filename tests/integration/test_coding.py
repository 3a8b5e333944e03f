"""Coding agents through the whole tool: a bad model is seen, in real sandboxes, by what the tests say."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadgen.sandbox.availability import available
from tests.support.coders import write_task
from tests.support.command import Command, Finished, closed_load, write_scenario


def scenario(folder: Path, **workload: Any) -> str:
    write_task(folder / "tasks")
    coding = {"name": "coding", "kind": "coding", "path": str(folder / "tasks"), "test_timeout": "10s", **workload}
    return write_scenario(folder, workloads=[coding], load=closed_load(3, "8s", grace="15s"))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A model that solves half of what it is asked, where its code is isolated."""
    if (why := available()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("bad")
    simulator = "--profile fast --coding-solve 0.5 --coding-bad-edit 0.3"
    command = Command(folder, "run", scenario(folder), "--simulator", simulator, "--workers", "1", "--out", "run")
    try:
        return command.wait(60)
    finally:
        command.end()


def figures(ended: Finished) -> dict[str, Any]:
    found: dict[str, Any] = ended.summary["workloads"]["coding"]["quality"]
    return found


def test_a_bad_model_is_seen(bad: Finished) -> None:
    assert bad.completed, bad.output
    found = figures(bad)
    assert found["solved_of_these"]["n"] >= 3
    assert found["solved_of_these"]["ci_low"] <= 0.5 <= found["solved_of_these"]["ci_high"]
    assert found["edits_failed"]["ci_low"] <= 0.3 <= found["edits_failed"]["ci_high"]
    assert found["unjudged"]["value"] == 0


def test_what_is_solved_agrees_with_the_tests_that_the_agents_saw(bad: Finished) -> None:
    ended = [record["marks"] for record in bad.records if record["marks"].get("ended") == "answered"]
    assert {marks["solved"] for marks in ended} == {True, False}
    for marks in ended:
        assert marks["solved"] == (marks["must_pass_red"] == 0)
        assert marks["must_stay_red"] == 0


def test_the_summary_and_the_report_have_it(bad: Finished) -> None:
    summary = json.loads((bad.run / "summary.json").read_text())
    assert summary["workloads"]["coding"]["quality"]["tasks"]["rows"][0][0] == "small"
    assert "solved of these" in (bad.run / "report.html").read_text()


def test_validate_says_what_there_is_to_do_and_what_is_wrong_with_it(
    tmp_path: Path,
) -> None:
    written = scenario(tmp_path)
    command = Command(tmp_path / "good", "validate", written)
    assert "workload coding: 1 task (1 bug)" in command.wait().output
    write_task(tmp_path / "tasks", must_pass=["tests.test_sums.Sums.test_none"])
    ended = Command(tmp_path / "wrong", "validate", written).wait()
    assert (ended.code, "there is no test tests.test_sums.Sums.test_none" in ended.output) == (2, True)
