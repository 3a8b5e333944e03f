"""Both transports on the same responses, whole and broken: the same outcome, reply and chunks, whatever the cuts."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop
from hypothesis import given, settings

from loadgen.client import aiohttp_transport
from loadgen.client.aiohttp_transport import AiohttpTransport
from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.http11 import Http11Transport
from loadgen.client.interpret import interpret
from loadgen.client.reply import Reply
from loadgen.client.transport import Transport
from tests.support.replay import Peer, serving
from tests.support.streams import Response, examples, responses

LIMITS = Limits(connect_s=20.0, total_s=20.0)


@dataclass(frozen=True)
class Facts:
    """All that both transports must agree on."""

    outcome: str
    reply: Reply
    status: int | None
    streamed: bool
    chunks: int


async def _facts(transport: Transport) -> Facts:
    exchange = Exchange("/chat/completions", [b"{}"], LIMITS)
    try:
        await transport.perform(exchange)
    finally:
        await transport.close()
    seen = interpret(exchange)
    timeline = exchange.timeline
    return Facts(seen.outcome, seen.reply, exchange.status, timeline.streaming, len(timeline.chunk_stamps))


async def _both(response: Response) -> tuple[Facts, Facts]:
    async def play(peer: Peer) -> None:
        await peer.request()
        for piece in response.writes:
            if peer.writer.is_closing():
                return  # the client has left
            peer.send(piece)
            for _ in range(3):  # turns of the loop in which the client may read what came
                await asyncio.sleep(0)
        if not response.closes:
            await peer.closed()

    async with serving(play) as server:
        endpoint = endpoint_of(server.url())
        return await _facts(Http11Transport(endpoint)), await _facts(AiohttpTransport(endpoint))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as one, pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiohttp_transport, "_LOOK_S", 0.01)
        yield one


def agree(runner: asyncio.Runner, response: Response) -> None:
    """Assert that both transports make the same of it, or differ only where they are documented to."""
    ours, theirs = runner.run(_both(response))
    if response.framing_broken:
        # aiohttp's parser gives up a whole read for what is wrong in it, with the head and the body before.
        assert theirs.outcome in (ours.outcome, "invalid_response")
        assert ours.reply.text.startswith(theirs.reply.text)
        return
    assert theirs == ours


@settings(max_examples=examples(400))
@given(response=responses())
def test_both_transports_see_the_same(runner: asyncio.Runner, response: Response) -> None:
    agree(runner, response)
