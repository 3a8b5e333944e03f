"""Before the load: what stops a run, how fast and with which words; and what does not stop it."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, Finished, open_load, write_scenario
from tests.support.recording_server import RecordingServer

KEY = "sk-test-5f3c0a7be1"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _assert_refused(finished: Finished, *texts: str) -> None:
    assert finished.code == ExitCode.BAD_INPUT
    for text in texts:
        assert text in finished.output
    assert "Traceback" not in finished.output
    # Nothing was measured, so nothing is left that looks like a result.
    assert not finished.run.exists()


def test_nobody_listening(run: Callable[..., Command], tmp_path: Path) -> None:
    target = f"http://127.0.0.1:{_free_port()}"
    finished = run(write_scenario(tmp_path, load=open_load(5, "60s")), "--target", target).wait(timeout_s=15)
    assert finished.code == ExitCode.TARGET_UNREACHABLE
    assert f"no connection to {target}/v1" in finished.output
    assert "Traceback" not in finished.output
    assert not finished.run.exists()


def test_a_missing_and_a_wrong_key_name_their_variable(run: Callable[..., Command], tmp_path: Path) -> None:
    os.environ["LG_SERVED_KEY"] = KEY
    try:
        with SimulatorProcess(api_key_env="LG_SERVED_KEY") as server:
            scenario = write_scenario(
                tmp_path, target={"base_url": server.url, "api_key_env": "LG_MY_KEY"}, load=open_load(5, "60s")
            )
            missing = run(scenario)
            wrong = run(scenario, env={"LG_MY_KEY": "sk-wrong"})
            _assert_refused(missing.wait(), "401", "LG_MY_KEY is not set")
            refused = wrong.wait()
            _assert_refused(refused, "401", "LG_MY_KEY is refused")
            assert "sk-wrong" not in refused.output
    finally:
        del os.environ["LG_SERVED_KEY"]


def test_a_key_works_and_is_never_written(run: Callable[..., Command], tmp_path: Path) -> None:
    os.environ["LG_SERVED_KEY"] = KEY
    try:
        with SimulatorProcess(api_key_env="LG_SERVED_KEY") as server:
            del os.environ["LG_SERVED_KEY"]
            headers = {"X-Tenant": "${LG_TENANT}"}
            target = {"base_url": server.url, "api_key_env": "LG_MY_KEY", "headers": headers}
            scenario = write_scenario(tmp_path, target=target, load=open_load(20, "2s"))
            command = run(scenario, env={"LG_MY_KEY": KEY, "LG_TENANT": "tenant-1b9d"})
            command.await_records(1)
            command_lines = str(command.living())
            finished = command.wait()
    finally:
        os.environ.pop("LG_SERVED_KEY", None)
    assert finished.completed, finished.output
    assert finished.summary["requests"]["ok"] == 40
    for secret in (KEY, "tenant-1b9d"):
        assert secret not in finished.output
        assert secret not in command_lines
        for path in finished.run.iterdir():
            assert secret.encode() not in path.read_bytes(), path.name
        assert secret not in json.dumps(finished.records)


def test_an_unknown_model_gives_the_list(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(5, "60s"))
    with SimulatorProcess(model="served-model") as server:
        _assert_refused(run(scenario, "--target", server.url, "--model", "other").wait(), "'other'", "served-model")


def test_auto_among_several_models_gives_the_list(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(5, "60s"))
    with RecordingServer(models=("first", "second")) as server:
        _assert_refused(run(scenario, "--target", server.url).wait(), "first", "second", "--model")
        assert not server.requests


def test_a_server_that_only_fails_is_measured(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(20, "2s"))
    with RecordingServer(status=500) as server:
        finished = run(scenario, "--target", server.url).wait()
        assert len(server.requests) == 41
    assert finished.completed, finished.output
    requests = finished.summary["requests"]
    assert (requests["sent"], requests["failed"], requests["errors"]) == (40, 40, {"http_5xx": 40})
    assert requests["error_rate"] == 1.0
    # No answer has no latency; unknown is null.
    assert finished.summary["latency"]["e2e_s"] is None
    assert finished.summary["latency"]["ttft_s"] is None
    assert finished.summary["throughput"]["requests_per_s"] == 0
    assert {record["outcome"] for record in finished.records} == {"http_5xx"}
    assert all("no luck today" in record["error"] for record in finished.records)
    assert "the run goes on" in finished.output
