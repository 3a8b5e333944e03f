"""TLS: verified unless told otherwise by an authority of the user's own, stamped and ended like a plain connection."""

import ssl
from pathlib import Path

import pytest

from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.http11 import Http11Transport
from loadgen.client.interpret import Interpreted, interpret
from tests.support.authority import Authority
from tests.support.replay import CountingClock, Peer, run, serving, until
from tests.support.wire import fixture

LIMITS = Limits(connect_s=20.0, total_s=30.0)
HELLO = fixture("1-lines-end-in-lf").raw
UNFRAMED = fixture("6-no-done-unframed").raw


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


def _perform(server_tls: ssl.SSLContext | None, client_tls: ssl.SSLContext | None, raw: bytes = HELLO) -> Interpreted:
    async def answer(peer: Peer) -> None:
        await peer.request()
        peer.send(raw)
        if raw is HELLO:
            await peer.closed()

    exchange = Exchange("/chat/completions", [b"{}"], LIMITS)

    async def test() -> None:
        async with serving(answer, tls=server_tls) as server:
            transport = Http11Transport(endpoint_of(server.url("https")), tls=client_tls)
            await transport.perform(exchange)
            await transport.close()
            assert transport.open_connections == 0

    run(test())
    return interpret(exchange)


def test_an_authority_that_is_trusted(authority: Authority) -> None:
    seen = _perform(authority.server_context(), ssl.create_default_context(cafile=str(authority.ca_file)))
    assert seen.outcome == "ok", seen.error
    assert seen.reply.text == "Hello"


def test_a_body_that_ends_with_the_connection(authority: Authority) -> None:
    seen = _perform(authority.server_context(), ssl.create_default_context(cafile=str(authority.ca_file)), UNFRAMED)
    assert seen.outcome == "ok", seen.error


def test_by_default_an_unknown_authority_is_not_trusted(authority: Authority) -> None:
    seen = _perform(authority.server_context(), None)
    assert seen.outcome == "tls"
    assert seen.error is not None
    assert "certificate verify failed" in seen.error


def test_another_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    seen = _perform(authority.server_context(), ssl.create_default_context(cafile=str(other.ca_file)))
    assert seen.outcome == "tls"


def test_a_certificate_for_another_address_is_not_trusted(authority: Authority) -> None:
    trusted = ssl.create_default_context(cafile=str(authority.ca_file))
    seen = _perform(authority.server_context("127.0.0.2"), trusted)
    assert seen.outcome == "tls"
    assert seen.error is not None
    assert "127.0.0.1" in seen.error


def test_a_server_that_speaks_no_tls() -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    exchange = Exchange("/chat/completions", [b"{}"], LIMITS)

    async def test() -> None:
        async with serving(plain) as server:
            await Http11Transport(endpoint_of(server.url("https"))).perform(exchange)

    run(test())
    assert interpret(exchange).outcome == "tls"


def test_a_server_that_hangs_up_in_the_handshake() -> None:
    async def rude(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.reset()

    exchange = Exchange("/chat/completions", [b"{}"], LIMITS)

    async def test() -> None:
        async with serving(rude) as server:
            await Http11Transport(endpoint_of(server.url("https"))).perform(exchange)

    run(test())
    assert interpret(exchange).outcome == "tls"


def test_stamps_reuse_and_a_big_request_under_tls(authority: Authority) -> None:
    clock = CountingClock()
    cut = HELLO.index(b'"lo"')
    reads: list[int] = []

    async def in_two(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            for part in (HELLO[:cut], HELLO[cut:]):
                before = len(clock.given)
                peer.send(part)
                await until(lambda before=before: len(clock.given) > before, "the client reads")  # type: ignore[misc]
                reads.append(clock.given[before])
        await peer.closed()

    big = [b"a" * 4_000_000]

    async def test() -> None:
        async with serving(in_two, tls=authority.server_context()) as server:
            trusted = ssl.create_default_context(cafile=str(authority.ca_file))
            transport = Http11Transport(endpoint_of(server.url("https")), tls=trusted, now_ns=clock)
            for number in range(2):
                exchange = Exchange("/chat/completions", big, LIMITS)
                await transport.perform(exchange)
                assert interpret(exchange).outcome == "ok"
                assert exchange.timeline.chunk_stamps == reads[2 * number :]
                assert (exchange.connect_ns is None) == bool(number)
            assert server.peers[0].bodies == [b"".join(big)] * 2
            await transport.close()

    run(test())
