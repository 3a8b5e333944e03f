"""Engines as a worker runs them, on a loop of this process, and what they report."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadgen.arrivals import schedule_of
from loadgen.engine.engine import Engine, run_plan
from loadgen.engine.order import DrainOrder, RunOrder, StartOrder
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.snapshot import decode
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import Scenario, scenario_to_json
from tests.support.command import write_scenario

RUN_ID = "run-1"
PERMITS = 12


class Heard:
    """An Outlet: everything an engine has reported, added up as the master does."""

    def __init__(self, scenario: Scenario) -> None:
        self.aggregate = Aggregate(run_plan(RUN_ID, scenario))
        self.records: list[dict[str, Any]] = []
        self.bugs: list[BaseException] = []
        self.done = asyncio.Event()

    def snapshot(self, encoded: bytes) -> None:
        """See Outlet."""
        report = decode(encoded)
        assert self.aggregate.apply(report)
        if report.records:
            self.records += [json.loads(line) for line in gzip.decompress(report.records).splitlines()]

    def exhausted(self) -> None:
        """See Outlet."""
        self.done.set()

    def bug(self, error: BaseException) -> None:
        """See Outlet."""
        self.bugs.append(error)
        self.done.set()

    def outcomes(self) -> dict[str, int]:
        """How many turns ended in which outcome."""
        found: dict[str, int] = {}
        for record in self.records:
            found[record["outcome"]] = found.get(record["outcome"], 0) + 1
        return found


class Worker:
    """One engine and what it has said. `start` and `drain` as a master would order them."""

    def __init__(self, scenario: Scenario, url: str, name: str = "w1") -> None:
        self.heard = Heard(scenario)
        self.engine = Engine(RunOrder(RUN_ID, scenario_to_json(scenario)), name, self.heard)
        self._url = url

    async def start(
        self,
        start_unix_ns: int,
        permits: tuple[int, ...],
        *,
        permit_count: int = PERMITS,
        epoch: int = 0,
        from_s: float = 0.0,
    ) -> None:
        """Begin with these permits."""
        order = StartOrder(RUN_ID, self._url, "scripted", start_unix_ns, permits, permit_count, epoch, from_s)
        await self.engine.start(order)

    async def drain(self, grace_s: float = 10.0) -> Heard:
        """End it; what it has reported."""
        await self.engine.drain(DrainOrder(RUN_ID, grace_s))
        return self.heard


def scenario_of(folder: Path, **parts: Any) -> Scenario:
    """A scenario as a file would give it."""
    return load_scenario(write_scenario(folder, **parts)).scenario


def soon() -> int:
    """A start, in Unix ns, that leaves the engine the time it is given by the master."""
    return time.time_ns() + 100_000_000


async def run_to_the_end(scenario: Scenario, url: str, permits: tuple[int, ...] = tuple(range(PERMITS))) -> Heard:
    """Run one engine until it has nothing left to do."""
    worker = Worker(scenario, url)
    count = round(schedule_of(scenario.load).peak_level) if scenario.load.arrivals == "closed" else PERMITS
    await worker.start(soon(), permits, permit_count=max(count, len(permits)))
    await asyncio.wait_for(worker.heard.done.wait(), 30)
    return await worker.drain()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait on the loop until this holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)
