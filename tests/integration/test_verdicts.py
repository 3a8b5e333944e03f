"""Runs that end by their verdict: pass, fail, inconclusive, ended early, under loadgen and under plain Locust."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer, SimulatorProcess
from tests.support.command import Command, Finished, open_load, write_scenario

LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
# Maxima and shares that are whole are decided however busy the machine; what drifts with it may leave a quantile open.
HOLD = ["ttft max < 5s", "tpot max < 2s", "e2e max < 9s", "error_rate < 5%", "goodput > 90%"]
DRIFTING = ["ttft p90 < 5s", "e2e mean < 9s", "throughput.requests > 1"]


@pytest.fixture(scope="module")
def quick_server() -> Iterator[ScriptedServer]:
    """Answers in 30 ms."""
    with ScriptedServer(ttft_ms=20, interval_ms=5, chunks=3) as server:
        yield server


def outcomes(finished: Finished) -> dict[str, str]:
    return {slo["expression"]: slo["outcome"] for slo in finished.summary["verdict"]["slos"]}


def test_a_run_that_holds_passes(run: Callable[..., Command], tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = write_scenario(tmp_path, load=open_load(100, "4s"), slos=HOLD)
    finished = run(scenario, "--target", quick_server.url).wait()
    assert finished.ended_with(ExitCode.PASS), finished.output
    requests = finished.summary["requests"]
    good = sum(
        r["outcome"] == "ok" and r["ttft_s"] < 5 and r["tpot_s"] < 2 and r["e2e_s"] < 9 for r in finished.records
    )
    assert (requests["good"], requests["goodput"]) == (good, good / requests["scheduled"])
    if finished.code == ExitCode.PASS:
        assert set(outcomes(finished).values()) == {"pass"}
        assert "Verdict: pass" in finished.output
        assert "Exit code" not in finished.output
    # The load lasts as long as it was to, although its last arrival came, and was answered, before.
    throughput = finished.summary["throughput"]
    assert (throughput["window_s"], throughput["sessions_per_s"]) == (4.0, 100.0)
    steady = finished.summary["stages"][0]["steady"]
    assert steady["n"] == requests["ok"]


def test_a_run_that_does_not_hold_fails(
    run: Callable[..., Command], tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = write_scenario(
        tmp_path, load=open_load(100, "2s"), slos=["ttft max < 1ms", "error_rate < 20%", *DRIFTING]
    )
    finished = run(scenario, "--target", quick_server.url).wait()
    assert finished.ended_with(ExitCode.SLO_FAILED), finished.output
    if finished.code == ExitCode.SLO_FAILED:
        found = outcomes(finished)
        assert (found["ttft max < 1ms"], found["error_rate < 20%"]) == ("fail", "pass")
        assert {found[slo] for slo in DRIFTING} <= {"pass", "inconclusive"}
        assert finished.output.splitlines()[-1] == "Exit code 1: an SLO failed"


def test_a_run_that_is_too_short_is_inconclusive_and_says_how_much_is_missing(
    run: Callable[..., Command], tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(50, "2s"), slos=["ttft p99.9 < 5s"])
    finished = run(scenario, "--target", quick_server.url).wait()
    assert finished.ended_with(ExitCode.INCONCLUSIVE), finished.output
    (slo,) = finished.summary["verdict"]["slos"]
    assert slo["ci_high"] is None
    if finished.code == ExitCode.INCONCLUSIVE:
        # 3,688 independent turns have an upper bound of p99.9.
        assert slo["samples_needed"] > 3500
        assert "needs about" in finished.output
        assert "Exit code 3" in finished.output


def test_an_objective_that_ends_the_run_does(run: Callable[..., Command], tmp_path: Path) -> None:
    slos = ["ttft p50 < 5s", {"slo": "error_rate < 10%", "abort": True}]
    scenario = write_scenario(tmp_path, load=open_load(50, "60s"), slos=slos)
    with SimulatorProcess(faults=["500:rate=0.7"]) as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.ended_with(ExitCode.SLO_FAILED), finished.output
    summary = finished.summary
    # All that was sent is counted, and the measured window ends where the load did.
    assert summary["requests"]["sent"] == len(finished.records) < 1000
    assert summary["throughput"]["window_s"] < 20
    assert summary["verdict"]["notes"][0].startswith(
        "the load was ended early: error_rate < 10% had failed; known after"
    )
    assert "an SLO that ends the run has failed" in finished.output


def test_an_interrupted_run_is_judged_all_the_same(
    run: Callable[..., Command], tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(50, "60s"), slos=["ttft max < 1ms"])
    command = run(scenario, "--target", quick_server.url)
    command.await_records(100, timeout_s=40)
    command.signal(signal.SIGINT)
    finished = command.wait()
    assert finished.code == ExitCode.INTERRUPTED
    assert finished.summary["verdict"]["outcome"] in ("fail", "invalid")


@pytest.mark.parametrize(
    ("slo", "code"), [("ttft max < 1ms", ExitCode.SLO_FAILED), ("ttft p99.9 < 5s", ExitCode.INCONCLUSIVE)]
)
def test_plain_locust_exits_with_the_verdicts_code(
    tmp_path: Path, quick_server: ScriptedServer, slo: str, code: ExitCode
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(50, "2s"), slos=[slo])
    env = {"LOADGEN_SCENARIO": scenario, "LOADGEN_TARGET": quick_server.url, "LOADGEN_OUT": str(tmp_path / "l" / "run")}
    command = Command(tmp_path / "l", "-f", str(LOCUSTFILE), "--headless", "--only-summary", env=env, module="locust")
    try:
        finished = command.wait()
    finally:
        command.end()
    assert finished.ended_with(code), finished.output
