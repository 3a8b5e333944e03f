"""The open loop: every arrival of the plan is some worker's, on time or counted as dropped."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.arrivals import arrival_times, schedule_of
from loadgen.engine.order import Deal
from loadgen.simulator.process import ScriptedServer
from tests.support.command import open_load
from tests.unit.engine.running import PERMITS, RUN_ID, Heard, Worker, run_to_the_end, scenario_of, soon, until

ALL = tuple(range(PERMITS))


def sessions(*heard: Heard) -> list[int]:
    return sorted(int(record["session"]) for one in heard for record in one.records)


def plan(*heard: Heard) -> list[tuple[Any, ...]]:
    return sorted(
        (int(record["session"]), record["turn"], round(record["intended_s"], 6), record["input_tokens_asked"])
        for one in heard
        for record in one.records
    )


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "gamma"])
def test_shares_add_up_to_the_plan(arrivals: str, tmp_path: Path, quick_server: ScriptedServer) -> None:
    load = open_load(150, "600ms") | {"arrivals": arrivals}
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": {"uniform": {"min": 10, "max": 90}}, "output_tokens": 2}
    scenario = scenario_of(tmp_path, workloads=[chat], load=load)

    async def main() -> None:
        alone = await run_to_the_end(scenario, quick_server.url)
        workers = [Worker(scenario, quick_server.url, f"w{share}") for share in range(3)]
        start = soon()
        for share, worker in enumerate(workers):
            await worker.start(start, ALL[share::3])
        for worker in workers:
            await worker.heard.done.wait()
        shared = [await worker.drain() for worker in workers]
        assert all(one.records for one in shared)
        assert plan(*shared) == plan(alone)
        assert [at for _, _, at, _ in plan(alone)] == [
            pytest.approx(at, abs=1e-6) for at in arrival_times(schedule_of(scenario.load), scenario.seed)
        ]

    uvloop.run(main())


def test_arrivals_above_the_limit_are_dropped_and_counted(tmp_path: Path, slow_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(100, "400ms", max_in_flight=3))

    async def main() -> None:
        heard = await run_to_the_end(scenario, slow_server.url)
        counted = heard.aggregate.counted()
        assert (counted.ok, counted.dropped) == (3, 37)
        assert sessions(heard) == [0, 1, 2]

    uvloop.run(main())


def test_arrivals_of_one_instant_are_held_to_the_limit_too(tmp_path: Path, slow_server: ScriptedServer) -> None:
    # 1,000 arrivals in a millisecond: they come up in one turn of the loop.
    scenario = scenario_of(tmp_path, load=open_load(100_000, "10ms", max_in_flight=5))

    async def main() -> None:
        heard = await run_to_the_end(scenario, slow_server.url)
        counted = heard.aggregate.counted()
        assert (counted.sent, counted.dropped) == (5, 995)

    uvloop.run(main())


def test_a_late_joiner_takes_only_what_is_still_to_come(tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(100, "1s"))

    async def main() -> None:
        worker = Worker(scenario, quick_server.url)
        began = time.time_ns() - 500_000_000
        await worker.start(began, ALL, epoch=1, from_s=0.755)
        await worker.heard.done.wait()
        heard = await worker.drain()
        assert sessions(heard) == list(range(76, 100))

    uvloop.run(main())


def test_a_share_that_changes_hands_is_neither_lost_nor_played_twice(
    tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = scenario_of(tmp_path, load=open_load(100, "1200ms"))

    async def main() -> None:
        first, second = Worker(scenario, quick_server.url, "w1"), Worker(scenario, quick_server.url, "w2")
        start = soon()
        await first.start(start, ALL)
        await until(lambda: time.time_ns() > start + 400_000_000, "the middle of the run")
        await first.engine.deal(Deal(RUN_ID, ALL[:6], 1, from_s=0.8))
        await second.start(start, ALL[6:], epoch=1, from_s=0.8)
        await first.heard.done.wait()
        await second.heard.done.wait()
        heard = [await first.drain(), await second.drain()]
        assert heard[1].records
        assert sessions(*heard) == list(range(120))

    uvloop.run(main())


@pytest.mark.parametrize("grace_s", [10.0, 0.0])
def test_arrivals_that_a_held_up_worker_owes_are_sent_or_dropped_never_forgotten(
    grace_s: float, tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = scenario_of(tmp_path, load=open_load(500, "400ms"))

    async def main() -> None:
        worker = Worker(scenario, quick_server.url)
        # The order to start comes when the load should be over, and the order to end right behind it.
        await worker.start(time.time_ns() - 450_000_000, ALL)
        heard = await worker.drain(grace_s)
        counted = heard.aggregate.counted()
        assert (counted.sent + counted.dropped, counted.ok > 0) == (200, grace_s > 0)

    uvloop.run(main())


def test_nothing_starts_that_is_due_after_the_end(tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(1000, "60s"))

    async def main() -> None:
        worker = Worker(scenario, quick_server.url)
        await worker.start(soon(), ALL)
        await until(lambda: len(worker.heard.records) > 0, "the first report")
        heard = await worker.drain()
        ended_s = (worker.engine._ended_ns - worker.engine._origin_ns) / 1e9
        due = [at for at in arrival_times(schedule_of(scenario.load), scenario.seed) if at <= ended_s]
        assert sessions(heard) == list(range(len(due)))

    uvloop.run(main())


def test_a_drain_ends_the_load_and_waits_for_what_is_in_flight(tmp_path: Path, slow_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(50, "60s"))

    async def main() -> None:
        worker = Worker(scenario, slow_server.url)
        await worker.start(soon(), ALL)
        await until(lambda: worker.engine._runner.in_flight >= 5, "some turns in flight")
        heard = await worker.drain()
        assert heard.outcomes().keys() == {"ok"}
        assert sessions(heard) == list(range(len(heard.records)))
        assert heard.aggregate.finished_workers == {"w1"}

    uvloop.run(main())


def test_a_drain_that_meets_a_report_under_way_loses_nothing(tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(7.3, "60s"))  # none in flight at 1 s, when the first report is due

    async def main() -> None:
        quick_server.stamps()
        worker = Worker(scenario, quick_server.url)
        await worker.start(soon(), ALL)
        # A report goes out in pieces, one a turn of the loop: look at every turn.
        while worker.engine._recorder._seq < 1:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert not worker.heard.records, "the first report is begun and not sent"
        heard = await worker.drain()
        assert heard.aggregate.missing_snapshots == 0
        assert heard.outcomes() == {"ok": len(quick_server.stamps())}

    uvloop.run(main())


def test_a_second_drain_cuts_the_first_one_short(tmp_path: Path, slow_server: ScriptedServer) -> None:
    scenario = scenario_of(tmp_path, load=open_load(50, "60s"))

    async def main() -> None:
        worker = Worker(scenario, slow_server.url)
        await worker.start(soon(), ALL)
        await until(lambda: worker.engine._runner.in_flight >= 5, "some turns in flight")
        draining = asyncio.create_task(worker.drain(60))
        await asyncio.sleep(0)
        await worker.drain(0)
        heard = await draining
        assert heard.outcomes()["cancelled"] >= 5
        counted = heard.aggregate.counted()
        assert counted.sent == counted.ok + counted.cancelled == len(heard.records)

    uvloop.run(main())
