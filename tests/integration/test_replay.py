"""Recorded agents through the whole tool: a server receives what was recorded, when it was recorded."""

import json
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, closed_load, write_scenario
from tests.support.recording_server import RecordingServer
from tests.support.recordings import SHARED

SMALL = Path(__file__).parents[1] / "data" / "agentic_small.jsonl"
RECORDED = SHARED / "agentic_coding_2.5h.jsonl"
SCALE = 0.02
TURNS = 8

Message = tuple[Any, ...]


def _recorded(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The file's lines by conversation, read without any code of ours."""
    conversations: dict[str, list[dict[str, Any]]] = {}
    with path.open() as lines:
        for line in map(json.loads, lines):
            conversations.setdefault(line["conversation_id"], []).append(line)
    return conversations


def _histories(lines: list[dict[str, Any]]) -> list[list[Message]]:
    """What each request of a conversation must hold: all that was recorded before each answer."""
    histories: list[list[Message]] = []
    so_far: list[Message] = []
    for line in lines:
        if line.get("system"):
            so_far.append(("system", line["system"]))
        if line["role"] == "assistant":
            histories.append(list(so_far))
            calls = [
                (call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in line.get("tool_calls") or []
            ]
            so_far.append(("assistant", line.get("content") or "", calls))
        elif line["role"] == "user":
            so_far.append(("user", line["content"]))
        else:
            so_far += sorted(("tool", result["tool_call_id"], result["content"]) for result in line["tool_results"])
    return histories


def _received(messages: list[dict[str, Any]]) -> list[Message]:
    """A request's messages in the same form; the order of one answer's tool results is free."""
    plain: list[Message] = []
    for role, group in groupby(messages, key=lambda message: message["role"]):
        if role == "tool":
            plain += sorted(("tool", message["tool_call_id"], message["content"]) for message in group)
        elif role == "assistant":
            for message in group:
                calls = [
                    (call["id"], call["function"]["name"], call["function"]["arguments"])
                    for call in message.get("tool_calls") or []
                ]
                plain.append(("assistant", message["content"] or "", calls))
        else:
            plain += [(role, message["content"]) for message in group]
    return plain


def _replay(path: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "agents",
        "kind": "replay",
        "format": "agentic",
        "path": str(path),
        "time_scale": SCALE,
        "repeat": False,
    } | more


def _assert_prompts_are_the_recorded(prompts: list[list[dict[str, Any]]], path: Path, turns: int) -> None:
    expected = [history for lines in _recorded(path).values() for history in _histories(lines)[:turns]]
    received = [_received(messages) for messages in prompts]
    assert sorted(map(repr, received)) == sorted(map(repr, expected))


def test_a_small_recording(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(
        tmp_path, workloads=[_replay(SMALL, idle_cap="500ms")], load=closed_load(2, "60s", grace="5s")
    )
    with RecordingServer() as server:
        # It is over when the recording is, long before the minute.
        finished = run(scenario, "--target", server.url).wait(timeout_s=20)
        prompts = server.prompts()[1:]  # after the preflight's
        tools = [request.body.get("tools") for request in server.requests[1:]]
    assert finished.completed, finished.output
    _assert_prompts_are_the_recorded(prompts, SMALL, turns=1000)
    assert any(tools), "tool definitions go with every request of their conversation"
    by_session: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(finished.records, key=lambda record: record["turn"]):
        by_session.setdefault(record["session"], []).append(record)
    waits = []
    for records in by_session.values():
        for before, after in pairwise(records):
            waits.append(after["intended_s"] - before["end_s"])
            assert after["send_s"] >= after["intended_s"]
            if after["tool_wait_s"] is not None:
                assert after["tool_wait_s"] == pytest.approx(waits[-1], abs=1e-6)
    # Recorded: 0.5 s, 12 s and 40 s, the last held at the cap.
    for expected in (0.5 * SCALE, 12 * SCALE, 0.5):
        assert any(wait == pytest.approx(expected, abs=1e-6) for wait in waits), waits


@pytest.mark.skipif(not RECORDED.exists(), reason=f"no recording at {RECORDED} (LOADGEN_SHARED_TRACES names another)")
def test_real_recorded_agents(run: Callable[..., Command], tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    scenario = write_scenario(
        tmp_path,
        workloads=[_replay(RECORDED, max_turns=TURNS)],
        request={"max_tokens": 16},
        load=closed_load(4, "60s", grace="5s"),
    )
    with RecordingServer() as server:
        recording = run(scenario, "--target", server.url)
        simulated = run(scenario, "--target", fast_simulator.url).wait()
        assert recording.wait().completed
        _assert_prompts_are_the_recorded(server.prompts()[1:], RECORDED, TURNS)
    assert simulated.completed, simulated.output
    conversations = _recorded(RECORDED)
    assert simulated.summary["requests"]["ok"] == TURNS * len(conversations) == len(simulated.records)
    by_session: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(simulated.records, key=lambda record: record["turn"]):
        by_session.setdefault(record["session"], []).append(record)
    for records in by_session.values():
        assert [record["turn"] for record in records] == list(range(TURNS))
        cached = [record["cached_tokens"] for record in records]
        assert cached == sorted(cached), "each turn finds at least what the one before found"
        # The turn before is a prefix of this one, up to the cache's block and what the template adds.
        for before, after in pairwise(records):
            assert after["input_tokens"] > before["input_tokens"]
            assert after["cached_tokens"] >= 0.9 * before["input_tokens"]
