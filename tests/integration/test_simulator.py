"""The simulator over HTTP, asked by a client that knows nothing of it: http.client and json."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.simulator.process import SimulatorProcess
from loadgen.simulator.serving import profile_named, serve
from loadgen.simulator.settings import Settings

MODEL = "simulated-model"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(profile="fast") as process:
        yield process


def _address(process: SimulatorProcess) -> str:
    return process.url.removeprefix("http://")


def _call(
    process: SimulatorProcess, method: str, path: str, body: Json | None = None, **headers: str
) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(_address(process), timeout=30)) as connection:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, response.read()


def _chat(process: SimulatorProcess, messages: list[Json], **options: Any) -> Json:
    status, body = _call(process, "POST", "/v1/chat/completions", {"model": MODEL, "messages": messages, **options})
    assert status == 200, body
    reply: Json = json.loads(body)
    return reply


def _refused(process: SimulatorProcess, body: Json, **headers: str) -> tuple[int, Json]:
    status, reply = _call(process, "POST", "/v1/chat/completions", body, **headers)
    error: Json = json.loads(reply)["error"]
    return status, error


def _stream(process: SimulatorProcess, messages: list[Json], **options: Any) -> list[Json]:
    body = {"model": MODEL, "messages": messages, "stream": True, **options}
    status, reply = _call(process, "POST", "/v1/chat/completions", body)
    assert status == 200, reply
    *events, done, rest = reply.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def _user(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


def test_it_lists_its_model_and_is_healthy(simulator: SimulatorProcess) -> None:
    assert json.loads(_call(simulator, "GET", "/v1/models")[1])["data"][0]["id"] == MODEL
    assert _call(simulator, "GET", "/health") == (200, b'{"status":"ok"}')


def test_a_stream_has_one_event_a_token_and_then_its_end(simulator: SimulatorProcess) -> None:
    role, *tokens, finish, usage = _stream(
        simulator, _user("count"), max_tokens=20, stream_options={"include_usage": True}
    )
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(tokens) == 20
    assert all(event["choices"][0]["delta"]["content"] for event in tokens)
    assert finish["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "length"}
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 20


def test_without_include_usage_a_stream_says_nothing_of_usage(simulator: SimulatorProcess) -> None:
    assert not any("usage" in event for event in _stream(simulator, _user("count"), max_tokens=3))


def test_streamed_or_not_the_answer_is_the_same(simulator: SimulatorProcess) -> None:
    whole = _chat(simulator, _user("the same?"), max_tokens=30)
    events = _stream(simulator, _user("the same?"), max_tokens=30)
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": text}
    assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + 30


def test_another_process_with_the_same_seed_says_the_same(simulator: SimulatorProcess) -> None:
    with SimulatorProcess(profile="fast") as twin:
        answers = [_chat(process, _user("who?"))["choices"] for process in (simulator, twin)]
    assert answers[0] == answers[1]


def test_left_alone_it_stops_by_itself(simulator: SimulatorProcess) -> None:
    free = _chat(simulator, _user("tell me"))
    assert free["choices"][0]["finish_reason"] == "stop"
    assert 10 < free["usage"]["completion_tokens"] < 1000
    capped = _chat(simulator, _user("tell me"), max_tokens=5, max_completion_tokens=7)
    assert capped["usage"]["completion_tokens"] == 7


def test_a_growing_conversation_hits_all_it_has_said(simulator: SimulatorProcess) -> None:
    messages = _user("Once upon a time. " * 50)
    first = _chat(simulator, messages, max_tokens=100)
    known = first["usage"]["total_tokens"] - 1
    messages += [first["choices"][0]["message"], {"role": "user", "content": "And then?"}]
    second = _chat(simulator, messages, max_tokens=5)
    assert first["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    assert second["usage"]["prompt_tokens_details"] == {"cached_tokens": known // 16 * 16}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_value"),
        ({"max_tokens": 0}, 400, "invalid_value"),
        ({"n": 2}, 400, "invalid_value"),
        ({"max_tokens": 2_000_000}, 400, "context_length_exceeded"),
    ],
)
def test_a_wrong_request_gets_openais_error(simulator: SimulatorProcess, change: Json, status: int, code: str) -> None:
    got, error = _refused(simulator, {"model": MODEL, "messages": _user("hi"), **change})
    assert (got, error["code"]) == (status, code)
    assert error["type"] == "invalid_request_error"


def test_with_a_key_nothing_goes_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_TEST_KEY", "s3cret")
    body = {"model": MODEL, "messages": _user("hi"), "max_tokens": 1}
    with SimulatorProcess(profile="fast", api_key_env="SIMULATOR_TEST_KEY") as process:
        assert _refused(process, body)[0] == 401
        assert _refused(process, body, Authorization="Bearer wrong")[1]["code"] == "invalid_api_key"
        assert _call(process, "GET", "/v1/models")[0] == 401
        assert _call(process, "POST", "/v1/chat/completions", body, Authorization="Bearer s3cret")[0] == 200
        assert _call(process, "GET", "/health")[0] == 200


def test_without_the_key_it_was_promised_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMULATOR_TEST_KEY", raising=False)
    with pytest.raises(RuntimeError, match="SIMULATOR_TEST_KEY is empty or not set"):
        SimulatorProcess(api_key_env="SIMULATOR_TEST_KEY").__enter__()


def test_a_prompt_that_leaves_no_room_for_an_answer_is_refused() -> None:
    body = {"model": MODEL, "messages": _user("hi " * 131_072)}
    with SimulatorProcess(profile="slow") as process:
        status, error = _refused(process, body)
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert "asks for 1 of output" in error["message"]


def _raw(process: SimulatorProcess, body: Json) -> socket.socket:
    """A connection on which `body` was posted."""
    host, port = _address(process).split(":")
    data = json.dumps(body).encode()
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data
    )
    return connection


def test_a_client_that_leaves_makes_room() -> None:
    body = {"model": MODEL, "messages": _user("hi"), "max_tokens": 12_000, "stream": True}
    with SimulatorProcess(profile="slow") as process:
        hogs = [_raw(process, body) for _ in range(8)]
        for hog in hogs:
            assert hog.recv(100)
        for hog in hogs:
            hog.close()
        # All 8 places were taken for a quarter of an hour; this answer comes within the call's 30 s.
        assert _chat(process, _user("and me?"), max_tokens=2)["usage"]["completion_tokens"] == 2


def test_tokens_come_at_the_models_pace_and_not_before() -> None:
    with SimulatorProcess(profile="default") as process:
        body = {"model": MODEL, "messages": _user("hi"), "max_tokens": 21, "stream": True}
        with closing(http.client.HTTPConnection(_address(process), timeout=30)) as connection:
            sent_ns = time.monotonic_ns()
            headers = {"X-Loadgen-Stamps": "1"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse().read()
        end_ns = time.monotonic_ns()
        completion_id = json.loads(answer.split(b"\n\n")[0].removeprefix(b"data: "))["id"]
        stamps = json.loads(_call(process, "GET", f"/debug/stamps?id={completion_id}")[1])
        assert _call(process, "GET", f"/debug/stamps?id={completion_id}")[0] == 404
    assert sent_ns < stamps["received_ns"] < stamps["first_write_ns"] < stamps["last_write_ns"] < end_ns
    # Twenty steps of 16 ms with a jitter of 5 %; a late machine can only make them longer.
    assert stamps["last_write_ns"] - stamps["first_write_ns"] > 20 * 0.9 * 16e6
    assert stamps["first_write_ns"] - stamps["received_ns"] > 0.015e9


def test_it_ends_with_its_parent() -> None:
    script = (
        "from loadgen.simulator.process import SimulatorProcess; import os, sys;"
        "s = SimulatorProcess().__enter__(); print(s.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False)
    assert parent.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while os.path.exists(f"/proc/{int(parent.stdout)}"):
        assert time.monotonic() < deadline, "the simulator outlived its parent"


def test_streams_that_are_cut_off_amid_their_writes_are_no_mistake_of_the_servers() -> None:
    body = {"model": MODEL, "messages": _user("hi"), "max_tokens": 12_000, "stream": True}
    with SimulatorProcess(profile="fast") as process:
        streams = [_raw(process, body) for _ in range(100)]
        assert all(stream.recv(100) for stream in streams)
        for stream in streams:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, at once
            stream.close()
        deadline = time.monotonic() + 30
        while not re.search(rb"^vllm:num_requests_running.* 0$", _call(process, "GET", "/metrics")[1], re.MULTILINE):
            assert time.monotonic() < deadline, "nobody reads these streams any more"
        assert process.complaints() == ""


def test_told_to_stop_it_leaves_cleanly_in_mid_stream() -> None:
    with SimulatorProcess(profile="slow") as process:
        body = {"model": MODEL, "messages": _user("hi"), "max_tokens": 100_000, "stream": True}
        with _raw(process, body) as connection:
            assert connection.recv(100)
            assert process.stop() == 0


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'default'"):
        profile_named("defualt")


def test_a_taken_port_is_the_users_error() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"{port}.*or 0 for a free one"):
            serve(Settings(), port=port, on_ready=lambda _port: pytest.fail("it cannot be ready"))
