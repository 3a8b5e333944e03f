"""A user's own tools and tasks: canned results or an echo, and tasks that are done by the calls that the file names."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.scenario.sizes import Constant, Seconds
from loadgen.scenario.tools import ToolLatency, ToolsSpec
from loadgen.workloads.tools.agent import AgentSession
from loadgen.workloads.tools.own import read_own
from loadgen.workloads.tools.workload import AgentWorkload
from tests.support.agents import DONE, Model, calling, play
from tests.support.messages import whole

_CITY = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/c"}},
    "required": ["city"],
    "$defs": {"c": {"type": "string"}},
}
_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": _CITY}, "result": {"degrees": 20}}
_ALARM = {
    "name": "alarm",
    "description": "Set",
    "inputSchema": {"type": "object", "properties": {"at": {"type": "string"}}},
}
_TASKS = [
    {
        "name": "both",
        "prompt": "Weather and alarm?",
        "calls": [{"name": "weather", "arguments": {"city": "Oslo"}}, {"name": "alarm"}],
    },
    {"prompt": "Anything"},
]


def _file(folder: Path, tools: Any = (_WEATHER, _ALARM), tasks: Any = _TASKS) -> Path:
    path = folder / "catalogue.json"
    path.write_text(json.dumps({"tools": tools, "tasks": tasks}), encoding="utf-8")
    return path


def _agent(folder: Path, number: int = 0) -> AgentSession:
    spec = ToolsSpec(
        name="own", catalogue=str(_file(folder)), paired=0, latency=ToolLatency(default=Constant[Seconds](constant=1.0))
    )
    session = AgentWorkload(spec, seed=1).session(number, Random(1))
    assert isinstance(session, AgentSession)
    return session


def test_definitions_are_taken_as_openai_and_mcp_spell_them(tmp_path: Path) -> None:
    catalogue, tasks = read_own(_file(tmp_path))
    definitions = json.loads(catalogue.shared)
    assert [one["function"]["name"] for one in definitions] == ["weather", "alarm"]
    assert definitions[1]["function"]["parameters"]["properties"] == {"at": {"type": "string"}}
    assert "result" not in definitions[0]
    assert [task.name for task in tasks] == ["both", "task-1"]


def test_results_are_canned_or_an_echo(tmp_path: Path) -> None:
    session = _agent(tmp_path)
    session.next_turn(None)
    reply = calling(("weather", {"city": "Oslo"}), ("alarm", {"at": "9"}))
    session.score(reply)
    turn = session.next_turn(reply)
    assert turn is not None
    canned, echo = (json.loads(json.loads(whole(message))["content"]) for message in turn.messages[-2:])
    assert canned == {"degrees": 20}
    assert echo == {"ok": True, "tool": "alarm", "arguments": {"at": "9"}}
    assert turn.delay_s == 1.0


def test_a_task_is_done_when_its_calls_were_made(tmp_path: Path) -> None:
    assert [marks for _, marks in play(_agent(tmp_path), Model(Random(1)))][-1]["done"] is True
    assert [marks for _, marks in play(_agent(tmp_path), lambda _: DONE)][-1]["done"] is False


def test_without_calls_nobody_knows_whether_a_task_is_done(tmp_path: Path) -> None:
    session = _agent(tmp_path, number=1)
    session.next_turn(None)
    marks = session.score(calling(("weather", {"city": "Oslo"})))
    assert marks is not None
    assert marks["call_valid"] == 1
    marks = session.score(DONE)
    assert marks is not None
    assert marks["done"] is None


@pytest.mark.parametrize(
    ("tools", "tasks", "told"),
    [
        ([], _TASKS, "has no tools"),
        ([_WEATHER], [], "has no tasks"),
        ([{"function": {}}], _TASKS, "tools.0: has no name"),
        ([_WEATHER, _WEATHER], _TASKS, "tools.1: 'weather' is the name of another tool"),
        ([{"name": "f", "parameters": {"type": "dict"}}], _TASKS, r"tools.0 \(f\): its parameters are no JSON Schema"),
        ([{"name": "f", "parameters": {"$ref": "#/nowhere"}}], _TASKS, "refers to '#/nowhere', which is not in it"),
        ([{"name": "f", "parameters": []}], _TASKS, "expected an object"),
        ([_ALARM], _TASKS, "tasks.0: there is no tool 'weather'"),
        (
            [_WEATHER],
            [{"prompt": "x", "calls": [{"name": "weather"}]}],
            "tasks.0: the arguments of weather do not fit it",
        ),
        ([_WEATHER], [{"say": "x"}], "is no catalogue"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, tools: Any, tasks: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_own(_file(tmp_path, tools, tasks))


@pytest.mark.parametrize("name", ["none.json", 300 * "x"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_own(tmp_path / name)
