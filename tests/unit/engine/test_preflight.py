"""What the preflight finds of a server's dialect, over real sockets."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from loadgen.engine.preflight import PreflightFindings, preflight
from tests.support.command import closed_load
from tests.support.recording_server import RecordingServer
from tests.unit.engine.running import scenario_of


def _ask(folder: Path, server: RecordingServer, **parts: Any) -> PreflightFindings:
    return asyncio.run(preflight(scenario_of(folder, load=closed_load(1, "1s"), **parts), server.url))


@pytest.mark.parametrize(
    ("server", "dialect", "seen"),
    [
        ({"owned_by": "vllm"}, "vllm", "owned_by vllm"),
        ({"server": "llama.cpp"}, "llamacpp", "Server: llama.cpp"),
        ({"pages": {"/version": {"version": "0.11.0"}}}, "vllm", "/version answers"),
        (
            {"pages": {"/get_model_info": {"model_path": "m", "is_generation": True}}},
            "sglang",
            "/get_model_info answers",
        ),
        ({}, "openai", "nothing says otherwise"),
    ],
)
def test_the_dialect_is_found_and_shown(tmp_path: Path, server: dict[str, Any], dialect: str, seen: str) -> None:
    with RecordingServer(**server) as recording:
        found = _ask(tmp_path, recording)
    assert (found.dialect, found.dialect_seen) == (dialect, seen)
    assert f"dialect {dialect} ({seen})" in found.line()


def test_a_named_dialect_is_not_looked_for(tmp_path: Path) -> None:
    with RecordingServer(owned_by="vllm") as server:
        found = _ask(tmp_path, server, target={"dialect": "sglang"})
    assert (found.dialect, found.dialect_seen) == ("sglang", "named by the scenario")


def test_the_question_is_put_as_the_load_will_be(tmp_path: Path) -> None:
    request = {"api": "completions", "force_output_tokens": True, "temperature": 0}
    with RecordingServer(owned_by="vllm") as server:
        found = _ask(tmp_path, server, request=request)
        (received,) = server.requests
    assert received.path == "/v1/completions"
    assert received.body == {
        "model": "recorded",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "max_tokens": 16,
        "ignore_eos": True,
        "min_tokens": 16,
        "prompt": "Reply with one word: ready",
    }
    assert not found.notes


def test_what_a_server_can_not_do_is_said(tmp_path: Path) -> None:
    with RecordingServer(owned_by="deepseek") as server:
        found = _ask(tmp_path, server, request={"force_output_tokens": True})
    assert "a deepseek server can't be made to answer at length" in found.line()
