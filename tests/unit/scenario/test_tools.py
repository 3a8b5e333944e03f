"""What a scenario may say of a tools workload, and how mistakes are told."""

from typing import Any

import pytest
from pydantic import ValidationError

from loadgen.scenario.model import Scenario, scenario_from_json, scenario_to_json
from loadgen.scenario.tools import FAMILIES, ToolsSpec


def _spec(**values: Any) -> ToolsSpec:
    return ToolsSpec.model_validate({"name": "agents", "kind": "tools", **values})


def test_one_latency_is_that_of_all_families() -> None:
    latency = _spec(latency="300ms").latency
    assert {latency.of(family).mean() for family in (*FAMILIES, "own")} == {0.3}


def test_a_family_may_have_a_latency_of_its_own() -> None:
    latency = _spec(latency={"default": "1s", "search": {"uniform": {"min": "2s", "max": "4s"}}}).latency
    assert (latency.of("search").mean(), latency.of("files").mean()) == (3, 1)


def test_a_distribution_is_no_family() -> None:
    assert _spec(latency={"lognormal": {"median": "1s", "p90": "1s"}}).latency.of("files").mean() == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"tools": 201}, "less than or equal to 200"),
        ({"tasks": []}, "is empty"),
        ({"tasks": ["dance"]}, "cancel_and_ticket"),
        ({"faults": {"timeout": 0.6, "error": 0.6}}, "the shares come to 1.2; accepted: up to 1 together"),
        ({"faults": {"fire": 0.6}}, "fire"),
        ({"paired": 2}, "less than or equal to 1"),
        ({"bfcl": "q.jsonl", "tools": 30}, "is for agents, and bfcl asks single questions"),
        ({"bfcl": "q.jsonl", "tool_timeout": "1s"}, "is for agents, and bfcl asks single questions"),
        ({"catalogue": "c.json", "tasks": ["nothing"]}, "is of the shipped tools, and catalogue brings its own"),
        ({"answers": "a.jsonl"}, "belongs to bfcl"),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        _spec(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"bfcl": "q.jsonl", "answers": "a.jsonl", "output_tokens": 100},
        {"catalogue": "c.json", "subagents": 2, "faults": {"flood": 0.1}, "tool_timeout": "9s"},
        {"tools": 50, "tasks": ["nothing"], "latency": {"default": "1s", "files": "2s"}, "schemas": "fresh"},
    ],
)
def test_a_workload_reaches_another_process_as_it_was(values: dict[str, Any]) -> None:
    workload = {"name": "agents", "kind": "tools", **values}
    load = {"arrivals": "closed", "stages": [{"name": "steady", "duration": "1s", "users": 1}]}
    scenario = Scenario.model_validate({"name": "s", "workloads": [workload], "load": load})
    assert scenario_from_json(scenario_to_json(scenario)) == scenario
