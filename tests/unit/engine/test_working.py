"""Sessions with work that takes real time: tools that run, and the judging of what was done."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.client.exchange import Exchange
from loadgen.client.transport import Transport
from loadgen.engine.limits import transport_of
from loadgen.scenario.model import Scenario
from loadgen.simulator.process import SimulatorProcess
from tests.support.coders import ENDLESS_TESTS, write_task
from tests.support.command import closed_load, open_load
from tests.support.raw_server import RawServer, event_stream, good
from tests.unit.engine.running import Heard, Worker, run_to_the_end, scenario_of, soon, until

# The simulator knows the task by its prompt, whatever its tests are.
_HIDDEN_ENDLESS = ENDLESS_TESTS.replace("Sums", "Hidden").replace("test_add", "test_twice")


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """A model that mends the small task."""
    folder = tmp_path_factory.mktemp("solutions")
    write_task(folder)
    with SimulatorProcess(profile="fast", model="scripted", more=["--coding-solutions", str(folder)]) as process:
        yield process


def coding_scenario(folder: Path, load: dict[str, Any], files: dict[str, str] | None = None) -> Scenario:
    write_task(folder / "tasks", files)
    workload = {"name": "coding", "kind": "coding", "path": str(folder / "tasks"), "sandbox": "unsafe"}
    return scenario_of(folder, workloads=[workload], load=load)


def sessions(heard: Heard) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(heard.records, key=lambda record: record["turn"]):
        found.setdefault(record["session"], []).append(record)
    return found


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, coder: SimulatorProcess) -> Heard:
    """Two users for a while, and all that was heard of it."""
    scenario = coding_scenario(tmp_path_factory.mktemp("closed"), closed_load(2, "2500ms"))
    found: list[Heard] = []

    async def main() -> None:
        found.append(await run_to_the_end(scenario, coder.url, (0, 1)))

    uvloop.run(main())
    assert found[0].bugs == []
    return found[0]


def test_a_turn_is_due_when_the_tools_before_it_have_ended(closed: Heard) -> None:
    waits = []
    for records in sessions(closed).values():
        for before, after in pairwise(records):
            assert after["intended_s"] == pytest.approx(before["end_s"] + after["tool_wait_s"], abs=2e-9)
            waits.append((before["marks"].get("test_runs", 0), after["tool_wait_s"]))
    ran = [wait for runs, wait in waits if runs]
    assert len(ran) >= 2
    assert min(ran) > 0.01
    assert all(wait == 0 for runs, wait in waits if not runs)


def test_tools_are_neither_latency_nor_lag(closed: Heard) -> None:
    for record in closed.records:
        after_tests = (record["tool_wait_s"] or 0) > 0
        assert not after_tests or record["taken_s"] - record["intended_s"] < record["tool_wait_s"]
    waited = closed.aggregate.merged("tool_wait")
    assert waited.n == sum(record["turn"] > 0 for record in closed.records)


def test_the_judgement_stands_with_the_last_turn_and_the_permit_does_not_wait_for_it(closed: Heard) -> None:
    ended = [records for records in sessions(closed).values() if "ended" in records[-1]["marks"]]
    assert ended
    for records in ended:
        assert records[-1]["marks"]["solved"] is True
        assert records[-1]["marks"]["judged_s"] > 0
    ends = {name: records[-1]["end_s"] for name, records in sessions(closed).items()}
    for name, records in sessions(closed).items():
        permit, number = name.split(".")
        if (before := f"{permit}.{int(number) - 1}") in ends:
            assert records[0]["intended_s"] == ends[before]


def test_in_open_loop_too(tmp_path: Path, coder: SimulatorProcess) -> None:
    scenario = coding_scenario(tmp_path, open_load(1, "3s"))

    async def main() -> None:
        heard = await run_to_the_end(scenario, coder.url)
        assert heard.bugs == []
        assert {records[0]["intended_s"] for records in sessions(heard).values()} == {0.0, 1.0, 2.0}
        assert any(record["tool_wait_s"] for record in heard.records)

    uvloop.run(main())


def test_a_run_that_ends_while_tools_run_ends_them_and_the_session_is_unfinished(
    tmp_path: Path, coder: SimulatorProcess
) -> None:
    files = {"repo/tests/test_sums.py": ENDLESS_TESTS}
    scenario = coding_scenario(tmp_path, closed_load(1, "60s"), files)

    async def main() -> None:
        worker = Worker(scenario, coder.url)
        await worker.start(soon(), (0,), permit_count=1)
        await until(lambda: any(record["marks"].get("test_runs") for record in worker.heard.records), "a test run")
        started = time.monotonic()
        heard = await worker.drain(10.0)
        # What is left to be waited for is nothing, so the grace time is not used up.
        assert time.monotonic() - started < 5
        assert heard.bugs == []
        assert [record["turn"] for record in heard.records] == [0, 1, 2]
        assert not any("ended" in record["marks"] for record in heard.records)

    uvloop.run(main())


def _calling(name: str, **arguments: str) -> bytes:
    """A reply that calls a tool."""
    call = {"index": 0, "id": "c1", "function": {"name": name, "arguments": json.dumps(arguments)}}
    said = json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode()
    return event_stream(said, b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}', b"[DONE]")


def test_no_tool_is_begun_for_a_turn_that_ends_after_the_load(tmp_path: Path) -> None:
    scenario = coding_scenario(tmp_path, closed_load(1, "60s"), {"repo/tests/test_sums.py": ENDLESS_TESTS})
    answers = threading.Event()

    def answer(number: int, head: bytes) -> Iterator[bytes]:
        del number, head
        assert answers.wait(20)
        yield _calling("run_tests")

    async def main(server: RawServer) -> None:
        worker = Worker(scenario, server.url)
        await worker.start(soon(), (0,), permit_count=1)
        await until(lambda: bool(server.heads), "a turn")
        started = time.monotonic()
        draining = asyncio.create_task(worker.drain(10.0))
        await asyncio.sleep(0)
        answers.set()
        heard = await draining
        assert time.monotonic() - started < 5
        assert heard.bugs == []
        assert [record["marks"]["test_runs"] for record in heard.records] == [1]

    with RawServer(answer) as server:
        uvloop.run(main(server))


class _LastMoment:
    """A transport whose exchanges end in the very moment that cuts them off, when `answers` lets the server answer."""

    def __init__(self, inner: Transport, answers: threading.Event) -> None:
        self._inner, self._answers = inner, answers

    async def perform(self, exchange: Exchange) -> None:
        performing = asyncio.create_task(self._inner.perform(exchange))
        try:
            await asyncio.shield(performing)
        except asyncio.CancelledError:
            self._answers.set()
            await performing
            raise

    async def close(self) -> None:
        await self._inner.close()


def test_a_session_that_ends_in_the_moment_that_cuts_it_off_loses_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = coding_scenario(tmp_path, closed_load(1, "60s"))
    answers = threading.Event()

    def answer(number: int, head: bytes) -> Iterator[bytes]:
        del head
        if number == 0:
            yield _calling("create_file", path="calc/more.py", content="")
            return
        assert answers.wait(20)
        yield good("DONE")

    monkeypatch.setattr("loadgen.engine.engine.transport_of", lambda *given: _LastMoment(transport_of(*given), answers))

    async def main(server: RawServer) -> None:
        worker = Worker(scenario, server.url)
        await worker.start(soon(), (0,), permit_count=1)
        await until(lambda: len(server.heads) == 2, "the last turn")
        heard = await worker.drain(0.1)
        assert heard.bugs == []
        assert [record["marks"].get("ended") for record in heard.records] == [None, "answered"]
        assert heard.records[1]["marks"]["solved"] is None

    with RawServer(answer) as server:
        uvloop.run(main(server))


def test_what_is_not_judged_within_the_grace_time_is_recorded_as_not_known(
    tmp_path: Path, coder: SimulatorProcess
) -> None:
    files = {"checks/tests/test_hidden.py": _HIDDEN_ENDLESS}
    scenario = coding_scenario(tmp_path, closed_load(1, "60s"), files)

    async def main() -> None:
        worker = Worker(scenario, coder.url)
        await worker.start(soon(), (0,), permit_count=1)
        # The second session begins while the first is being judged, for as long as the load lasts.
        await until(lambda: any(record["session"] == "0.1" for record in worker.heard.records), "a second session")
        assert not any("ended" in record["marks"] for record in worker.heard.records)
        heard = await worker.drain(0.2)
        assert heard.bugs == []
        (last,) = [record for record in heard.records if record["session"] == "0.0" and "ended" in record["marks"]]
        assert (last["marks"]["ended"], last["marks"]["solved"]) == ("answered", None)

    uvloop.run(main())
