"""Every fault through the real engine: the right outcome, nothing lost, nothing hangs, nothing left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, open_load, write_scenario
from tests.support.simulator_figures import at_rest, figures, received
from tests.support.waiting import wait_for
from tests.unit.engine.running import Heard, run_to_the_end, scenario_of

TURNS = 20
# Of a second: far above what an answer of the fast profile takes, far below what a test may.
PATIENCE = {"connect": "5s", "first_output": "400ms", "idle": "400ms", "total": "10s"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    # The engine under test asks for this model.
    with SimulatorProcess(model="scripted") as process:
        yield process


def load_it(folder: Path, simulator: SimulatorProcess, **parts: Any) -> Heard:
    """TURNS turns in a tenth of a second; that each was sent, counted once and let go of by the server."""
    before = received(simulator)
    scenario = scenario_of(folder, load=open_load(TURNS * 10, "100ms"), **parts)
    heard = uvloop.run(run_to_the_end(scenario, simulator.url))
    counted = heard.aggregate.counted()
    assert not heard.bugs
    assert counted.sent == counted.ok + counted.failed + counted.cancelled == TURNS
    assert len(heard.records) == TURNS
    assert sum(counted.failures.values()) == counted.failed
    assert received(simulator) - before == TURNS + counted.reconnects
    wait_for(lambda: at_rest(simulator), "an idle server")
    return heard


def struck(fault: str, *, stream: bool = True) -> dict[str, Any]:
    """Requests that are all struck by this fault."""
    return {"request": {"stream": stream, "extra_body": {"loadgen_fault": fault}}, "target": {"timeout": PATIENCE}}


@pytest.mark.parametrize(
    ("fault", "outcome", "told"),
    [
        ("429", "http_429", "429"),
        ("500", "http_5xx", "500"),
        ("503", "http_5xx", "503"),
        ("402", "http_4xx", "Insufficient Balance"),
        ("error_event", "stream_error", "simulated fault"),
        ("truncate", "truncated", "without a finish reason"),
        ("truncate:at=0", "truncated", "without a finish reason"),
        ("cut", "truncated", ""),
        ("reset", "truncated", ""),
        ("stall", "timeout", ""),
        ("slow_first_byte:seconds=20s", "timeout", ""),
        ("malformed", "invalid_response", "malformed chunk"),
    ],
)
def test_a_fault_fails_the_turn_as_what_it_is(
    fault: str, outcome: str, told: str, tmp_path: Path, simulator: SimulatorProcess
) -> None:
    heard = load_it(tmp_path, simulator, **struck(fault))
    assert heard.outcomes() == {outcome: TURNS}
    assert all(record["error"] and told in record["error"] for record in heard.records)
    assert heard.aggregate.counted().failures == {outcome: TURNS}


@pytest.mark.parametrize(
    ("fault", "ttft_s"),
    [
        ("stall:seconds=100ms", 0.0),
        ("slow_first_byte:seconds=100ms", 0.1),
        ("keepalive:count=4,seconds=120ms", 0.12),
    ],
)
def test_what_only_takes_time_is_ok_and_takes_it(
    fault: str, ttft_s: float, tmp_path: Path, simulator: SimulatorProcess
) -> None:
    heard = load_it(tmp_path, simulator, **struck(fault))
    assert heard.outcomes() == {"ok": TURNS}
    assert all(record["ttft_s"] >= ttft_s and record["e2e_s"] >= 0.1 for record in heard.records)
    assert all(record["chunks"] == record["output_tokens"] == 8 for record in heard.records)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("error_event", "http_5xx"),
        ("malformed", "invalid_response"),
        ("truncate", "invalid_response"),
        ("cut", "truncated"),
        ("reset", "truncated"),
        ("stall", "timeout"),
        ("keepalive:seconds=100ms", "ok"),
        ("stall:seconds=100ms", "ok"),
    ],
)
def test_replies_that_are_not_streamed_break_too(
    fault: str, outcome: str, tmp_path: Path, simulator: SimulatorProcess
) -> None:
    heard = load_it(tmp_path, simulator, **struck(fault, stream=False))
    assert heard.outcomes() == {outcome: TURNS}


def test_a_headers_fault_strikes_as_a_members_does(tmp_path: Path, simulator: SimulatorProcess) -> None:
    heard = load_it(tmp_path, simulator, target={"headers": {"X-Loadgen-Fault": "truncate"}})
    assert heard.outcomes() == {"truncated": TURNS}


def test_a_fault_that_nobody_knows_is_told_to_who_asks(tmp_path: Path, simulator: SimulatorProcess) -> None:
    heard = load_it(tmp_path, simulator, **struck("trunkate"))
    assert heard.outcomes() == {"http_4xx": TURNS}
    assert "Did you mean 'truncate'" in heard.records[0]["error"]


def test_a_retry_after_of_a_429_is_waited_for(tmp_path: Path) -> None:
    retry = {"attempts": 2}
    with SimulatorProcess(model="scripted", faults=["429:times=1,retry_after=1"]) as process:
        scenario = scenario_of(tmp_path, load=open_load(4, "250ms"), request={"retry": retry})
        heard = uvloop.run(run_to_the_end(scenario, process.url))
        assert received(process) == 2
    assert heard.outcomes() == {"ok": 1}
    assert heard.aggregate.counted().retries == 1
    assert heard.records[0]["e2e_s"] >= 1.0


def test_a_server_that_dies_costs_what_was_in_flight_and_what_came_after(tmp_path: Path) -> None:
    with SimulatorProcess(model="scripted", faults=["die:skip=10"]) as process:
        scenario = scenario_of(tmp_path, load=open_load(TURNS * 4, "250ms"), target={"timeout": PATIENCE})
        heard = uvloop.run(run_to_the_end(scenario, process.url))
    counted = heard.aggregate.counted()
    outcomes = heard.outcomes()
    assert counted.sent == len(heard.records) == sum(outcomes.values()) == TURNS
    assert set(outcomes) <= {"ok", "truncated", "connect"}
    assert outcomes["ok"] <= 10
    assert outcomes["truncated"] >= 1
    assert outcomes["connect"] >= 5


def test_an_engine_that_dies_answers_500_from_then_on(tmp_path: Path) -> None:
    with SimulatorProcess(model="scripted", dialect="vllm", faults=["engine_dead:skip=5,times=1"]) as process:
        heard = load_it(tmp_path, process)
        assert figures(process)["loadgen_simulator_faults_total"] == 1
    assert heard.outcomes() == {"ok": 5, "http_5xx": TURNS - 5}


def test_a_run_through_all_of_it_loses_nothing(run: Callable[..., Command], tmp_path: Path) -> None:
    names = [
        "429",
        "500",
        "503",
        "402",
        "error_event",
        "truncate",
        "cut",
        "reset",
        "malformed",
        "keepalive:seconds=50ms",
    ]
    faults = [f"{name}{',' if ':' in name else ':'}rate=0.04,skip=1" for name in [*names, "stall:seconds=50ms"]]
    load = open_load(200, "2s")
    with SimulatorProcess(model="scripted", faults=[*faults, "stall:rate=0.02,skip=1"]) as process:
        scenario = write_scenario(tmp_path, load=load, target={"timeout": PATIENCE}, calibrate="off")
        finished = run(scenario, "--target", process.url, "--workers", "2").wait()
        wait_for(lambda: at_rest(process), "an idle server")
        counted = figures(process)
    summary = finished.summary
    requests = summary["requests"]
    assert finished.completed
    assert requests["scheduled"] == requests["sent"] + summary["generator"]["dropped"] == 400
    assert requests["sent"] == requests["ok"] + requests["failed"] + requests["cancelled"] == len(finished.records)
    assert requests["failed"] == sum(requests["errors"].values())
    assert set(requests["errors"]) == {
        "http_429", "http_5xx", "http_4xx", "stream_error", "truncated", "invalid_response", "timeout"
    }  # fmt: skip
    # One more than the run's: the preflight's, which was spared.
    reconnects = sum(record["reconnects"] for record in finished.records)
    assert counted["loadgen_simulator_requests_total"] == len(finished.records) + 1 + reconnects
    assert counted["loadgen_simulator_faults_total"] >= requests["failed"]
