"""Workers of `loadgen master` come late, leave, are refused, can't do what is asked: told in words, and counted."""

import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen import __version__
from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, closed_load, open_load, read_records, write_scenario
from tests.support.ports import free_port
from tests.support.waiting import wait_for

RATE = 40
Start = Callable[..., Command]


@pytest.fixture
def address() -> str:
    """Where the test's master listens."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def master(start: Start, address: str, fast_simulator: SimulatorProcess) -> Callable[..., Command]:
    """Starts `loadgen master SCENARIO OPTIONS` on the simulator."""

    def make(scenario: str, *options: str) -> Command:
        return start("master", scenario, "--target", fast_simulator.url, "--bind", address, "--out", "run", *options)

    return make


def test_a_worker_may_be_there_before_its_master(
    start: Start, master: Callable[..., Command], address: str, tmp_path: Path
) -> None:
    worker = start("worker", "--master", address)
    worker.await_output(f"no master at {address} yet; looking for it for 5m")
    scenario = write_scenario(tmp_path, load=open_load(RATE, "1s"), calibrate="off")
    finished = master(scenario).wait()
    assert finished.completed, finished.output
    assert len(finished.records) == RATE
    assert worker.wait().code == 0


def test_a_worker_without_a_master_says_so(start: Start, address: str) -> None:
    finished = start("worker", "--master", address, "--wait", "2s").wait(timeout_s=15)
    assert finished.code == ExitCode.BAD_INPUT
    assert f"error: no master answers at {address}; start `loadgen master` there" in finished.output
    assert "Traceback" not in finished.output


def test_a_worker_that_still_looks_for_its_master_can_be_interrupted(start: Start, address: str) -> None:
    worker = start("worker", "--master", address)
    worker.await_output("no master")
    worker.signal(signal.SIGINT)
    finished = worker.wait(timeout_s=10)
    assert finished.code == ExitCode.INTERRUPTED
    assert "Traceback" not in finished.output


def test_another_version_is_refused_and_both_sides_say_so(
    master: Callable[..., Command], start: Start, address: str, tmp_path: Path
) -> None:
    command = master(write_scenario(tmp_path, load=open_load(RATE, "1s"), calibrate="off"))
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "older_loadgen.py").write_text(
        "import sys\nimport loadgen\nloadgen.__version__ = '0.0.1'\nfrom loadgen.cli import main\nmain()\n"
    )
    env = {"PYTHONPATH": str(tmp_path / "older")}
    older = Command(tmp_path / "older", "worker", "--master", address, env=env, module="older_loadgen")
    refused = older.wait()
    assert refused.code == ExitCode.BAD_INPUT
    assert f"refuses this worker: this is loadgen 0.0.1, and the master's is {__version__}" in refused.output
    start("worker", "--master", address)
    finished = command.wait()
    assert f"runs loadgen 0.0.1, not {__version__}: it gets no work" in finished.output
    assert finished.completed, finished.output
    assert finished.summary["run"]["workers"] == 1


def test_a_worker_that_lacks_the_recording_ends_the_run_and_is_named(
    master: Callable[..., Command], start: Start, address: str, tmp_path: Path
) -> None:
    recording = tmp_path / "here.jsonl"
    recording.write_text("{}\n")
    replay = {"name": "agents", "kind": "replay", "format": "agentic", "path": str(recording)}
    command = master(write_scenario(tmp_path, workloads=[replay], load=closed_load(1, "1s"), calibrate="off"))
    # Its folder is made once the scenario is read: what the master could see, the worker can't.
    wait_for(command.run.exists, "the master")
    recording.unlink()
    start("worker", "--master", address)
    finished = command.wait()
    assert finished.code == ExitCode.BAD_INPUT, finished.output
    assert re.search(r"error: .*here\.jsonl.*\(on worker ", finished.output)
    assert "Traceback" not in finished.output


def test_a_worker_that_joins_takes_its_share_and_one_that_leaves_hands_it_over(
    master: Callable[..., Command], start: Start, address: str, tmp_path: Path
) -> None:
    command = master(write_scenario(tmp_path, load=open_load(RATE, "9s"), calibrate="off"))
    first = start("worker", "--master", address)
    command.await_records(RATE // 2)
    second = start("worker", "--master", address)
    wait_for(lambda: len({record["worker"] for record in read_records(command.run)}) == 2, "turns of both workers")
    first.signal(signal.SIGTERM)
    left = first.wait(timeout_s=15)
    assert left.code == 0
    finished = command.wait()
    assert second.wait().code == 0
    # The plan to its last arrival: nothing left out, nothing played twice, nothing cut off.
    assert sorted(int(record["session"]) for record in finished.records) == list(range(9 * RATE))
    run = finished.summary["run"]
    assert run["workers"] == 2
    assert run["workers_lost"] == run["losses"] == []
    assert finished.summary["requests"]["cancelled"] == 0
    for said in ("joined at", "left at"):
        assert any(said in note for note in run["notes"])
        assert said in finished.output
    assert finished.completed, finished.output


def test_a_dead_workers_loss_is_stated_in_arrivals_of_the_plan(
    run: Start, tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(RATE, "10s"), calibrate="off")
    command = run(scenario, "--target", fast_simulator.url, "--workers", "2")
    command.await_records(RATE)
    os.kill(command.pids("worker")[0], signal.SIGKILL)
    finished = command.wait()
    (loss,) = finished.summary["run"]["losses"]
    assert loss["worker"] == finished.summary["run"]["workers_lost"][0]
    assert not loss["returned"]
    assert 3 < loss["to_s"] - loss["from_s"] < 8
    played = {int(record["session"]) for record in finished.records}
    missing = sorted(set(range(10 * RATE)) - played)
    # Just those arrivals are not in the records, and what was under way when it was last heard of.
    late = [number for number in missing if number / RATE >= loss["from_s"]]
    assert len(late) == loss["arrivals"]
    assert len(missing) - len(late) == pytest.approx(loss["sessions"], abs=2)
    assert missing[-1] / RATE < loss["to_s"]
    assert any(f"{loss['arrivals']} arrivals of the plan" in note for note in finished.summary["run"]["notes"])


def test_the_web_ui_shows_a_run_that_starts_by_itself(
    run: Start, tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    port = free_port()
    scenario = write_scenario(tmp_path, load=closed_load(2, "60s"), calibrate="off")
    command = run(scenario, "--target", fast_simulator.url, "--workers", "1", "--web-port", str(port))
    command.await_output(f"web UI: http://127.0.0.1:{port}")
    command.await_records(3)

    def stats() -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats/requests", timeout=10) as reply:
            read: dict[str, Any] = json.loads(reply.read())
            return read

    shown = wait_for(lambda: (now := stats())["stats"][-1]["num_requests"] and now, "requests in the UI")
    assert shown["state"] == "running"
    assert shown["user_count"] == 2
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert b"<html" in page.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stop", data=b"", timeout=30) as reply:
        assert json.loads(reply.read())["success"]
    finished = command.wait()
    assert finished.completed, finished.output
    assert finished.summary["requests"]["sent"] == len(finished.records)


def test_a_web_port_in_use_is_bad_input(run: Start, tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    taken = fast_simulator.url.rpartition(":")[2].partition("/")[0]
    scenario = write_scenario(tmp_path, load=closed_load(1, "1s"))
    finished = run(scenario, "--target", fast_simulator.url, "--web-port", taken).wait()
    assert finished.code == ExitCode.BAD_INPUT
    assert f"no web UI on port {taken}" in finished.output
    assert not finished.run.exists()
