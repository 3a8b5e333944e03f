"""The aiohttp transport over real sockets: the fixtures, connections, limits, TLS and proxies, as of the other one."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from loadgen.client.aiohttp_transport import AiohttpTransport
from loadgen.client.connection import WRITE_PIECE_BYTES
from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted, interpret
from tests.support.authority import Authority
from tests.support.proxy import proxying
from tests.support.replay import CountingClock, Peer, ReplayServer, run, serving, until
from tests.support.wire import Fixture, fixture, fixtures

LIMITS = Limits(connect_s=20.0, total_s=30.0)
LIMIT_S = 0.15
HELLO = fixture("1-lines-end-in-lf").raw
BIG = [b"a" * 3_000_000, b"b" * 999_999, b"c"]
EVENT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
# What is wrong in a read makes aiohttp throw away all of it, the head and the good part of the body included.
LOST_WITH_THE_READ = {"http-bad-chunk-size", "http-endless-chunk-size", "http-surplus-garbage"}
ALL = [pytest.param(one, id=one.name) for one in fixtures() if one.name not in LOST_WITH_THE_READ]


def _exchange(body: list[bytes] | None = None, limits: Limits = LIMITS) -> Exchange:
    return Exchange("/chat/completions", [b"{}"] if body is None else body, limits)


async def _answer_all(peer: Peer) -> None:
    while True:
        await peer.request()
        peer.send(HELLO)


def _with_server(
    behaviour: Callable[[Peer], Awaitable[None]], test: Callable[[AiohttpTransport, ReplayServer], Awaitable[None]]
) -> None:
    async def both() -> None:
        async with serving(behaviour) as server:
            transport = AiohttpTransport(endpoint_of(server.url()))
            try:
                await test(transport, server)
            finally:
                await transport.close()

    run(both())


@pytest.mark.parametrize("one", ALL)
def test_a_response_says_what_it_says(one: Fixture) -> None:
    exchange = _exchange()

    async def answer(peer: Peer) -> None:
        await peer.request()
        peer.send(one.raw)
        if not one.closes:
            await peer.closed()

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        await transport.perform(exchange)

    _with_server(answer, perform)
    seen, want = interpret(exchange), one.want
    assert seen.outcome == want["outcome"], seen.error
    assert (seen.reply.text, seen.reply.reasoning) == (want.get("text", ""), want.get("reasoning", ""))
    assert seen.reply.finish_reason == want.get("finish_reason")
    assert len(exchange.timeline.chunk_stamps) == want["chunks"]
    assert exchange.end_ns is not None


@pytest.mark.parametrize("name", sorted(LOST_WITH_THE_READ))
def test_what_it_loses_it_does_not_take_for_good(name: str) -> None:
    async def answer(peer: Peer) -> None:
        await peer.request()
        peer.send(fixture(name).raw)
        await peer.closed()

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        exchange = _exchange()
        await transport.perform(exchange)
        assert interpret(exchange).outcome == "invalid_response"

    _with_server(answer, perform)


def test_framing_that_breaks_in_mid_stream_ends_the_turn() -> None:
    async def break_off(peer: Peer) -> None:
        await peer.request()
        peer.send(STREAM + CHUNK)
        await until(lambda: exchange.timeline.reads > 0, "the first chunk is read")
        peer.send(b"zz\r\n")
        await peer.closed()

    exchange = _exchange()

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        await transport.perform(exchange)
        seen = interpret(exchange)
        assert (seen.outcome, seen.reply.text) == ("invalid_response", "x")
        assert exchange.end_ns == exchange.timeline.chunk_stamps[-1]

    _with_server(break_off, perform)


def test_stamps_follow_one_another_and_a_connection_is_used_again() -> None:
    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        for number in range(2):
            exchange = _exchange()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "ok"
            assert (exchange.connect_ns is None) == bool(number)
            assert exchange.sent_ns is not None
            assert exchange.end_ns is not None
            stamps = exchange.timeline.chunk_stamps
            assert exchange.sent_ns < stamps[0] <= stamps[-1] <= exchange.end_ns
        assert len(server.peers) == 1

    _with_server(_answer_all, perform)


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
            transport = AiohttpTransport(endpoint_of(server.url()), now_ns=clock)
            await transport.perform(_exchange())
            exchange = _exchange()
            await transport.perform(exchange)
            assert interpret(exchange).outcome == "ok"
            assert (exchange.reconnects, len(server.peers)) == (1, 2)
            assert exchange.sent_ns is not None
            assert exchange.end_ns is not None
            assert exchange.sent_ns < exchange.end_ns - 1_000_000_000
            await transport.close()

    run(test())


def test_after_a_byte_of_the_response_nothing_is_sent_again() -> None:
    async def half(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO)
        await peer.request()
        peer.send(HELLO[:40])

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        await transport.perform(_exchange())
        exchange = _exchange()
        await transport.perform(exchange)
        assert interpret(exchange).outcome == "truncated"
        assert (exchange.reconnects, len(server.peers)) == (0, 1)

    _with_server(half, perform)


def test_cancelling_closes_the_connection_and_keeps_what_came() -> None:
    closed: list[int] = []

    async def half(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO[: HELLO.index(b'"lo"')])
        await peer.closed()
        closed.append(peer.number)

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        exchange = _exchange()
        task = asyncio.get_running_loop().create_task(transport.perform(exchange))
        await until(lambda: exchange.timeline.reads > 0, "something was read")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: closed == [0], "the server sees the end")
        assert interpret(exchange).reply.text == "Hel"
        assert exchange.end_ns is None

    _with_server(half, perform)


@pytest.mark.parametrize(
    ("limits", "sent", "says"),
    [
        (Limits(total_s=LIMIT_S), [], "no complete reply within 0.15 s"),
        (Limits(total_s=LIMIT_S), [STREAM, CHUNK], "no complete reply within 0.15 s"),
        (Limits(idle_s=LIMIT_S), [STREAM, CHUNK], "nothing read for 0.15 s"),
        (Limits(first_output_s=LIMIT_S), [], "no output within 0.15 s"),
        (Limits(first_output_s=LIMIT_S), [STREAM, b"e\r\n: keep-alive\n\n\r\n"], "no output within 0.15 s"),
        (Limits(first_output_s=LIMIT_S, total_s=3 * LIMIT_S), [STREAM, CHUNK], "no complete reply within 0.45 s"),
    ],
)
def test_a_limit_ends_a_turn(limits: Limits, sent: list[bytes], says: str) -> None:
    async def stall(peer: Peer) -> None:
        await peer.request()
        for part in sent:
            peer.send(part)
        await peer.closed()

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        exchange = _exchange(limits=limits)
        await transport.perform(exchange)
        seen = interpret(exchange)
        assert (seen.outcome, seen.error) == ("timeout", says)
        assert exchange.sent_ns is not None
        assert exchange.end_ns is not None
        # The whole turn's limit counts the connection made for it.
        assert LIMIT_S <= (exchange.end_ns - exchange.sent_ns + (exchange.connect_ns or 0)) / 1e9 < 15
        assert seen.reply.text == ("x" if CHUNK in sent else "")

    _with_server(stall, perform)


def test_a_big_request_goes_out_in_pieces() -> None:
    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        exchange = _exchange(BIG)
        await transport.perform(exchange)
        assert interpret(exchange).outcome == "ok"
        assert server.peers[0].bodies == [b"".join(BIG)]
        assert sum(map(len, BIG)) > 10 * WRITE_PIECE_BYTES

    _with_server(_answer_all, perform)


def test_an_early_answer_ends_a_big_request_and_its_connection() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.send(fixture("7-400-reasoning-content-missing").raw)
        await peer.closed()

    async def perform(transport: AiohttpTransport, server: ReplayServer) -> None:
        exchange = _exchange([b"a" * (16 << 20)])
        await transport.perform(exchange)
        assert interpret(exchange).outcome == "http_4xx"

    _with_server(refuse, perform)


def test_a_request_is_spelled_as_the_other_transport_spells_it() -> None:
    heads: list[bytes] = []

    async def answer(peer: Peer) -> None:
        for _ in range(2):
            heads.append(await peer.request())
            peer.send(HELLO)

    async def test() -> None:
        async with serving(answer) as server:
            endpoint = endpoint_of(server.url(), headers={"X-Team": "blue"}, api_key="sk-1")
            transport = AiohttpTransport(endpoint)
            await transport.perform(_exchange([b'{"a":', b"1}"]))
            await transport.perform(Exchange("/models", None, LIMITS))
            await transport.close()
            for head, method, path in zip(heads, ("POST", "GET"), ("/chat/completions", "/models"), strict=True):
                lines = set(head.split(b"\r\n")) - {b"", b"Content-Length: 7"}
                assert lines == set(endpoint.head(method, path).split(b"\r\n")) - {b""}
            assert server.peers[0].bodies[0] == b'{"a":1}'

    run(test())


def test_a_refused_connection_and_a_name_that_does_not_exist() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def test() -> None:
            for url, says in (
                (f"http://127.0.0.1:{port}", "connection refused"),
                ("http://no-such-host.invalid", "the host name can't be resolved"),
            ):
                exchange = _exchange()
                transport = AiohttpTransport(endpoint_of(url))
                await transport.perform(exchange)
                await transport.close()
                assert exchange.failure is not None
                assert exchange.failure.outcome == "connect"
                assert exchange.failure.message.startswith(says)
                assert exchange.sent_ns is None

        run(test())


def _over_tls(authority: Authority, trusted: ssl.SSLContext | None, *, address: str = "127.0.0.1") -> Interpreted:
    exchange = _exchange()

    async def test() -> None:
        async with serving(_answer_all, tls=authority.server_context(address)) as server:
            transport = AiohttpTransport(endpoint_of(server.url("https")), tls=trusted)
            await transport.perform(exchange)
            await transport.close()

    run(test())
    return interpret(exchange)


def test_tls_is_verified_by_default_and_against_a_private_authority(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    trusted = ssl.create_default_context(cafile=str(ours.ca_file))
    assert _over_tls(ours, trusted).outcome == "ok"
    refused = _over_tls(ours, None)
    assert refused.outcome == "tls"
    assert "certificate verify failed" in (refused.error or "")
    assert _over_tls(ours, ssl.create_default_context(cafile=str(other.ca_file))).outcome == "tls"
    assert _over_tls(ours, trusted, address="127.0.0.2").outcome == "tls"


def test_a_server_that_speaks_no_tls() -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def test() -> None:
        async with serving(plain) as server:
            transport = AiohttpTransport(endpoint_of(server.url("https")))
            exchange = _exchange()
            await transport.perform(exchange)
            await transport.close()
            assert interpret(exchange).outcome == "tls"

    run(test())


@pytest.mark.parametrize("tls", [False, True])
def test_through_a_proxy(tmp_path: Path, tls: bool) -> None:
    authority = Authority(tmp_path, "ours")

    async def test() -> None:
        context = authority.server_context() if tls else None
        async with serving(_answer_all, tls=context) as server, proxying() as proxy:
            trusted = ssl.create_default_context(cafile=str(authority.ca_file)) if tls else None
            endpoint = endpoint_of(server.url("https" if tls else "http"))
            transport = AiohttpTransport(endpoint, tls=trusted, proxy=proxy.url("me:secret-word@"))
            for number in range(2):
                exchange = _exchange()
                await transport.perform(exchange)
                assert interpret(exchange).outcome == "ok", exchange.failure
                assert (exchange.connect_ns is None) == bool(number)
            await transport.close()
            assert len(proxy.heads) == len(server.peers) == 1
            head = proxy.heads[0]
            target = f"CONNECT 127.0.0.1:{server.port}" if tls else f"POST {server.url()}/chat/completions"
            assert head.startswith(target.encode())
            assert b"Proxy-Authorization: Basic" in head

    run(test())


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_refuses(tls: bool) -> None:
    async def test() -> None:
        async with proxying(refuses=b"407 Proxy Authentication Required") as proxy:
            endpoint = endpoint_of("https://127.0.0.1:9/v1" if tls else "http://127.0.0.1:9/v1")
            transport = AiohttpTransport(endpoint, proxy=proxy.url())
            exchange = _exchange()
            await transport.perform(exchange)
            await transport.close()
            seen = interpret(exchange)
            assert "HTTP 407" in (seen.error or "")
            # A tunnel that is refused is no connection; without a tunnel, the answer is the reply.
            assert seen.outcome == ("connect" if tls else "http_4xx")

    run(test())


def test_a_proxy_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def test() -> None:
            transport = AiohttpTransport(endpoint_of("http://127.0.0.1:9/v1"), proxy=f"http://127.0.0.1:{port}")
            exchange = _exchange()
            await transport.perform(exchange)
            await transport.close()
            assert exchange.failure is not None
            assert (exchange.failure.outcome, exchange.failure.message) == ("connect", "the proxy: connection refused")

        run(test())
