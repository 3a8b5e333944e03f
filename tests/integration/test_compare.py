"""`loadgen compare` on real runs: a server that is really slower, and one that is the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from tests.integration.conftest import Start
from tests.support.command import Command, closed_load, write_scenario

LATENCIES = "ttft.p50,itl.p50,tpot.p50"
# Three runs one after the other, each with its server and processes: 15 s, and far longer where others have the cores.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def measure(start: Start, tmp_path: Path) -> Callable[[str], Path]:
    """Measures a profile of the simulator, freshly started: no run finds another's prefixes in its cache."""
    # Long enough that a busy machine's bad moments are a small part, and do not hide a doubled latency.
    scenario = write_scenario(tmp_path, load=closed_load(6, "6s"))

    def measured(profile: str) -> Path:
        with SimulatorProcess(profile=profile) as server:
            command: Command = start("run", scenario, "--target", server.url, "--out", "run")
            finished = command.wait()
            assert finished.completed, finished.output
        return finished.run

    return measured


def test_a_slower_server_is_a_regression_and_the_same_one_is_none(measure: Callable[[str], Path], start: Start) -> None:
    baseline, same, slower = measure("h100"), measure("h100"), measure("default")
    # Whether a shared machine lets a generator be valid is not what is asked here.
    options = ("--metrics", LATENCIES, "--force")
    found = start("compare", str(baseline), str(slower), *options).wait()
    assert found.code == ExitCode.SLO_FAILED, found.output
    assert "REGRESSION" in found.output
    # Noise of a busy machine is more than the usual 2 %.
    noisy = ("--run-noise", "30%", "--format", "json")
    found = start("compare", str(baseline), str(same), *options, *noisy).wait()
    assert found.code in (ExitCode.PASS, ExitCode.INCONCLUSIVE), found.output
    told = json.loads(found.output)
    assert told["unit"] in ("session", "session_pair")
    assert {metric["outcome"] for metric in told["metrics"]} & {"cannot_tell", "not_worse", "no_change"}


def test_other_loads_are_refused(start: Start, measure: Callable[[str], Path], tmp_path: Path) -> None:
    baseline = measure("fast")
    other = write_scenario(tmp_path, "other", load=closed_load(4, "1s"))
    with SimulatorProcess(profile="fast") as server:
        finished = start("run", other, "--target", server.url, "--out", "run").wait()
    found = start("compare", str(baseline), str(finished.run)).wait()
    assert found.code == ExitCode.BAD_INPUT
    assert "load.stages.0.users: 6 against 4" in found.output
