"""Recorded traffic through the whole tool: the cache hit rate of the trace, its lengths, its mistakes, its size."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from loadgen.workloads.replay.blocks import BlockText
from loadgen.workloads.replay.survey import survey
from tests.support import llama_server
from tests.support.command import Command, closed_load, write_scenario
from tests.support.llama_server import LlamaServer
from tests.support.recordings import SHARED

TRACES = Path(__file__).parents[1] / "data" / "traces"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"no recordings at {SHARED}")
Run = Callable[..., Command]
# The simulator's template: the user's role, the end of the message, and the marker of the answer.
TEMPLATE_TOKENS = 3


def replay(path: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "trace",
        "kind": "replay",
        "format": "auto",
        "path": str(path),
        "time_scale": 0,
        "repeat": False,
    } | more


def assert_hit_rate_is_the_traces(run: Run, folder: Path, path: Path) -> None:
    """Replay all of a recording on a simulator with an empty cache that forgets nothing of it."""
    scenario = write_scenario(folder, workloads=[replay(path)], load=closed_load(2, "120s", grace="10s"))
    with SimulatorProcess(profile="fast") as simulator:
        finished = run(scenario, "--target", simulator.url).wait(timeout_s=110)
    assert finished.completed, finished.output
    seen = survey(path)
    assert seen.reuse is not None
    tokens = finished.summary["tokens"]
    assert finished.summary["requests"]["ok"] == seen.requests
    assert abs(tokens["cached_input"] / tokens["input"] - seen.reuse.hit_rate) < 0.02
    for record in finished.records:
        assert record["input_tokens"] == record["input_tokens_asked"] + TEMPLATE_TOKENS
        assert record["output_tokens"] == record["output_tokens_asked"]


def conversations(path: Path, sessions: int = 25, turns: int = 8) -> Path:
    """A mooncake recording of interleaved conversations that grow over a common beginning."""
    rng, fresh = Random(3), iter(range(2, 100_000))
    histories: list[list[int]] = [[0, 1] for _ in range(sessions)]
    lines = []
    for turn in range(turns):
        for history in histories:
            history += [next(fresh) for _ in range(rng.randint(1, 3))]
            length = 512 * (len(history) - 1) + rng.randint(1, 512)
            stamp = 3000 * turn
            lines.append({"timestamp": stamp, "input_length": length, "output_length": 4, "hash_ids": list(history)})
            del history[-1]  # the last block is not full: the next turn has another in its place
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_traces_hit_rate_comes_out_on_the_simulator(run: Run, tmp_path: Path) -> None:
    path = conversations(tmp_path / "conversations.jsonl")
    rate = survey(path).reuse
    assert rate is not None
    assert 0.4 < rate.hit_rate < 0.95
    assert_hit_rate_is_the_traces(run, tmp_path, path)


@needs_shared
def test_a_coding_sessions_hit_rate_comes_out_on_the_simulator(run: Run, tmp_path: Path) -> None:
    assert_hit_rate_is_the_traces(run, tmp_path, SHARED / "kv_cache_tester" / "trace_0638.json")


@needs_shared
def test_the_beginning_of_a_published_trace_has_its_hit_rate(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "beginning.jsonl"
    with (SHARED / "mooncake_synthetic.jsonl").open() as lines:
        path.write_text("".join(line for line, _ in zip(lines, range(80), strict=False)))
    assert_hit_rate_is_the_traces(run, tmp_path, path)


def test_every_format_runs(run: Run, tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    names = ["azure.csv", "burstgpt.csv", "bailian.jsonl", "sharegpt.json", "openai.jsonl", "kv_cache_tester"]
    scenario = write_scenario(
        tmp_path,
        workloads=[replay(TRACES / name) | {"name": name.partition(".")[0]} for name in names],
        request={"max_tokens": 8},
        load=closed_load(2, "60s", grace="5s"),
    )
    finished = run(scenario, "--target", fast_simulator.url).wait()
    assert finished.completed, finished.output
    ok = {name: block["requests"]["ok"] for name, block in finished.summary["workloads"].items()}
    assert ok == {name.partition(".")[0]: survey(TRACES / name).requests for name in names}


def test_a_bad_line_stops_the_run_or_is_counted_in_its_notes(
    run: Run, tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    path = tmp_path / "bad.jsonl"
    lines = (TRACES / "mooncake.jsonl").read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "not json", *lines[2:]]))
    ended = []
    for number, on_bad_line in enumerate(("stop", "skip")):
        workload = replay(path, on_bad_line=on_bad_line, format="mooncake")
        load = closed_load(1, "60s", grace="5s")
        scenario = write_scenario(tmp_path, f"run-{number}", workloads=[workload], load=load)
        ended.append(run(scenario, "--target", fast_simulator.url).wait())
    stopped, skipped = ended
    assert stopped.code == ExitCode.BAD_INPUT
    assert f"{path}:3: " in stopped.output
    assert "Traceback" not in stopped.output
    assert skipped.completed, skipped.output
    assert skipped.summary["requests"]["ok"] == 4
    assert any(f"{path}:3: " in note for note in skipped.summary["run"]["notes"])


def test_a_recording_that_is_changed_in_mid_run_ends_it_without_a_traceback(
    run: Run, tmp_path: Path, fast_simulator: SimulatorProcess
) -> None:
    path = conversations(tmp_path / "conversations.jsonl")
    load = closed_load(1, "60s", grace="5s")
    scenario = write_scenario(tmp_path, workloads=[replay(path, repeat=True)], load=load, calibrate="off")
    command = run(scenario, "--target", fast_simulator.url)
    command.await_records(5)
    path.write_text("")
    finished = command.wait(timeout_s=30)
    assert finished.code == ExitCode.BAD_INPUT, finished.output
    assert f"error: {path}: was changed while it was being replayed (on worker " in finished.output
    assert "Traceback" not in finished.output
    assert finished.summary["requests"]["ok"] >= 5


def test_trace_shows_what_is_in_a_recording(start: Callable[..., Command]) -> None:
    shown = start("trace", str(TRACES / "kv_cache_tester")).wait()
    assert shown.code == ExitCode.PASS
    assert "2 sessions, 6 requests, 1 sub-agents beside them" in shown.output
    told = start("trace", "--json", "--format", "azure", str(TRACES / "azure.csv")).wait()
    assert json.loads(told.output)["requests"] == 3
    mistaken = start("trace", "--format", "moon", str(TRACES / "azure.csv")).wait()
    assert mistaken.code == ExitCode.BAD_INPUT
    assert "mooncake" in mistaken.output


@pytest.mark.real_engine
@pytest.mark.skipif(not llama_server.available(), reason="the llama.cpp engine is not installed")
def test_a_made_prompt_has_the_recorded_length_for_a_real_tokenizer() -> None:
    made = BlockText(64, seed=1).message(list(range(40)), 2500, scope=0, own=0)
    with LlamaServer() as server:
        body = json.dumps({"content": json.loads(made)["content"]}).encode()
        asked = urllib.request.Request(f"{server.url}/tokenize", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            assert len(json.load(reply)["tokens"]) == 2500


_MEASURED = """
import resource, sys
from random import Random
from loadgen.scenario.model import ReplaySpec
from loadgen.workloads.build import build_workload
spec = {"kind": "replay", "name": "trace", "format": "auto", "path": sys.argv[2]}
def play(path, sessions):
    workload = build_workload(ReplaySpec.model_validate({**spec, "path": path}), seed=1)
    rng = Random(1)
    for _ in range(sessions):
        workload.session(rng.randrange(10_000), rng).next_turn(None)
    return sum(1 for _ in workload.start_times() or ())
play(sys.argv[1], 100)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = play(sys.argv[2], 1000)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("format_name", ["mooncake", "azure"])
def test_memory_does_not_grow_with_the_recording(tmp_path: Path, format_name: str) -> None:
    rng = Random(1)
    if format_name == "mooncake":
        ids = [", ".join(str(rng.randrange(10**9)) for _ in range(60)) for _ in range(50)]
        lines = [
            f'{{"timestamp": {at}, "input_length": 30700, "output_length": 5, "hash_ids": [{ids[at % 50]}]}}'
            for at in range(40_000)
        ]
    else:
        lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
        lines += [f"2023-11-16 18:{at // 60 % 60:02}:{at % 60:02}.9799600,4808,10" for at in range(100_000)]
    path, small = tmp_path / "large", tmp_path / "small"
    path.write_text("\n".join(lines))
    small.write_text("\n".join(lines[:200]))
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(small), str(path)], capture_output=True, text=True, check=True
    )
    count, grown_kib = map(int, measured.stdout.split())
    assert count == len(lines) - (format_name == "azure")
    assert grown_kib < 12 * 1024
