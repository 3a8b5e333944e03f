"""`loadgen sweep` as a user runs it: steps that are runs, an interrupt, and the rest of it afterwards."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer
from tests.support.command import Command, open_load, write_scenario

# Short replies whatever the load: nothing that depends on how fast the machine is.
REPLY = {"ttft_ms": 5.0, "interval_ms": 1.0, "chunks": 4}
# A step is a run with its processes, and a find-max several; a busy machine takes its time for them.
PATIENCE_S = 90.0


def sweep_of(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "sweep.json").read_text())
    return read


def test_a_sweep_is_interrupted_and_goes_on_where_it_was(start: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(5, "1s", grace="1s"))
    out = str(tmp_path / "swept")
    with ScriptedServer(**REPLY) as server:  # type: ignore[arg-type]
        arguments = ["sweep", scenario, "--target", server.url, "--rates", "10,20", "--cooldown", "0s", "--out", out]
        first = start(*arguments)
        first.await_output("step 2 of about 2", PATIENCE_S)
        first.signal(signal.SIGINT)
        interrupted = first.wait(PATIENCE_S)
        halfway = sweep_of(tmp_path / "swept")
        finished = start(*arguments).wait(PATIENCE_S)
        whole = sweep_of(tmp_path / "swept")
        again = start(*arguments).wait(PATIENCE_S)
        other = start(*arguments, "--seed", "8").wait()
    assert interrupted.code == ExitCode.INTERRUPTED
    assert [step["level"] for step in halfway["steps"]] == [10]
    assert not halfway["result"]["complete"]
    assert any("interrupted" in note for note in halfway["notes"])

    assert finished.code in (ExitCode.PASS, ExitCode.INVALID_RUN)  # a busy machine makes any run invalid
    assert whole["steps"][0] == halfway["steps"][0]
    assert [step["level"] for step in whole["steps"]] == [10, 20]
    assert whole["result"]["complete"]
    # The text of the step that was cut off has been sent: it is not sent again.
    assert [step["seed"] for step in whole["steps"]] == [7, 9]
    for step in whole["steps"]:
        summary = json.loads((tmp_path / "swept" / step["folder"] / "summary.json").read_text())
        assert summary["run"]["id"] == step["run_id"]
        assert summary["requests"]["sent"] == step["figures"]["sent"] == step["level"] * 1
    assert (tmp_path / "swept" / "sweep.md").read_text().count("](step-") == 2

    assert again.code == finished.code
    assert "step 3" not in again.output
    assert sweep_of(tmp_path / "swept")["steps"] == whole["steps"]
    assert other.code == ExitCode.BAD_INPUT
    assert "seed was 7 and is 8" in other.output


def test_a_target_that_is_not_there_ends_the_sweep(start: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(5, "1s"), slos=["ttft p50 < 1s"])
    arguments = ["sweep", scenario, "--target", "http://127.0.0.1:9", "--find-max", "--out", "swept"]
    command = start(*arguments)
    finished = command.wait()
    assert finished.code == ExitCode.TARGET_UNREACHABLE
    assert sweep_of(command.run.parent / "swept")["steps"] == []


def test_where_the_highest_level_allowed_passes_that_is_told(start: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(5, "1s"), slos=["ttft p50 < 30s"])
    options = ["--find-max", "--from", "10", "--to", "15", "--max-step-duration", "2s", "--cooldown", "0s"]
    with ScriptedServer(**REPLY) as server:  # type: ignore[arg-type]
        command = start("sweep", scenario, "--target", server.url, *options, "--out", "swept")
        finished = command.wait(PATIENCE_S)
    result = sweep_of(command.run.parent / "swept")["result"]
    assert finished.code in (ExitCode.PASS, ExitCode.INVALID_RUN)
    if finished.code == ExitCode.PASS:
        assert (result["kind"], result["highest_passed"], result["lowest_failed"]) == ("at_least", 15, None)
        assert "Passed up to 15 sessions/s" in finished.output
