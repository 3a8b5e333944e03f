"""The scripted server: it writes what its script says, when it says so, and tells the truth about it."""

import http.client
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from loadgen.simulator.process import ScriptedServer


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ttft_ms=5, interval_ms=2, chunks=10) as process:
        yield process


def _connect(server: ScriptedServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def _request(body: bytes, request_id: str = "") -> bytes:
    extra = f"x-request-id: {request_id}\r\n" if request_id else ""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _read(connection: socket.socket) -> bytearray:
    reply = bytearray()
    while not reply.endswith(b"0\r\n\r\n"):
        piece = connection.recv(65536)
        assert piece, "closed within the reply"
        reply += piece
    return reply


def _ask(server: ScriptedServer, request_id: str = "", **script: Any) -> bytearray:
    body = json.dumps({"model": "scripted", "messages": [], "x_script": script}).encode()
    with _connect(server) as connection:
        connection.sendall(_request(body, request_id))
        return _read(connection)


def test_it_plays_its_script_to_the_end(server: ScriptedServer) -> None:
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)) as connection:
        connection.request("POST", "/v1/chat/completions", b"{}")
        events = connection.getresponse().read().split(b"\n\n")
    # Ten tokens between the role and the finish event, usage, [DONE].
    assert len(events) == 10 + 2 + 1 + 1 + 1
    assert json.loads(events[-3][6:])["usage"]["completion_tokens"] == 10


def test_the_stamps_are_those_of_the_script(server: ScriptedServer) -> None:
    server.stamps()
    sent_ns = time.monotonic_ns()
    _ask(server, "mine", ttft_ms=20, interval_ms=5, chunks=8)
    end_ns = time.monotonic_ns()
    (stamps,) = server.stamps()
    assert stamps.id == "mine"
    assert sent_ns < stamps.received_ns < end_ns
    assert len(stamps.writes_ns) == 8
    assert stamps.writes_ns[-1] < end_ns
    early = [at - (stamps.received_ns + 20_000_000 + n * 5_000_000) for n, at in enumerate(stamps.writes_ns)]
    assert min(early) >= 0
    assert min(early) < 1_000_000, "not one of eight writes was within 1 ms of its time"


def test_stamps_are_told_once(server: ScriptedServer) -> None:
    _ask(server)
    assert server.stamps()
    assert server.stamps() == []


@pytest.mark.parametrize(("script", "writes"), [({"coalesce": 4}, 3), ({"one_write": True}, 1), ({"chunks": 0}, 1)])
def test_a_request_may_bring_its_own_script(server: ScriptedServer, script: dict[str, Any], writes: int) -> None:
    server.stamps()
    reply = _ask(server, **script)
    assert reply.count(b'"content":" token"') == script.get("chunks", 10)
    (stamps,) = server.stamps()
    assert len(stamps.writes_ns) == writes


def test_a_connection_serves_one_request_after_the_other(server: ScriptedServer) -> None:
    with _connect(server) as connection:
        for _ in range(3):
            connection.sendall(_request(b"{}"))
            assert _read(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"id":"scripted"' in connection.recv(65536)


def test_a_request_sent_before_the_reply_ended_is_served_after_it(server: ScriptedServer) -> None:
    server.stamps()
    with _connect(server) as connection:
        connection.sendall(_request(b"{}", "one") + _request(b"{}", "two"))
        reply = b""
        while reply.count(b"[DONE]") < 2:
            reply += connection.recv(65536)
    first, second = server.stamps()
    assert (first.id, second.id) == ("one", "two")
    assert second.received_ns >= first.writes_ns[-1]


def test_a_request_cut_at_any_byte_is_understood(server: ScriptedServer) -> None:
    whole = _request(b'{"messages":[],"x_script":{"one_write":true,"ttft_ms":0,"chunks":1}}')
    with _connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(whole), 3):
            connection.sendall(whole[:cut])
            # Another answer first, so that the server has read the piece by itself.
            assert urllib.request.urlopen(server.url + "/health", timeout=30).status == 200
            connection.sendall(whole[cut:])
            assert _read(connection).count(b'"content":" token"') == 1


def test_a_big_body_does_not_hold_up_the_other_streams(server: ScriptedServer) -> None:
    server.stamps()
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 4_000_000}]}).encode()
    sender = threading.Thread(target=_ask, args=(server, "steady"), kwargs={"interval_ms": 1, "chunks": 300})
    sender.start()
    with _connect(server) as connection:
        for n in range(5):
            connection.sendall(_request(body, f"big-{n}"))
            assert b'"prompt_tokens":100' in _read(connection)
    sender.join()
    steady = next(stamps for stamps in server.stamps() if stamps.id == "steady")
    late = sorted(at - steady.writes_ns[0] - n * 1_000_000 for n, at in enumerate(steady.writes_ns))
    assert late[len(late) // 2] < 2_000_000


def test_a_client_that_leaves_takes_only_its_own_stream(server: ScriptedServer) -> None:
    server.stamps()
    with _connect(server) as leaver:
        leaver.sendall(_request(b'{"x_script":{"chunks":100000,"interval_ms":0}}', "leaver"))
        assert leaver.recv(100)
    _ask(server, "stayer")
    assert [stamps.id for stamps in server.stamps()] == ["stayer"]


def test_a_client_that_reads_late_gets_everything(server: ScriptedServer) -> None:
    server.stamps()
    with _connect(server) as connection:
        # Some 20 MB: more than the two socket buffers hold.
        connection.sendall(_request(b'{"x_script":{"chunks":100000,"interval_ms":0,"coalesce":1000}}', "late"))
        while not server.stamps():
            pass
        reply = _read(connection)
    assert reply.count(b'"content":" token"') == 100_000


@pytest.mark.parametrize("script", ['{"speed":1}', '{"chunks":-1}', "3"])
def test_a_wrong_script_is_refused(server: ScriptedServer, script: str) -> None:
    with _connect(server) as connection:
        connection.sendall(_request(f'{{"x_script":{script}}}'.encode()))
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")


def test_anything_else_is_not_found(server: ScriptedServer) -> None:
    with _connect(server) as connection:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")


def test_without_stamps_it_keeps_none() -> None:
    with ScriptedServer(ttft_ms=0, interval_ms=0, chunks=3, keep_stamps=False) as quick:
        _ask(quick)
        assert quick.stamps() == []


def test_a_thousand_streams_each_get_all_their_chunks() -> None:
    with ScriptedServer(ttft_ms=50, interval_ms=20, chunks=5) as crowd:
        connections = [_connect(crowd) for _ in range(1000)]
        for connection in connections:
            connection.sendall(_request(b"{}"))
        for connection in connections:
            assert _read(connection).count(b'"content":" token"') == 5
            connection.close()
        assert len(crowd.stamps()) == 1000


def test_it_says_why_it_cannot_start() -> None:
    with pytest.raises(RuntimeError, match="interval_ms"), ScriptedServer(interval_ms=-1):
        pass


def test_told_to_stop_it_ends_with_0() -> None:
    with ScriptedServer() as process:
        assert process.stop() == 0
