"""What a connection does when things go wrong, fed by hand: nothing hangs, nothing grows, nothing is counted twice."""

import asyncio
import tracemalloc
import zlib

import pytest

from loadgen.client.body import MAX_BODY_BYTES
from loadgen.client.connection import MAX_HEAD_BYTES
from loadgen.client.exchange import Exchange
from loadgen.client.interpret import interpret
from tests.support.wire import NO_LIMITS, FakeTransport, Wire, fixture

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SOME_BYTES = 64 * 1024


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()


def _feed_until_refused(wire: Wire, piece: bytes, limit_bytes: int) -> int:
    """Bytes taken before the connection was given up; at most a little more than `limit_bytes`."""
    taken = 0
    while not wire.transport.aborted:
        wire.read(piece)
        taken += len(piece)
        assert taken <= limit_bytes + 2 * len(piece), "it takes bytes without end"
    return taken


def test_the_end_is_the_read_that_completed_the_response(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    raw = fixture("1-lines-end-in-lf").raw
    wire.read(raw[:-1])
    wire.read(raw[-1:])
    assert wire.result()
    assert (wire.exchange.sent_ns, wire.exchange.end_ns) == (1, 2000)


def test_events_of_one_read_share_its_stamp_and_count_as_one_read(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(STREAM + b"".join(_chunk(_event(str(n))) for n in range(300)))
    wire.read(_chunk(_event("x")))
    timeline = wire.exchange.timeline
    timeline.digest()
    assert timeline.chunk_stamps == [1000] * 300 + [2000]
    assert timeline.reads == 2


def test_the_head_alone_is_no_read_of_the_body(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(STREAM)
    wire.read(_chunk(_event("x")))
    assert wire.exchange.timeline.reads == 1


def test_a_connection_serves_one_exchange_after_another(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    raw = fixture("http-trailers").raw
    for reused in (False, True, True):
        if reused:
            wire.start(Exchange("/x", [b"{}"], NO_LIMITS), reused=True)
        wire.read(raw)
        assert wire.result()
        assert interpret(wire.exchange).reply.text == "Hello"
        assert wire.connection.reusable


def test_a_reused_connection_that_closes_before_it_answers_is_stale(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(fixture("http-unstreamed").raw)
    wire.result()
    again = Exchange("/x", [b"{}"], NO_LIMITS)
    wire.start(again, reused=True)
    wire.lose(ConnectionResetError())
    assert wire.result() is False
    assert again.failure is None


@pytest.mark.parametrize("first", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_reused_connection_that_closes_after_a_byte_is_not_tried_again(
    loop: asyncio.AbstractEventLoop, first: bytes
) -> None:
    wire = Wire(loop)
    wire.read(fixture("http-unstreamed").raw)
    wire.result()
    wire.start(Exchange("/x", [b"{}"], NO_LIMITS), reused=True)
    wire.read(first)
    wire.lose()
    assert wire.result() is True
    assert interpret(wire.exchange).outcome == "truncated"


def test_a_new_connection_that_closes_before_it_answers_has_failed(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.lose()
    assert wire.result() is True
    assert wire.exchange.failure is not None
    assert "before the response" in wire.exchange.failure.message
    assert wire.exchange.end_ns == 1001


def test_bytes_that_nobody_asked_for_close_the_connection(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(fixture("http-unstreamed").raw)
    wire.result()
    assert wire.connection.reusable
    wire.read(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert wire.transport.aborted
    assert not wire.connection.reusable


def test_a_connection_leaves_the_open_ones_when_it_is_lost(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    assert wire.open == {wire.connection}
    wire.lose()
    wire.result()
    assert not wire.open


ENDLESS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Header: 0123456789\r\n" * 100),
    "a header line": (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "trailers": (STREAM + b"0\r\n", b"X-Trailer: 0123456789\r\n" * 100),
    "a trailer line": (STREAM + b"0\r\nX: ", b"a" * 4096),
    "chunk extensions": (STREAM + b"5;", b"a" * 4096),
    "a chunk size": (STREAM, b"0" * 4096),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_endless_headers_of_any_kind_fail_the_turn_in_bounded_memory(
    loop: asyncio.AbstractEventLoop, what: str
) -> None:
    opening, piece = ENDLESS[what]
    wire = Wire(loop)
    if opening:
        wire.read(opening)
    tracemalloc.start()
    _feed_until_refused(wire, piece, MAX_HEAD_BYTES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert wire.result()
    assert interpret(wire.exchange).outcome == "invalid_response"
    assert peak < 16 * MAX_HEAD_BYTES


def test_a_long_stream_may_have_many_reads_without_a_body(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(STREAM)
    event = _event("x")
    size = b"0" * 1000 + b"%x\r\n" % len(event)
    for _ in range(2 * MAX_HEAD_BYTES // len(size)):
        wire.read(size)
        wire.read(event + b"\r\n")
    assert wire.exchange.failure is None


@pytest.mark.parametrize("opening", [b"data: ", b"data: {}\n", b"x"])
def test_an_endless_event_fails_the_turn(loop: asyncio.AbstractEventLoop, opening: bytes) -> None:
    wire = Wire(loop)
    wire.read(STREAM + _chunk(opening))
    piece = b"a" * (4 << 20)
    wire.read(b"%x\r\n" % (1 << 40))  # one chunk of a terabyte
    _feed_until_refused(wire, piece, 2 * MAX_BODY_BYTES)
    assert wire.result()
    assert interpret(wire.exchange).outcome == "invalid_response"


def test_endless_comments_are_no_memory(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(STREAM)
    comments = _chunk(b": keep-alive\n\n" * 1000)
    tracemalloc.start()
    for _ in range(50):
        wire.read(comments)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert wire.exchange.failure is None
    assert kept < 8 * len(comments)


def test_an_endless_reply_that_is_not_streamed_fails_the_turn(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    _feed_until_refused(wire, b"a" * (4 << 20), MAX_BODY_BYTES)
    assert wire.result()
    assert interpret(wire.exchange).outcome == "invalid_response"


def test_a_mislabelled_stream_is_digested_as_it_comes(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        wire.read(_chunk(_event("x")))
    assert len(wire.exchange.timeline.text) > 500


def test_of_a_huge_error_only_the_start_is_kept(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    piece = b"a" * SOME_BYTES
    count = 60 * 1024 * 1024 // len(piece)
    wire.read(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\nIt broke: " % (10 + count * len(piece)))
    tracemalloc.start()
    for _ in range(count):
        wire.read(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert wire.result()
    seen = interpret(wire.exchange)
    assert seen.outcome == "http_5xx"
    assert seen.error is not None
    assert seen.error.startswith("HTTP 500: It broke: aaa")
    assert len(seen.error) <= 300
    assert peak < 1 << 20
    assert wire.connection.reusable


def test_an_endless_error_ends(loop: asyncio.AbstractEventLoop) -> None:
    wire = Wire(loop)
    wire.read(b"HTTP/1.1 500 Oops\r\n\r\nIt broke: ")
    _feed_until_refused(wire, b"a" * (1 << 20), MAX_BODY_BYTES)
    assert wire.result()
    assert interpret(wire.exchange).outcome == "http_5xx"


@pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream"])
def test_a_gzip_bomb_fails_the_turn(loop: asyncio.AbstractEventLoop, kind: bytes) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeeze.compress(b" " * (1 << 20)) for _ in range(4 * MAX_BODY_BYTES >> 20)) + squeeze.flush()
    wire = Wire(loop)
    wire.read(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Encoding: gzip\r\n" % kind)
    wire.read(b"Content-Length: %d\r\n\r\n" % len(bomb))
    tracemalloc.start()
    for start in range(0, len(bomb), SOME_BYTES):
        if not wire.transport.aborted:
            wire.read(bomb[start : start + SOME_BYTES])
    seen = interpret(wire.exchange)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert wire.result()
    assert seen.outcome == "invalid_response"
    assert peak < 5 * MAX_BODY_BYTES


def test_a_bug_of_ours_is_raised_and_not_blamed_on_the_server(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(loop)

    def broken(self: Exchange, status: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Exchange, "begin_body", broken)
    wire.read(STREAM)
    with pytest.raises(ZeroDivisionError):
        wire.result()
    assert wire.transport.aborted
    assert isinstance(wire.connection.transport, FakeTransport)
