"""The closed loop: a session at a time for each permit, in the permit's windows and nowhere else."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvloop

from loadgen.client.reply import Reply
from loadgen.engine import sessions
from loadgen.simulator.process import ScriptedServer
from loadgen.workloads.base import Turn
from loadgen.workloads.chat import ChatSession
from tests.support.command import closed_load, open_load
from tests.unit.engine.running import Heard, Worker, run_to_the_end, scenario_of, soon, until

SMALL = Path(__file__).parents[2] / "data" / "agentic_small.jsonl"


def by_permit(heard: Heard) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for record in sorted(heard.records, key=lambda record: record["intended_s"]):
        found.setdefault(int(record["session"].partition(".")[0]), []).append(record)
    return found


def test_permits_work_in_their_windows(tmp_path: Path, quick_server: ScriptedServer) -> None:
    stages = [
        {"name": "one", "duration": "300ms", "users": 1},
        {"name": "three", "duration": "300ms", "users": 3},
        {"name": "two", "duration": "300ms", "users": 2},
    ]
    scenario = scenario_of(tmp_path, load={"arrivals": "closed", "stages": stages})

    async def main() -> None:
        permits = by_permit(await run_to_the_end(scenario, quick_server.url, (0, 1, 2)))
        first = {permit: records[0]["intended_s"] for permit, records in permits.items()}
        # A first session is due when its window opens, to the nanosecond.
        assert first == {0: 0.0, 1: pytest.approx(0.3, abs=1e-6), 2: pytest.approx(0.3, abs=1e-6)}
        last = {permit: records[-1]["intended_s"] for permit, records in permits.items()}
        assert last[2] < 0.6
        assert 0.6 < last[1] < 0.9
        assert 0.6 < last[0] < 0.9

    uvloop.run(main())


def test_a_session_is_due_when_its_permit_falls_free(tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=closed_load(2, "900ms"))

    async def main() -> None:
        for records in by_permit(await run_to_the_end(scenario, quick_server.url, (0, 1))).values():
            assert len(records) > 10
            for before, after in pairwise(records):
                assert after["intended_s"] == before["end_s"]

    uvloop.run(main())


def test_sessions_are_the_same_whoever_holds_the_permit(tmp_path: Path, quick_server: ScriptedServer) -> None:
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": {"uniform": {"min": 10, "max": 900}}, "output_tokens": 2}
    scenario = scenario_of(tmp_path, workloads=[chat], load=closed_load(4, "600ms"))

    async def main() -> None:
        asked: list[dict[str, int]] = []
        for shares in ([(0, 1, 2, 3)], [(0, 2), (1, 3)]):
            workers = [Worker(scenario, quick_server.url, f"w{share}") for share in range(len(shares))]
            start = soon()
            for worker, permits in zip(workers, shares, strict=True):
                await worker.start(start, permits, permit_count=4)
            for worker in workers:
                await worker.heard.done.wait()
            heard = [await worker.drain() for worker in workers]
            asked.append({record["session"]: record["input_tokens_asked"] for one in heard for record in one.records})
        common = asked[0].keys() & asked[1].keys()
        assert len(common) > 20
        assert all(asked[0][session] == asked[1][session] for session in common)

    uvloop.run(main())


def test_a_refused_connection_is_not_tried_in_a_spin(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        scenario = scenario_of(tmp_path, load=closed_load(2, "1s"))

        async def main() -> None:
            heard = await run_to_the_end(scenario, url, (0, 1))
            assert heard.outcomes().keys() == {"connect"}
            assert 2 * 3 <= len(heard.records) <= 2 * 4
            for records in by_permit(heard).values():
                for before, after in pairwise(records):
                    assert after["intended_s"] - before["end_s"] == pytest.approx(0.25, abs=1e-6)

        uvloop.run(main())


def test_a_recording_that_is_not_repeated_ends_the_load(tmp_path: Path, quick_server: ScriptedServer) -> None:
    replay = {"name": "agents", "kind": "replay", "format": "agentic", "path": str(SMALL), "time_scale": 0}
    scenario = scenario_of(tmp_path, workloads=[replay | {"repeat": False}], load=closed_load(3, "60s"))

    async def main() -> None:
        heard = await run_to_the_end(scenario, quick_server.url, (0, 1, 2))
        conversations = {record["session"] for record in heard.records}
        assert len(conversations) == 2
        assert all(record["turn"] == 0 or record["session"] in conversations for record in heard.records)

    uvloop.run(main())


def test_a_later_turn_outside_of_the_window_is_not_started(tmp_path: Path, quick_server: ScriptedServer) -> None:
    chat = {"name": "chat", "kind": "chat", "turns": 50, "prompt_tokens": 10, "think_time": "50ms"}
    scenario = scenario_of(tmp_path, workloads=[chat], load=closed_load(1, "300ms"))

    async def main() -> None:
        heard = await run_to_the_end(scenario, quick_server.url, (0,))
        assert {record["session"] for record in heard.records} == {"0.0"}
        assert 2 <= len(heard.records) <= 6
        assert max(record["intended_s"] for record in heard.records) < 0.3

    uvloop.run(main())


def test_a_permit_given_away_ends_after_the_turn_in_flight(tmp_path: Path, slow_server: ScriptedServer) -> None:
    from loadgen.engine.order import Deal
    from tests.unit.engine.running import RUN_ID

    scenario = scenario_of(tmp_path, load=closed_load(2, "60s"))

    async def main() -> None:
        worker = Worker(scenario, slow_server.url)
        await worker.start(soon(), (0, 1), permit_count=2)
        await until(lambda: worker.engine._runner.in_flight == 2, "both turns in flight")
        await worker.engine.deal(Deal(RUN_ID, (), 1, from_s=0.0))
        await worker.heard.done.wait()
        heard = await worker.drain()
        assert sorted(record["session"] for record in heard.records) == ["0.0", "1.0"]
        assert heard.outcomes() == {"ok": 2}

    uvloop.run(main())


class _BrokenWorkload:
    name = "chat"

    def session(self, ordinal: int, rng: Random) -> "_BrokenWorkload":
        return self

    def next_turn(self, last: Reply | None) -> Turn | None:
        if last is not None:
            raise RuntimeError("a bolt is loose")
        return Turn(messages=(b'{"role":"user","content":"x"}',))

    def start_times(self) -> None:
        return None


@pytest.mark.parametrize("load", [closed_load(1, "60s"), {"arrivals": "poisson"}])
def test_a_session_that_breaks_is_a_bug_of_ours(
    load: dict[str, Any], tmp_path: Path, quick_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if load["arrivals"] == "poisson":
        load = load | {"stages": [{"name": "steady", "duration": "60s", "rate": 50}]}
    scenario = scenario_of(tmp_path, load=load)
    monkeypatch.setattr("loadgen.engine.engine.build_workload", lambda spec, seed: _BrokenWorkload())

    async def main() -> None:
        worker = Worker(scenario, quick_server.url)
        await worker.start(soon(), (0,), permit_count=1)
        await worker.heard.done.wait()
        await worker.drain(0)
        assert "a bolt is loose" in str(worker.heard.bugs[0])
        # The turn itself was answered, and that is still told.
        assert worker.heard.records[0]["outcome"] == "ok"

    uvloop.run(main())


@pytest.mark.parametrize("load", [closed_load(2, "400ms"), open_load(30, "400ms")], ids=["closed", "open"])
def test_other_streams_have_their_turn_while_a_session_is_made(
    load: dict[str, Any], tmp_path: Path, quick_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step that a first turn is made in stands in a turn of the loop of its own."""
    sessions_made: list[list[int]] = []

    def prepare(_: object) -> Iterator[None]:
        sessions_made.append([])
        turns = sessions_made[-1]
        for _ in range(3):
            turns.append(loop_turns[0])
            yield

    async def count() -> None:
        while True:
            loop_turns[0] += 1
            await asyncio.sleep(0)

    loop_turns = [0]
    monkeypatch.setattr(ChatSession, "prepare", prepare, raising=False)
    monkeypatch.setattr(sessions, "_prepares", lambda _: True)
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": 10, "output_tokens": 2}
    scenario = scenario_of(tmp_path, workloads=[chat], load=load)

    async def main() -> None:
        counting = asyncio.create_task(count())
        heard = await run_to_the_end(scenario, quick_server.url)
        counting.cancel()
        assert heard.bugs == []
        assert len(heard.records) > 3

    uvloop.run(main())
    assert len(sessions_made) > 3
    assert all(len(set(turns)) == len(turns) for turns in sessions_made)
