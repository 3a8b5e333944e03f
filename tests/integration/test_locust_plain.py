"""Plain Locust on our locustfile: its command line and its web UI mean what they say, and every start is a new run."""

import json
import signal
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer, SimulatorProcess
from tests.support.command import Command, Finished, closed_load, open_load, read_records, write_scenario
from tests.support.ports import free_port
from tests.support.waiting import wait_for

LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
# A slow reply would leave turns in flight at every stop.
QUICK_REPLY = {"ttft_ms": 20.0, "interval_ms": 5.0, "chunks": 5}
Locust = Callable[..., Command]


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Locust]:
    """Starts `locust -f locustfile.py OPTIONS` for a scenario and a target."""
    commands: list[Command] = []

    def start(scenario: str, target: str, *options: str, **more: Any) -> Command:
        folder = tmp_path / f"locust-{len(commands)}"
        env = {"LOADGEN_SCENARIO": scenario, "LOADGEN_TARGET": target, "LOADGEN_OUT": str(folder / "run")}
        arguments = ("-f", str(LOCUSTFILE), "--only-summary", *options)
        commands.append(Command(folder, *arguments, env=env | more.get("env", {}), module="locust"))
        return commands[-1]

    try:
        yield start
    finally:
        for command in commands:
            command.end()


@pytest.fixture
def quick_server() -> Iterator[ScriptedServer]:
    """Answers in 40 ms."""
    with ScriptedServer(**QUICK_REPLY) as server:  # type: ignore[arg-type]
        yield server


class Ui:
    """Locust's web UI as a browser uses it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> dict[str, Any]:
        """A JSON document; empty where nobody listens yet."""
        try:
            with urllib.request.urlopen(self._url + path, timeout=30) as reply:
                read: dict[str, Any] = json.loads(reply.read())
                return read
        except (ConnectionError, urllib.error.URLError):
            return {}

    def post(self, path: str, **form: object) -> dict[str, Any]:
        """What the UI's buttons send."""
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self._url + path, data=body, timeout=30) as reply:
            read: dict[str, Any] = json.loads(reply.read())
            return read

    def await_state(self, *states: str) -> dict[str, Any]:
        """The statistics, once Locust is in one of these states."""
        seen: list[dict[str, Any]] = []

        def there() -> bool:
            seen.append(self.get("/stats/requests"))
            return seen[-1].get("state") in states

        wait_for(there, f"state {states}", 30)
        return seen[-1]


def in_flight_at(records: list[dict[str, Any]], at_s: float) -> int:
    """Turns sent and not ended at this time."""
    return sum(record["send_s"] <= at_s < record["end_s"] for record in records)


def test_headless_it_runs_the_scenario_to_its_end(locust: Locust, tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "1s"), calibrate="off")
    finished = locust(scenario, quick_server.url, "--headless").wait()
    assert finished.completed, finished.output
    assert finished.summary["requests"]["sent"] == len(finished.records) == 20
    assert finished.summary["run"]["workers"] == 1


def test_users_are_concurrent_sessions_whatever_the_scenario_says(
    locust: Locust, tmp_path: Path, quick_server: ScriptedServer
) -> None:
    scenario = write_scenario(tmp_path, load=closed_load(2, "1s"), calibrate="off")
    finished = locust(scenario, quick_server.url, "--headless", "-u", "5", "-r", "5").wait()
    assert finished.completed, finished.output
    assert {record["session"].partition(".")[0] for record in finished.records} == set("01234")


def test_a_spawn_rate_adds_users_one_by_one(locust: Locust, tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = write_scenario(tmp_path, load=closed_load(4, "4s"), calibrate="off")
    finished = locust(scenario, quick_server.url, "--headless", "-u", "4", "-r", "1").wait()
    first = {
        permit: min(r["intended_s"] for r in finished.records if r["session"].startswith(f"{permit}."))
        for permit in range(4)
    }
    # Those spawned while the target was asked start with the load; the others a second apart.
    assert first[0] < 0.5
    assert 0.5 < first[3] - first[2] < 2.0


def test_a_run_time_ends_it_early(locust: Locust, tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "60s"), calibrate="off")
    finished = locust(scenario, quick_server.url, "--headless", "-t", "2s").wait()
    assert finished.completed, finished.output
    assert any("stopped by Locust" in note for note in finished.summary["run"]["notes"])
    assert 0 < finished.summary["requests"]["sent"] == len(finished.records) < 100
    assert finished.summary["requests"]["cancelled"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_the_report_and_says_so(
    locust: Locust, tmp_path: Path, quick_server: ScriptedServer, number: signal.Signals
) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "60s"), calibrate="off")
    command = locust(scenario, quick_server.url, "--headless")
    command.await_records(10)
    command.signal(number)
    finished = command.wait()
    assert finished.code == ExitCode.INTERRUPTED, finished.output
    assert finished.summary["requests"]["sent"] == len(finished.records) >= 10
    assert "Traceback" not in finished.output


def test_a_failed_preflight_is_told_and_is_the_exit_code(locust: Locust, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "60s"))
    finished = locust(scenario, f"http://127.0.0.1:{free_port()}/v1", "--headless").wait()
    assert finished.code == ExitCode.TARGET_UNREACHABLE, finished.output
    assert "error: no connection to" in finished.output
    assert "Traceback" not in finished.output
    assert not finished.run.exists()


def test_a_wrong_scenario_is_told_without_a_traceback(locust: Locust, tmp_path: Path) -> None:
    finished = locust("no-such-scenario", "http://127.0.0.1:1/v1", "--headless").wait()
    assert finished.code == ExitCode.BAD_INPUT
    assert "no-such-scenario" in finished.output
    assert "Traceback" not in finished.output


def test_in_the_ui_every_start_is_a_run_of_its_own(
    locust: Locust, tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    port = free_port()
    scenario = write_scenario(tmp_path, load=closed_load(2, "60s"), calibrate="off")
    command = locust(scenario, fast_simulator.url, "--web-port", str(port), "--web-host", "127.0.0.1")
    ui = Ui(port)
    assert ui.await_state("ready")["user_count"] == 0

    ui.post("/swarm", user_count=2, spawn_rate=2)
    command.await_records(4)
    shown = ui.await_state("running")
    assert shown["user_count"] == 2
    assert wait_for(lambda: ui.get("/stats/requests")["stats"][-1]["num_requests"], "requests in the UI")
    ui.post("/swarm", user_count=6, spawn_rate=6)
    wait_for(
        lambda: len({r["session"].partition(".")[0] for r in read_records(command.run)}) == 6, "sessions of six users"
    )
    ui.post("/swarm", user_count=1, spawn_rate=6)
    wait_for(lambda: ui.get("/stats/requests")["user_count"] == 1, "one user left")
    assert ui.post("/stop")["success"]
    first = finished_run(command.run)
    ui.await_state("stopped")

    second_folder = command.run.with_name("run-2")
    ui.post("/swarm", user_count=3, spawn_rate=3)
    wait_for(lambda: len(read_records(second_folder)) > 3, "records of the second run")
    ui.await_state("running")
    counted = ui.get("/stats/requests")["stats"][-1]["num_requests"]
    ui.post("/stop")
    second = finished_run(second_folder)
    assert counted <= second["requests"]["sent"]  # Locust's own statistics began anew too
    assert first["run"]["id"] != second["run"]["id"]
    for run, summary in ((command.run, first), (second_folder, second)):
        records = read_records(run)
        assert {record["run"] for record in records} == {summary["run"]["id"]}
        assert len(records) == summary["requests"]["sent"]
        assert any("stopped by Locust" in note for note in summary["run"]["notes"])
    command.signal(signal.SIGTERM)
    assert command.wait().code == ExitCode.PASS


def finished_run(folder: Path) -> dict[str, Any]:
    """The summary of a run in this folder, once it is written."""
    wait_for((folder / "summary.json").exists, f"a summary in {folder}")
    return Finished(0, "", folder).summary


def test_master_and_workers_of_plain_locust(locust: Locust, tmp_path: Path, quick_server: ScriptedServer) -> None:
    port = str(free_port())
    scenario = write_scenario(tmp_path, load=open_load(20, "2s"), calibrate="off")
    workers = [locust(scenario, quick_server.url, "--worker", "--master-port", port) for _ in range(2)]
    master = locust(
        scenario, quick_server.url, "--headless", "--master", "--expect-workers", "2",
        "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
    )  # fmt: skip
    finished = master.wait()
    for worker in workers:
        assert worker.wait().code == 0
    assert finished.completed, finished.output
    assert finished.summary["run"]["workers"] == 2
    assert len({record["worker"] for record in finished.records}) == 2
    assert finished.summary["requests"]["sent"] == len(finished.records) == 40


def test_processes_of_plain_locust(locust: Locust, tmp_path: Path, quick_server: ScriptedServer) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "2s"), calibrate="off")
    finished = locust(scenario, quick_server.url, "--headless", "--processes", "2").wait()
    assert finished.completed, finished.output
    assert "Traceback" not in finished.output
    assert finished.summary["run"]["workers"] == 2
    assert finished.summary["requests"]["sent"] == len(finished.records) == 40
