"""Ctrl-C and SIGTERM: what was measured is kept, what is in flight ends as it was asked to, nothing is left behind."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer, SimulatorProcess
from tests.support.command import Command, closed_load, write_scenario
from tests.support.recording_server import RecordingServer
from tests.support.waiting import wait_for

# A reply takes 1.2 s, so that there always is one in flight to be ended or cut off.
SLOW_REPLY = {"ttft_ms": 200.0, "interval_ms": 100.0, "chunks": 11}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_drains(run: Callable[..., Command], tmp_path: Path, number: signal.Signals) -> None:
    scenario = write_scenario(tmp_path, load=closed_load(4, "60s", grace="20s"))
    with ScriptedServer(**SLOW_REPLY) as server:  # type: ignore[arg-type]
        command = run(scenario, "--target", server.url)
        command.await_records(1)
        command.signal(number)
        finished = command.wait()
        answered = len(server.stamps()) - 1
    assert finished.code == ExitCode.INTERRUPTED
    requests = finished.summary["requests"]
    assert requests["cancelled"] == 0
    assert requests["ok"] == requests["sent"] == len(finished.records) == answered
    assert any("interrupted" in note for note in finished.summary["run"]["notes"])


def test_twice_cuts_off(run: Callable[..., Command], tmp_path: Path) -> None:
    # Replies of 80 s and more: nothing can end by itself.
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": 20, "output_tokens": 5000}
    scenario = write_scenario(tmp_path, workloads=[chat], load=closed_load(4, "60s", grace="60s"))
    with SimulatorProcess(profile="default") as server:
        command = run(scenario, "--target", server.url)
        command.await_output("4 in flight")
        command.signal(signal.SIGINT)
        command.await_output("again to cut off")
        started = time.monotonic()
        command.signal(signal.SIGINT)
        finished = command.wait()
    assert time.monotonic() - started < 10
    assert finished.code == ExitCode.INTERRUPTED
    requests = finished.summary["requests"]
    assert (requests["sent"], requests["cancelled"], requests["ok"]) == (4, 4, 0)
    assert requests["censored"] == {"ttft": 0, "e2e": 4}
    for record in finished.records:
        assert record["outcome"] == "cancelled"
        assert record["ttft_s"] is not None
        assert record["chunks"] >= 1
    # What they had already shown counts; when they would have ended is not known.
    assert finished.summary["latency"]["ttft_s"]["n"] == 4
    assert finished.summary["latency"]["e2e_s"] is None


def test_during_the_preflight_it_ends_at_once(run: Callable[..., Command], tmp_path: Path) -> None:
    with RecordingServer(holds=True) as server:
        command = run(write_scenario(tmp_path, load=closed_load(1, "5s")), "--target", server.url)
        wait_for(lambda: server.requests, "the preflight's request")
        command.signal(signal.SIGINT)
        finished = command.wait(timeout_s=10)
    assert finished.code == ExitCode.INTERRUPTED
    assert not finished.run.exists()
