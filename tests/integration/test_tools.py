"""Tool-calling agents, BFCL's questions and a user's own tools through the whole tool, against the simulator."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, Finished, closed_load, write_scenario
from tests.support.series import imported

_AGENTS = {
    "name": "agents",
    "kind": "tools",
    "latency": "20ms",
    "tasks_per_session": 2,
    "think_time": "30ms",
    "subagents": 1,
    "paired": 0.5,
    "faults": {"error": 0.1},
}


def _finished(run: Callable[..., Command], folder: Path, **workload: Any) -> Finished:
    path = write_scenario(
        folder,
        workloads=[workload],
        load=closed_load(6, "4s"),
        prices={"currency": "USD", "input": 1, "cached_input": 0.1, "output": 4},
    )
    ended = run(path, "--simulator", "--profile fast").wait()
    assert ended.completed, ended.output
    return ended


@pytest.fixture
def agents(run: Callable[..., Command], tmp_path: Path) -> Finished:
    """A run of agents against a good model."""
    return _finished(run, tmp_path, **_AGENTS)


def _column(table: dict[str, Any], name: str) -> dict[str, Any]:
    return {row[0]: row[table["columns"].index(name)] for row in table["rows"]}


def _exported(path: Path, outcome: str) -> float:
    """How many tool calls of this outcome Prometheus is told of."""
    (family,) = [family for family in imported(path.read_bytes()) if family.name == "loadgen_tool_calls"]
    return sum(float(sample.value) for sample in family.samples if sample.labels["outcome"] == outcome)


def test_a_run_of_agents_measures_all_that_tools_cost(agents: Finished) -> None:
    quality = agents.summary["workloads"]["agents"]["quality"]
    assert quality["task_done"]["value"] == 1
    assert quality["calls_valid"]["value"] == 1
    assert {row[0] for row in quality["agents"]["rows"]} == {"main", "sub"}
    # 27 definitions, which a prompt without tools does not have; the server counts them the same every time.
    assert quality["schema_tokens"]["value"] > 1000
    assert quality["schema_tokens"]["ci_low"] == pytest.approx(quality["schema_tokens"]["value"])
    after = _column(quality["prefill_after"], "sent_again_tokens")
    assert after["first"] == 0
    assert min(after["after tool"], after["after person"]) > 1000
    for table, column, whole in (
        ("session_time", "seconds", "whole session"),
        ("session_cost", "cost", "whole session"),
    ):
        parts = _column(quality[table], column)
        total = parts.pop(whole)
        parts.pop("of the first prefill: tool definitions", None)
        assert sum(parts.values()) == pytest.approx(total, rel=1e-6)
    assert _column(quality["session_time"], "seconds")["tools run"] >= 0.02
    assert _column(quality["faults"], "calls_hit")["error"] > 0


def test_the_records_bear_it_out(agents: Finished) -> None:
    turns = [line for line in agents.records if line["outcome"] == "ok"]
    calling = [line for line in turns if line["tool_calls"]]
    assert calling
    for line in calling:
        assert 0 <= line["tool_call_s"] <= line["e2e_s"]
        assert line["marks"]["calls"] == line["tool_calls"]
    assert all("tool_call_s" not in line for line in turns if not line["tool_calls"])
    assert {tuple(line["rates"]) for line in turns} == {(0.1, 1.0, 4.0, 4.0)}
    right = sum(line["marks"].get("call_right", 0) for line in turns)
    assert _exported(agents.run / "metrics.prom", "right") == right > 0
    assert _exported(agents.run / "metrics.prom", "unjudged") == 0
    sessions: dict[str, list[dict[str, Any]]] = {}
    for line in agents.records:
        sessions.setdefault(line["session"], []).append(line)
    for session in sessions.values():
        session.sort(key=lambda line: line["turn"])
        for before, after in pairwise(session):
            if after["marks"]["after"] == "tool":
                assert after["tool_wait_s"] == pytest.approx(0.02, abs=1e-6)
                assert after["intended_s"] - before["end_s"] == pytest.approx(0.02, abs=1e-6)


def test_the_sum_of_costs_is_that_of_the_run(agents: Finished) -> None:
    assert sum(line["cost"] for line in agents.records) == pytest.approx(agents.summary["cost"]["total"], rel=1e-6)


def test_a_users_own_tools_are_offered_and_answered(run: Callable[..., Command], tmp_path: Path) -> None:
    tool = {"name": "weather", "description": "Get the weather", "parameters": {"type": "object", "properties": {}}}
    tasks = [{"name": "ask", "prompt": "How is the weather?", "calls": [{"name": "weather"}]}]
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"tools": [tool], "tasks": tasks}))
    ended = _finished(run, tmp_path, name="own", kind="tools", catalogue=str(path), latency="5ms")
    quality = ended.summary["workloads"]["own"]["quality"]
    assert _column(quality["tasks"], "tasks")["ask"] > 0


def test_questions_are_scored_where_answers_are_given(run: Callable[..., Command], tmp_path: Path) -> None:
    function = {"name": "area", "parameters": {"type": "dict", "properties": {"base": {"type": "integer"}}}}
    asked = {"question": [[{"role": "user", "content": "Area?"}]], "function": [function]}
    records = [asked | {"id": "simple_0"}, asked | {"id": "irrelevance_0"}]
    questions, answers = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    questions.write_text("".join(json.dumps(record) + "\n" for record in records))
    answers.write_text(json.dumps({"id": "simple_0", "ground_truth": [{"area": {"base": [3]}}]}) + "\n")
    ended = _finished(run, tmp_path, name="bfcl", kind="tools", bfcl=str(questions), answers=str(answers))
    done = _column(ended.summary["workloads"]["bfcl"]["quality"]["tasks"], "done")
    assert done["irrelevance"] == 1
    assert done["simple"] == 0


def test_a_file_that_can_not_be_used_ends_the_run_before_it_begins(run: Callable[..., Command], tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"tools": [], "tasks": []}')
    workload = {"name": "own", "kind": "tools", "catalogue": str(path)}
    scenario = write_scenario(tmp_path, workloads=[workload], load=closed_load(1, "1s"))
    ended = run(scenario).wait()
    assert ended.code == 2
    assert "own.json: has no tools; expected at least one" in ended.output
    assert "Traceback" not in ended.output
