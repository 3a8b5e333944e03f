"""How long the transport waits, and what it does then: fails the turn, says why, closes the connection."""

import socket
from collections.abc import Iterator

import pytest

from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.http11 import Http11Transport
from loadgen.client.interpret import Interpreted, interpret
from tests.support.replay import Peer, run, serving, until
from tests.support.wire import fixture

LIMIT_S = 0.15
# Far more than any machine is late, far less than a limit that was not kept.
BOUND_S = 15.0
EVENT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
COMMENT = b"e\r\n: keep-alive\n\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _perform(limits: Limits, sent: list[bytes], *, repeat: bytes | None = None) -> tuple[Exchange, Interpreted]:
    """A turn against a server that sends this much, then `repeat` for ever, or nothing more, and never closes."""
    saw_the_end = []

    async def stall(peer: Peer) -> None:
        await peer.request()
        try:
            for part in sent:
                peer.send(part)
            while repeat is not None and not peer.reader.at_eof():
                peer.send(repeat)
                await peer.writer.drain()
            await peer.closed()
        finally:
            saw_the_end.append(True)

    exchange = Exchange("/chat/completions", [b"{}"], limits)

    async def test() -> None:
        async with serving(stall) as server:
            transport = Http11Transport(endpoint_of(server.url()))
            await transport.perform(exchange)
            await until(lambda: bool(saw_the_end), "the server sees the end")
            assert transport.open_connections == 0

    run(test())
    return exchange, interpret(exchange)


def _waited_s(exchange: Exchange) -> float:
    assert exchange.sent_ns is not None
    assert exchange.end_ns is not None
    return (exchange.end_ns - exchange.sent_ns + (exchange.connect_ns or 0)) / 1e9  # the whole, connection included


@pytest.mark.parametrize("sent", [[], [STREAM], [STREAM, CHUNK]], ids=["nothing", "head", "output"])
def test_the_total_limit_ends_a_turn(sent: list[bytes]) -> None:
    exchange, seen = _perform(Limits(total_s=LIMIT_S), sent)
    assert seen.outcome == "timeout"
    assert seen.error == "no complete reply within 0.15 s"
    assert LIMIT_S <= _waited_s(exchange) < BOUND_S
    assert seen.reply.text == ("x" if CHUNK in sent else "")


def test_the_total_limit_ends_a_stream_that_never_pauses() -> None:
    exchange, seen = _perform(Limits(total_s=LIMIT_S), [STREAM], repeat=CHUNK * 10)
    assert seen.outcome == "timeout"
    assert LIMIT_S <= _waited_s(exchange) < BOUND_S
    assert seen.reply.text


@pytest.mark.parametrize("sent", [[], [STREAM], [STREAM, CHUNK]], ids=["nothing", "head", "output"])
def test_the_idle_limit_ends_a_turn(sent: list[bytes]) -> None:
    exchange, seen = _perform(Limits(idle_s=LIMIT_S), sent)
    assert seen.outcome == "timeout"
    assert seen.error == "nothing read for 0.15 s"
    assert LIMIT_S <= _waited_s(exchange) < BOUND_S


@pytest.mark.parametrize("sent", [[], [STREAM]], ids=["nothing", "head"])
def test_the_first_output_limit_ends_a_turn(sent: list[bytes]) -> None:
    exchange, seen = _perform(Limits(first_output_s=LIMIT_S), sent)
    assert seen.outcome == "timeout"
    assert seen.error == "no output within 0.15 s"
    assert LIMIT_S <= _waited_s(exchange) < BOUND_S


def test_comments_are_no_output() -> None:
    _, seen = _perform(Limits(first_output_s=LIMIT_S), [STREAM], repeat=COMMENT)
    assert seen.error == "no output within 0.15 s"


def test_once_there_was_output_the_first_output_limit_is_over() -> None:
    exchange, seen = _perform(Limits(first_output_s=LIMIT_S, total_s=3 * LIMIT_S), [STREAM, CHUNK])
    assert seen.error == "no complete reply within 0.45 s"
    assert _waited_s(exchange) >= 3 * LIMIT_S


def test_a_reply_known_not_to_be_streamed_has_no_first_output_to_wait_for() -> None:
    whole = fixture("http-unstreamed").raw
    exchange, seen = _perform(Limits(first_output_s=LIMIT_S, total_s=3 * LIMIT_S), [whole[:-5]])
    assert seen.error == "no complete reply within 0.45 s"
    assert _waited_s(exchange) >= 3 * LIMIT_S


def test_a_limit_ends_a_request_that_the_server_does_not_read() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: transports[0].open_connections == 0, "the client gives up")

    transports: list[Http11Transport] = []
    exchange = Exchange("/chat/completions", [b"a" * (64 << 20)], Limits(total_s=LIMIT_S))

    async def test() -> None:
        async with serving(deaf) as server:
            transports.append(Http11Transport(endpoint_of(server.url())))
            await transports[0].perform(exchange)

    run(test())
    assert interpret(exchange).outcome == "timeout"
    assert LIMIT_S <= _waited_s(exchange) < BOUND_S


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """The port of a listener that takes no more connections: SYNs to it go unanswered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def test_a_connection_that_is_not_made_in_time(full_backlog: int) -> None:
    exchange = Exchange("/chat/completions", [b"{}"], Limits(connect_s=LIMIT_S))

    async def test() -> None:
        transport = Http11Transport(endpoint_of(f"http://127.0.0.1:{full_backlog}"))
        await transport.perform(exchange)
        assert transport.open_connections == 0

    run(test())
    assert exchange.failure is not None
    assert (exchange.failure.outcome, exchange.failure.message) == ("connect", "no connection within 0.15 s")
    assert (exchange.sent_ns, exchange.connect_ns) == (None, None)
    assert exchange.end_ns is not None


def test_a_refused_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        exchange = Exchange("/chat/completions", [b"{}"], Limits())

        async def test() -> None:
            await Http11Transport(endpoint_of(f"http://127.0.0.1:{port}")).perform(exchange)

        run(test())
    seen = interpret(exchange)
    assert (seen.outcome, seen.error) == ("connect", "connection refused")


def test_a_name_that_does_not_exist() -> None:
    exchange = Exchange("/chat/completions", [b"{}"], Limits(connect_s=BOUND_S))

    async def test() -> None:
        await Http11Transport(endpoint_of("http://no-such-host.invalid")).perform(exchange)

    run(test())
    assert interpret(exchange).outcome == "connect"
