"""The certificate of real runs: a starved generator is `invalid`, a slow server is not."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer
from tests.support.command import Command, open_load, write_scenario


def test_a_generator_that_is_stopped_again_and_again_is_invalid(
    run: Callable[..., Command], tmp_path: Path, scripted_server: ScriptedServer
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(50, "3s"), slos=["ttft p50 < 9s", "e2e p50 < 1ms"])
    command = run(scenario, "--target", scripted_server.url)
    command.await_records(1)
    (worker,) = command.pids("worker")
    over = threading.Event()

    def starve() -> None:
        # 0.15 s of nothing in each quarter second: what a machine with too little left for us does.
        while not over.wait(0.1):
            os.kill(worker, signal.SIGSTOP)
            over.wait(0.15)
            os.kill(worker, signal.SIGCONT)

    starving = threading.Thread(target=starve)
    starving.start()
    try:
        command.await_records(100)
    finally:
        over.set()
        starving.join()
    finished = command.wait()
    assert finished.code == ExitCode.INVALID_RUN
    generator = finished.summary["generator"]
    assert not generator["valid"]
    assert any("schedule lag p99" in reason for reason in generator["reasons"])
    assert any("loop lag p99" in reason for reason in generator["reasons"])
    verdict = finished.summary["verdict"]
    assert verdict["outcome"] == "invalid"
    # Neither the one that would hold nor the one that would not: these figures are not the target's alone.
    assert [slo["outcome"] for slo in verdict["slos"]] == ["not_judged", "not_judged"]
    assert "Exit code 4: an invalid run" in finished.output
    assert "invalid" in finished.output.lower()
    # Late is not lost: every arrival was still sent, and its latency counts from when it was due.
    assert finished.summary["requests"]["sent"] == 150


def test_a_slow_server_is_valid(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "2s", grace="20s"))
    with ScriptedServer(ttft_ms=1500, interval_ms=150, chunks=5, coalesce=2) as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.ended_with(ExitCode.PASS), finished.output
    generator = finished.summary["generator"]
    # A busy machine may keep the loop waiting; that turns take long is no reason.
    assert generator["valid"] or generator["loop_lag_s"]["p99"] > 0.02, generator["reasons"]
    assert not [reason for reason in generator["reasons"] if "schedule lag" in reason]
    # The slowness is all the server's.
    assert finished.summary["latency"]["ttft_s"]["p50"] > 1.5
    assert generator["schedule_lag_s"]["p50"] < 0.01
