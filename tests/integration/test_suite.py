"""A scenario with parts as a user runs it: one target, a folder a part, one report, the worst part's exit code."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from loadgen.errors import ExitCode
from tests.support.command import Command, closed_load, write_scenario

# A part is a run with its processes; a busy machine takes its time for them.
PATIENCE_S = 90.0
PROBES = {"every": "1s", "for": "1s", "probes": ["latency"], "latency": {"requests": 2, "output_tokens": 4}}


def write_suite(folder: Path, *, second_slo: str = "error_rate < 80%", **second: Any) -> str:
    """A soak of one window and two short runs of the same scenario, the second with an SLO of its own."""
    write_scenario(folder, "small", load=closed_load(1, "1s", grace="1s"), soak=PROBES, slos=["error_rate < 90%"])
    parts = [
        {"name": "cost", "soak": "small.yaml"},
        {"name": "first", "scenario": "small.yaml"},
        {"name": "second", "scenario": "small.yaml", "set": {"slos": [second_slo], **second}},
    ]
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"name": "day", "parts": parts}, sort_keys=False))
    return str(path)


def suite_of(command: Command) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((command.run / "suite.json").read_text())
    return read


def test_parts_run_one_after_the_other_and_the_worst_decides(run: Callable[..., Command], tmp_path: Path) -> None:
    suite = write_suite(tmp_path, second_slo="ttft p50 < 1us")
    command = run(suite, "--workers", "1", "--simulator", "--profile fast")
    finished = command.wait(PATIENCE_S)
    read = suite_of(command)
    outcomes = {part["name"]: part["outcome"] for part in read["parts"]}
    assert list(outcomes) == ["cost", "first", "second"]
    assert outcomes["cost"] == "none"
    assert outcomes["first"] in ("pass", "invalid")
    assert outcomes["second"] in ("fail", "invalid")
    # A busy machine makes an invalid run of any, and that is worse than a failed one.
    worst = ExitCode.INVALID_RUN if "invalid" in outcomes.values() else ExitCode.SLO_FAILED
    assert finished.code == worst == read["exit_code"], finished.output
    assert all((command.run / name / "report.html").exists() for name in ("cost", "first", "second"))
    assert {"report.html", "report.md", "junit.xml"} <= {path.name for path in command.run.iterdir()}
    if outcomes["second"] == "fail":
        assert "second failed (ttft p50 < 1us: it is " in finished.output
    targets = {
        json.loads((command.run / name / "summary.json").read_text())["run"]["target"] for name in ("first", "second")
    }
    assert len(targets) == 1


def test_an_interrupt_ends_the_part_and_what_would_follow(run: Callable[..., Command], tmp_path: Path) -> None:
    command = run(write_suite(tmp_path), "--workers", "1", "--set", "first.load.stages.steady.duration=60s")
    command.await_output("part 2 of 3", PATIENCE_S)
    command.await_output("1 worker", PATIENCE_S)
    command.signal(signal.SIGINT)
    finished = command.wait(PATIENCE_S)
    assert finished.code == ExitCode.INTERRUPTED
    assert [part["outcome"] for part in suite_of(command)["parts"]] == ["none", "cut", "not_run"]
    assert (command.run / "report.html").exists()


def test_a_mistake_in_the_last_part_is_told_before_the_first_is_run(
    run: Callable[..., Command], tmp_path: Path
) -> None:
    command = run(write_suite(tmp_path, second_slo="ttft p200 < 1s"))
    finished = command.wait()
    assert finished.code == ExitCode.BAD_INPUT
    assert "p200" in finished.output
    assert not command.run.exists()
