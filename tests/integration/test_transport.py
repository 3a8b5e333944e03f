"""The transport over real sockets: stamps, keep-alive, reconnects, cancellation and big requests."""

import asyncio
import socket

import pytest

from loadgen.client.connection import WRITE_PIECE_BYTES
from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.http11 import IDLE_RETIRE_NS, Http11Transport
from loadgen.client.interpret import interpret
from tests.support.replay import CountingClock, Peer, ReplayServer, run, serving, until
from tests.support.wire import Fixture, fixture, fixtures

HELLO = fixture("1-lines-end-in-lf").raw
CLOSING = fixture("http-connection-close").raw
LIMITS = Limits(connect_s=20.0, total_s=30.0)
SAMPLE = [one for one in fixtures() if one.want.get("reusable", True)][::4]


def _exchange(body: list[bytes] | None = None) -> Exchange:
    return Exchange("/chat/completions", [b"{}"] if body is None else body, LIMITS)


def _transport(server: ReplayServer, clock: CountingClock | None = None) -> Http11Transport:
    return Http11Transport(endpoint_of(server.url()), now_ns=clock or CountingClock())


async def _answer_all(peer: Peer) -> None:
    while True:
        await peer.request()
        peer.send(HELLO)


@pytest.mark.parametrize("one", SAMPLE, ids=[one.name for one in SAMPLE])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_response_in_two_reads_is_stamped_by_them(one: Fixture, share: float) -> None:
    cut = int(len(one.raw) * share)
    clock = CountingClock()
    reads: list[int] = []

    async def in_two(peer: Peer) -> None:
        await peer.request()
        for part in (one.raw[:cut], one.raw[cut:]):
            before = len(clock.given)
            peer.send(part)
            await until(lambda before=before: len(clock.given) > before, "the client reads")  # type: ignore[misc]
            reads.append(clock.given[before])
        if not one.closes:
            await peer.closed()

    async def test() -> None:
        async with serving(in_two) as server:
            transport = _transport(server, clock)
            exchange = _exchange()
            await transport.perform(exchange)
            await transport.close()
        seen = interpret(exchange)
        assert seen.outcome == one.want["outcome"], seen.error
        assert seen.reply.text == one.want.get("text", "")
        assert set(exchange.timeline.chunk_stamps) <= set(reads)
        if "first_output_at" in one.want:
            assert exchange.timeline.first_output_ns == reads[one.line_end(one.want["first_output_at"]) >= cut]

    run(test())


def test_a_connection_is_kept_and_used_again() -> None:
    async def test() -> None:
        async with serving(_answer_all) as server:
            transport = _transport(server)
            first, second = _exchange(), _exchange()
            for exchange in (first, second):
                await transport.perform(exchange)
                assert interpret(exchange).outcome == "ok"
            assert len(server.peers) == 1
            assert first.connect_ns is not None
            assert second.connect_ns is None
            await transport.close()
            assert transport.open_connections == 0

    run(test())


def test_a_connection_idle_for_four_seconds_is_let_go() -> None:
    async def test() -> None:
        clock = CountingClock()
        async with serving(_answer_all) as server:
            transport = _transport(server, clock)
            await transport.perform(_exchange())
            clock.ahead_ns += IDLE_RETIRE_NS + 1
            exchange = _exchange()
            await transport.perform(exchange)
            assert len(server.peers) == 2
            assert exchange.reconnects == 0
            await until(lambda: transport.open_connections == 1, "the old connection closes")
            await transport.close()

    run(test())


def test_a_server_that_closes_gets_no_second_request_on_that_connection() -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        peer.send(CLOSING)

    async def test() -> None:
        async with serving(once) as server:
            transport = _transport(server)
            for _ in range(3):
                exchange = _exchange()
                await transport.perform(exchange)
                assert interpret(exchange).outcome == "ok"
                assert exchange.reconnects == 0
            assert len(server.peers) == 3
            await until(lambda: transport.open_connections == 0, "all are closed")

    run(test())


def test_a_connection_found_closed_is_not_used() -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO)  # keep-alive by its headers, and closes all the same

    async def test() -> None:
        async with serving(once) as server:
            transport = _transport(server)
            await transport.perform(_exchange())
            await until(lambda: transport.open_connections == 0, "the client sees the end")
            exchange = _exchange()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "ok"
            assert (exchange.reconnects, len(server.peers)) == (0, 2)

    run(test())


@pytest.mark.parametrize("reset", [False, True])
def test_a_stale_connection_is_replaced_once_and_the_send_time_kept(reset: bool) -> None:
    clock = CountingClock()

    async def second_time_lucky(peer: Peer) -> None:
        if peer.number == 0:
            await peer.request()
            peer.send(HELLO)
        await peer.request()
        if peer.number == 0:
            clock.ahead_ns += 1_000_000_000
            if reset:
                peer.reset()
            return
        peer.send(HELLO)

    async def test() -> None:
        async with serving(second_time_lucky) as server:
            transport = _transport(server, clock)
            await transport.perform(_exchange())
            exchange = _exchange()
            before = clock()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "ok"
            assert exchange.reconnects == 1
            assert exchange.connect_ns is not None
            assert exchange.sent_ns is not None
            assert exchange.end_ns is not None
            # The clock was put ahead between the first send and the answer to the second.
            assert before <= exchange.sent_ns < exchange.end_ns - 1_000_000_000
            assert len(server.peers) == 2
            await transport.close()

    run(test())


def test_after_a_byte_of_the_response_nothing_is_sent_again() -> None:
    async def half(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO)
        await peer.request()
        peer.send(HELLO[:40])

    async def test() -> None:
        async with serving(half) as server:
            transport = _transport(server)
            await transport.perform(_exchange())
            exchange = _exchange()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "truncated"
            assert (exchange.reconnects, len(server.peers)) == (0, 1)

    run(test())


def test_cancelling_closes_the_connection_and_keeps_what_came() -> None:
    seen_closed: list[int] = []

    async def half(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO[: HELLO.index(b'"lo"')])
        await peer.closed()
        seen_closed.append(peer.number)

    async def test() -> None:
        async with serving(half) as server:
            transport = _transport(server)
            exchange = _exchange()
            task = asyncio.get_running_loop().create_task(transport.perform(exchange))
            await until(lambda: exchange.timeline.reads > 0, "something was read")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: seen_closed == [0], "the server sees the end")
            assert transport.open_connections == 0
            seen = interpret(exchange)
            assert seen.reply.text == "Hel"
            assert exchange.timeline.first_output_ns is not None
            assert len(server.peers) == 1

    run(test())


def test_cancelling_while_connecting_leaves_no_connection() -> None:
    async def test() -> None:
        async with serving(_answer_all) as server:
            transport = _transport(server)
            exchange = _exchange()
            task = asyncio.get_running_loop().create_task(transport.perform(exchange))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert exchange.sent_ns is None
            assert transport.open_connections == 0

    run(test())


def test_a_big_request_goes_out_in_pieces_while_other_streams_are_read() -> None:
    parts = [b"a" * 3_000_000, b"b" * 999_999, b"c"]
    arrived = asyncio.Event()

    async def serve(peer: Peer) -> None:
        if peer.number == 0:  # the small stream: an event each time the loop turns, until the big request is in
            await peer.request()
            head, _, _ = HELLO.partition(b"\r\n\r\n")
            peer.send(head + b"\r\n\r\n")
            event = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
            while not arrived.is_set():
                peer.send(b"%x\r\n%s\r\n" % (len(event), event))
                await peer.writer.drain()
                await asyncio.sleep(0)
            peer.send(HELLO[len(head) + 4 :])
        else:
            await peer.request()
            arrived.set()
            peer.send(HELLO)

    async def test() -> None:
        async with serving(serve) as server:
            transport = _transport(server)
            small, big = _exchange(), _exchange(parts)
            reading = asyncio.get_running_loop().create_task(transport.perform(small))
            await until(lambda: small.timeline.reads > 0, "the small stream flows")
            before = small.timeline.reads
            await transport.perform(big)
            meanwhile = small.timeline.reads - before
            await reading
            assert interpret(small).outcome == interpret(big).outcome == "ok"
            assert server.peers[1].bodies == [b"".join(parts)]
            assert meanwhile >= 4_000_000 // WRITE_PIECE_BYTES // 4
            await transport.close()

    run(test())


def test_an_early_answer_ends_a_big_request() -> None:
    refusal = fixture("7-400-reasoning-content-missing").raw

    async def refuse(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.send(refusal)
        await until(lambda: transports[0].open_connections == 0, "the client gives the connection up")

    transports: list[Http11Transport] = []

    async def test() -> None:
        async with serving(refuse) as server:
            transport = _transport(server)
            transports.append(transport)
            exchange = _exchange([b"a" * (64 << 20)])
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "http_4xx"

    run(test())


def test_many_at_once_share_no_connection_and_leave_none() -> None:
    async def test() -> None:
        async with serving(_answer_all) as server:
            transport = _transport(server)
            exchanges = [_exchange() for _ in range(200)]
            await asyncio.gather(*(transport.perform(exchange) for exchange in exchanges))
            assert all(interpret(exchange).outcome == "ok" for exchange in exchanges)
            assert len(server.peers) <= 200
            await transport.close()
            await until(lambda: transport.open_connections == 0, "all are closed")

    run(test())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_literal() -> None:
    heads: list[bytes] = []

    async def answer(peer: Peer) -> None:
        heads.append(await peer.request())
        peer.send(CLOSING)

    async def test() -> None:
        try:
            probe = socket.socket(socket.AF_INET6)
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        probe.close()
        async with serving(answer, host="::1") as server:
            transport = _transport(server)
            exchange = _exchange()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "ok"
            assert f"Host: [::1]:{server.port}\r\n".encode() in heads[0]

    run(test())


def test_a_request_is_spelled_as_it_should_be() -> None:
    heads: list[bytes] = []

    async def answer(peer: Peer) -> None:
        for _ in range(2):
            heads.append(await peer.request())
            peer.send(HELLO)

    async def test() -> None:
        async with serving(answer) as server:
            transport = _transport(server)
            await transport.perform(_exchange([b'{"a":', b"1}"]))
            await transport.perform(Exchange("/models", None, LIMITS))
            assert heads[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:")
            assert b"\r\nContent-Length: 7\r\n" in heads[0]
            assert server.peers[0].bodies[0] == b'{"a":1}'
            assert heads[1].startswith(b"GET /v1/models HTTP/1.1\r\n")
            assert b"content-length" not in heads[1].lower()
            await transport.close()

    run(test())
