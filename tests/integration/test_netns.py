"""Workers on machines of their own, as far as the network can tell: one is cut off for some seconds and comes back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command, open_load, read_records, write_scenario
from tests.support.namespaces import HUB_ADDRESS, Network, inside, why_not
from tests.support.waiting import wait_for

RATE = 40
DURATION_S = 18
# Longer than a master waits for heartbeats (4 to 5 s). TCP sends again 0.2, 0.6, 1.4, 3 and 6.2 s after what was lost.
CUT_S = 6.0


@pytest.fixture
def network() -> Iterator[Network]:
    """A hub and two hosts."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Network(2) as made:
        yield made


def test_a_worker_that_is_cut_off_comes_back_and_its_loss_is_stated(network: Network, tmp_path: Path) -> None:
    hub, url = inside(network.hub), f"http://{HUB_ADDRESS}:8000/v1"
    load = open_load(RATE, f"{DURATION_S}s")
    scenario = write_scenario(tmp_path, load=load, calibrate="off")
    master_at = f"{HUB_ADDRESS}:5557"
    commands = []

    def start(folder: str, *arguments: str, where: tuple[str, ...]) -> Command:
        commands.append(Command(tmp_path / folder, *arguments, inside=where))
        return commands[-1]

    try:
        simulator = start("sim", "simulate", "--host", HUB_ADDRESS, "--port", "8000", "--profile", "fast", where=hub)
        simulator.await_output("simulator")
        asked = ("--target", url, "--bind", master_at, "--workers", "2", "--out", "run")
        master = start("master", "master", scenario, *asked, where=hub)
        workers = [
            start(f"worker-{number}", "worker", "--master", master_at, where=inside(network.host(number)))
            for number in (1, 2)
        ]
        wait_for(lambda: len({record["worker"] for record in read_records(master.run)}) == 2, "turns of both workers")
        network.pull(1)
        pulled_at = time.monotonic()
        wait_for(lambda: time.monotonic() - pulled_at >= CUT_S, "the time that the cable is out")
        network.plug(1)
        finished = master.wait()
        assert [worker.wait().code for worker in workers] == [0, 0]
    finally:
        for command in commands:
            command.end()
    assert finished.completed, finished.output
    run, records = finished.summary["run"], finished.records
    # It is back: nothing it measured is missing, and nothing counts twice.
    assert (run["workers"], run["workers_lost"], run["snapshots_missing"]) == (2, [], 0)
    assert finished.summary["requests"]["sent"] == len(records)
    numbers = [int(record["session"]) for record in records]
    assert len(set(numbers)) == len(numbers)
    # While it was away the other one took over; what neither played is stated, to the arrival.
    (loss,) = run["losses"]
    assert loss["returned"]
    missing = sorted(set(range(RATE * DURATION_S)) - set(numbers))
    assert len(missing) == loss["arrivals"] > 0
    assert loss["from_s"] <= missing[0] / RATE
    assert missing[-1] / RATE < loss["to_s"]
    assert loss["to_s"] - loss["from_s"] < CUT_S
    last = [record for record in records if record["intended_s"] > DURATION_S - 2]
    assert {record["worker"] for record in last} == {record["worker"] for record in records}
