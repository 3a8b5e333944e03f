"""Recorded times and sub-agents: a turn is due at the later of its time and its pause, an agent beside its parent."""

from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.simulator.process import ScriptedServer
from tests.support.command import closed_load
from tests.support.recording_server import RecordingServer
from tests.unit.engine.running import Heard, run_to_the_end, scenario_of

TRACES = Path(__file__).parents[2] / "data" / "traces"
SCALE = 0.02


def replay(name: str, **keys: Any) -> dict[str, Any]:
    return {
        "name": "trace",
        "kind": "replay",
        "format": "auto",
        "path": str(TRACES / name),
        "time_scale": SCALE,
        "repeat": False,
    } | keys


def by_session(heard: Heard) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(heard.records, key=lambda record: record["turn"]):
        found.setdefault(record["session"], []).append(record)
    return found


def due(begun_s: float, recorded_s: float, before: dict[str, Any], pause_s: float) -> Any:
    """The later of the recorded time and the end of the turn before with the pause; which, the server decides."""
    return pytest.approx(max(begun_s + recorded_s * SCALE, before["end_s"] + pause_s * SCALE), abs=1e-6)


def test_a_sub_agent_runs_beside_its_parent_and_both_keep_their_times(
    tmp_path: Path, quick_server: ScriptedServer
) -> None:
    workload = replay("kv_cache_tester/trace_a.json")
    scenario = scenario_of(tmp_path, workloads=[workload], load=closed_load(1, "10s"))

    async def main() -> None:
        sessions = by_session(await run_to_the_end(scenario, quick_server.url, (0,)))
        assert {name: len(turns) for name, turns in sessions.items()} == {"0.0": 3, "0.0+1": 2}
        parent, agent = sessions["0.0"], sessions["0.0+1"]
        begun, agent_begun = parent[0]["intended_s"], agent[0]["intended_s"]
        assert parent[1]["intended_s"] == due(begun, 5, parent[0], 3)
        assert parent[2]["intended_s"] == due(begun, 65, parent[1], 0)
        assert agent_begun == due(begun, 3, parent[0], 1)
        assert agent[1]["intended_s"] == due(agent_begun, 4, agent[0], 3)

    uvloop.run(main())


def test_a_slower_server_keeps_the_pauses(tmp_path: Path, slow_server: ScriptedServer) -> None:
    workload = replay("kv_cache_tester/trace_a.json", max_turns=2)
    scenario = scenario_of(tmp_path, workloads=[workload], load=closed_load(1, "10s"))

    async def main() -> None:
        sessions = by_session(await run_to_the_end(scenario, slow_server.url, (0,)))
        parent, agent = sessions["0.0"], sessions["0.0+1"]
        assert parent[1]["intended_s"] - parent[0]["end_s"] == pytest.approx(3 * SCALE, abs=1e-6)
        assert agent[0]["intended_s"] - parent[0]["end_s"] == pytest.approx(1 * SCALE, abs=1e-6)
        assert agent[0]["intended_s"] < parent[1]["intended_s"] < agent[0]["end_s"]

    uvloop.run(main())


def test_a_permit_is_free_when_the_sub_agents_have_ended(tmp_path: Path, slow_server: ScriptedServer) -> None:
    workload = replay("kv_cache_tester", max_turns=1, repeat=True)
    scenario = scenario_of(tmp_path, workloads=[workload], load=closed_load(1, "1500ms"))

    async def main() -> None:
        sessions = by_session(await run_to_the_end(scenario, slow_server.url, (0,)))
        assert sessions["0.1"][0]["intended_s"] == sessions["0.0+1"][0]["end_s"] > sessions["0.0"][0]["end_s"]

    uvloop.run(main())


def test_no_sub_agent_follows_a_turn_that_failed(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, workloads=[replay("kv_cache_tester/trace_a.json")], load=closed_load(1, "5s"))

    async def main() -> None:
        with RecordingServer(status=500) as server:
            heard = await run_to_the_end(scenario, server.url, (0,))
        assert [record["session"] for record in heard.records] == ["0.0"]

    uvloop.run(main())


def test_trace_arrivals_come_at_the_recorded_times(tmp_path: Path, quick_server: ScriptedServer) -> None:
    load = {"arrivals": "trace", "stages": [{"name": "all", "duration": "5s"}]}
    scenario = scenario_of(tmp_path, workloads=[replay("bailian.jsonl")], load=load)

    async def main() -> None:
        sessions = by_session(await run_to_the_end(scenario, quick_server.url))
        for name, start_s in (("0", 0.0), ("1", 0.9), ("2", 13.9)):
            assert sessions[name][0]["intended_s"] == pytest.approx(start_s * SCALE, abs=1e-6)
        first, second, third = sessions["0"]
        assert second["intended_s"] == due(0.0, 10, first, 0)
        assert third["intended_s"] == due(0.0, 19, second, 0)
        asked = {name: [record["input_tokens_asked"] for record in turns] for name, turns in sessions.items()}
        assert asked == {"0": [40, 70, 90], "1": [33], "2": [64]}

    uvloop.run(main())
