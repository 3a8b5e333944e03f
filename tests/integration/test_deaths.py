"""Whatever dies first: the figures say so, and no process is left behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, Finished, open_load, read_records, write_scenario
from tests.support.recording_server import RecordingServer
from tests.support.waiting import wait_for

RATE = 40


def test_worker_and_target_die(run: Callable[..., Command], tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    """Two runs side by side, for both are long and mostly wait."""
    scenario = write_scenario(tmp_path, load=open_load(RATE, "12s"))
    command = run(scenario, "--target", fast_simulator.url, "--workers", "2")
    long = write_scenario(tmp_path, name="long", load=open_load(20, "120s"))
    with SimulatorProcess() as doomed:
        deserted = run(long, "--target", doomed.url)
        command.await_records(RATE)
        victim = command.pids("worker")[0]
        died_at_s = max(record["end_s"] for record in read_records(command.run))
        os.kill(victim, signal.SIGKILL)
        deserted.await_records(20)
        os.kill(doomed.pid, signal.SIGKILL)
        _assert_taken_over(command.wait(), victim, died_at_s)
        _assert_target_lost(deserted.wait())


def _assert_taken_over(finished: Finished, victim: int, died_at_s: float) -> None:
    summary = finished.summary
    assert finished.completed, finished.output
    assert len(summary["run"]["workers_lost"]) == 1
    assert any("lost" in note for note in summary["run"]["notes"])
    assert f"(process {victim}) ended with signal SIGKILL" in finished.output
    # Noticed after 3 to 4 s and rebalanced; from then on every arrival is somebody's again.
    later = sorted(int(record["session"]) for record in finished.records if record["intended_s"] >= died_at_s + 7)
    assert later == list(range(later[0], 12 * RATE))
    keys = [(record["session"], record["turn"]) for record in finished.records]
    assert len(set(keys)) == len(keys)


def _assert_target_lost(finished: Finished) -> None:
    assert finished.code == ExitCode.TARGET_UNREACHABLE
    # Long before the two minutes are over, and not before ten seconds of failures.
    assert 10 < finished.summary["run"]["duration_s"] < 60
    requests = finished.summary["requests"]
    assert requests["errors"]["connect"] >= 9 * 20
    assert requests["sent"] == requests["ok"] + requests["failed"] + requests["cancelled"]
    assert any("the target was lost" in note for note in finished.summary["run"]["notes"])


def test_without_workers_the_run_ends_and_is_no_pass(
    run: Callable[..., Command], tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(RATE, "60s"))
    command = run(scenario, "--target", fast_simulator.url, "--workers", "2")
    command.await_records(RATE)
    for pid in command.pids("worker"):
        os.kill(pid, signal.SIGKILL)
    finished = command.wait()
    assert finished.code not in (ExitCode.PASS, ExitCode.TARGET_UNREACHABLE)
    assert len(finished.summary["run"]["workers_lost"]) == 2
    # The report was written with what had come in by then.
    assert finished.summary["requests"]["sent"] == len(finished.records) >= RATE


def test_a_dead_master_ends_the_run(run: Callable[..., Command], tmp_path: Path) -> None:
    command = run(write_scenario(tmp_path, load=open_load(RATE, "60s")), "--workers", "2")
    command.await_records(1)
    (master,) = command.pids("master")
    os.kill(master, signal.SIGKILL)
    finished = command.wait(timeout_s=15)
    assert finished.code == ExitCode.BUG
    assert "the master ended with signal SIGKILL" in finished.output
    # Every report that had arrived is in the records, and they can be read.
    assert read_records(command.run)


def test_a_dead_supervisor_takes_all_with_it(run: Callable[..., Command], tmp_path: Path) -> None:
    command = run(write_scenario(tmp_path, load=open_load(RATE, "60s")), "--workers", "2")
    command.await_records(1)
    assert len(command.living()) == 5  # with master, two workers and the simulator
    command.signal(signal.SIGKILL)
    finished = command.wait(timeout_s=15)
    assert finished.code == -signal.SIGKILL
    # The master was told to end, so it left its report.
    assert any("interrupted" in note for note in finished.summary["run"]["notes"])


def test_a_dead_supervisor_takes_all_with_it_while_the_target_is_asked(
    run: Callable[..., Command], tmp_path: Path
) -> None:
    with RecordingServer(holds=True) as server:
        command = run(write_scenario(tmp_path, load=open_load(RATE, "60s")), "--target", server.url)
        wait_for(lambda: server.requests, "the preflight's request")
        command.signal(signal.SIGKILL)
        command.wait(timeout_s=15)
