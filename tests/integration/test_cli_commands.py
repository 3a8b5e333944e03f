"""The command line from outside: help, mistakes, versions, and the simulator as a command."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from loadgen import __version__
from loadgen.errors import ExitCode
from tests.support.command import Command, closed_load, open_load, write_scenario


def test_simulate_serves_until_it_is_interrupted(start: Callable[..., Command]) -> None:
    command = start("simulate", "--port", "0", "--profile", "fast", "--model", "mine")
    command.await_output("Ctrl-C stops it")
    url = next(word for word in command.output.replace(",", " ").split() if word.startswith("http://"))
    with urllib.request.urlopen(f"{url}/models", timeout=10) as reply:
        assert [model["id"] for model in json.load(reply)["data"]] == ["mine"]
    command.signal(signal.SIGINT)
    assert command.wait(timeout_s=15).code in (ExitCode.PASS, ExitCode.INTERRUPTED)
    assert "Traceback" not in command.output


def test_simulate_wears_a_dialect_breaks_as_told_and_asks_for_its_key(start: Callable[..., Command]) -> None:
    options = ["--dialect", "vllm", "--fault", "503:retry_after=7", "--api-key-env", "SIMULATED_KEY"]
    command = start("simulate", "--port", "0", *options, env={"SIMULATED_KEY": "s3cret"})
    command.await_output("dialect vllm")
    url = next(word for word in command.output.replace(",", " ").split() if word.startswith("http://"))
    body = json.dumps({"model": "simulated-model", "messages": [{"role": "user", "content": "hi"}]}).encode()
    told = []
    for headers in ({}, {"Authorization": "Bearer s3cret"}):
        asked = urllib.request.Request(f"{url}/chat/completions", body, headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=10)
        told.append((refused.value.code, refused.value.headers["Retry-After"]))
        refused.value.close()
    assert told == [(401, None), (503, "7")]
    assert "s3cret" not in command.output


def test_a_mistaken_fault_is_the_users(start: Callable[..., Command]) -> None:
    finished = start("simulate", "--fault", "trunkate").wait(timeout_s=15)
    assert finished.code == ExitCode.BAD_INPUT
    assert "Did you mean 'truncate'" in finished.output
    assert "Traceback" not in finished.output


def test_a_busy_port_is_told(start: Callable[..., Command]) -> None:
    first = start("simulate", "--port", "0", "--profile", "fast")
    first.await_output("Ctrl-C stops it")
    port = first.output.partition("127.0.0.1:")[2].partition("/")[0]
    second = start("simulate", "--port", port).wait(timeout_s=15)
    assert second.code == ExitCode.BAD_INPUT
    assert port in second.output
    assert "Traceback" not in second.output


def test_a_used_run_folder_is_refused_before_anything_is_sent(start: Callable[..., Command], tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "summary.json").write_text("{}")
    scenario = write_scenario(tmp_path, load=open_load(5, "60s"))
    finished = start("run", scenario, "--out", str(used)).wait(timeout_s=15)
    assert finished.code == ExitCode.BAD_INPUT
    assert "not empty" in finished.output
    assert "Traceback" not in finished.output
    assert (used / "summary.json").read_text() == "{}"


def test_a_workers_mistake_reaches_the_user(start: Callable[..., Command], tmp_path: Path) -> None:
    # Found only where the workload is built: the recording's second line is no JSON.
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"conversation_id": "a", "turn": 1, "role": "user", "content": "x"}\nno json\n')
    replay = {"name": "agents", "kind": "replay", "format": "agentic", "path": str(broken)}
    scenario = write_scenario(tmp_path, workloads=[replay], load=closed_load(1, "60s"))
    finished = start("run", scenario, "--out", "run").wait(timeout_s=20)
    assert finished.code == ExitCode.BAD_INPUT
    assert f"{broken}:2" in finished.output
    assert "Traceback" not in finished.output
    assert not finished.run.exists()


def test_a_worker_is_told_what_an_address_is(start: Callable[..., Command]) -> None:
    finished = start("worker", "--master", "nonsense").wait(timeout_s=15)
    assert finished.code == ExitCode.BAD_INPUT
    assert "HOST:PORT" in finished.output


def test_version(start: Callable[..., Command]) -> None:
    finished = start("--version").wait(timeout_s=15)
    assert finished.code == ExitCode.PASS
    assert __version__ in finished.output
