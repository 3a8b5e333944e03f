"""Bytes that no server should send, at every level that takes them: nothing raises, nothing hangs, cuts change nothing.

Seconds in CI; `make fuzz` tries many times more.
"""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.client import timeline as timeline_module
from loadgen.client.exchange import Exchange
from loadgen.client.interpret import interpret
from loadgen.client.sse import EventSplitter
from tests.support.streams import bodies, examples, responses
from tests.support.wire import NO_LIMITS, Wire, fixtures, play

_TOKENS = [b"data: ", b"data:", b"\n", b"\r", b"\r\n", b"\n\n", b": c\n", b"\xef\xbb\xbf", b"\xff", b"\x00", b"{", b"}"]
_TOKENS += [
    b'{"choices":[{"delta":{"content":"x"}}]}',
    b'"usage":',
    b"null",
    b"[DONE]",
    b"[",
    b'"',
    b"\xf0\x9f",
    b"1e999",
]
_NOISE = st.lists(st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=6)), max_size=30).map(b"".join)
_RAW = [one.raw for one in fixtures()]
_CUTS = st.lists(st.floats(0, 1), max_size=8)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    one = asyncio.new_event_loop()
    yield one
    one.close()


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A known response with bytes changed, dropped, doubled or put in from another."""
    raw = bytearray(draw(st.sampled_from(_RAW)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        length = draw(st.integers(0, 20))
        kind = draw(st.sampled_from(["change", "drop", "double", "splice", "token"]))
        if kind == "change" and raw:
            raw[at] = draw(st.integers(0, 255))
        elif kind == "drop":
            del raw[at : at + length]
        elif kind == "double":
            raw[at:at] = raw[at : at + length]
        elif kind == "splice":
            other = draw(st.sampled_from(_RAW))
            raw[at:] = other[draw(st.integers(0, len(other))) :]
        else:
            raw[at:at] = draw(st.sampled_from(_TOKENS))
    return bytes(raw)


def _offsets(cuts: list[float], size: int) -> list[int]:
    return sorted({round(cut * size) for cut in cuts} - {0, size})


def _pieces(raw: bytes, cuts: list[float]) -> list[bytes]:
    at = [0, *_offsets(cuts, len(raw)), len(raw)]
    return [raw[start:end] for start, end in pairwise(at)]


@settings(max_examples=examples(300))
@given(stream=st.one_of(_NOISE, bodies()), cuts=_CUTS)
def test_the_splitter_finds_the_same_events_however_it_is_fed(stream: bytes, cuts: list[float]) -> None:
    whole, _ = EventSplitter().feed([stream], [1], final=True)
    splitter = EventSplitter()
    found: list[bytes] = []
    stamps: list[int] = []
    pieces = _pieces(stream, cuts)
    for number, piece in enumerate(pieces):
        payloads, stamped = splitter.feed([piece], [number], final=number == len(pieces) - 1)
        found += payloads
        stamps += stamped
        assert splitter.carried_bytes <= len(stream)
    assert found == whole
    assert stamps == sorted(stamps)
    assert splitter.carried_bytes == 0


@settings(max_examples=examples(300))
@given(
    body=st.one_of(_NOISE, bodies()),
    kind=st.sampled_from(["text/event-stream", "application/json", ""]),
    coding=st.sampled_from(["", "", "gzip", "deflate", "br"]),
    status=st.sampled_from([200, 204, 302, 404, 429, 500, 599]),
    cuts=_CUTS,
)
def test_a_body_is_judged_whatever_it_is(body: bytes, kind: str, coding: str, status: int, cuts: list[float]) -> None:
    def judged(pieces: list[bytes]) -> tuple[object, ...]:
        exchange = Exchange("/chat/completions", [b"{}"], NO_LIMITS, sent_ns=0)
        exchange.headers = {"content-type": kind, "content-encoding": coding}
        exchange.begin_body(status)
        for number, piece in enumerate(pieces, 1):
            exchange.timeline.add(number, piece)
        exchange.end_ns = len(pieces)
        seen = interpret(exchange)
        assert (seen.error is None) == (seen.outcome == "ok") == seen.reply.ok
        assert len(seen.error or "") <= 300
        stamps = exchange.timeline.chunk_stamps
        assert stamps == sorted(stamps)
        return seen.outcome, seen.error, seen.reply, len(stamps)

    assert judged(_pieces(body, cuts)) == judged([body])


@settings(max_examples=examples(500))
@given(raw=st.one_of(_mutated(), responses().map(lambda response: response.raw), st.binary(max_size=60)), cuts=_CUTS)
def test_a_connection_takes_whatever_comes(loop: asyncio.AbstractEventLoop, raw: bytes, cuts: list[float]) -> None:
    wire = Wire(loop)
    for piece in _pieces(raw, cuts):
        if wire.transport.aborted:
            break
        wire.read(piece)
    if not wire.connection.reusable and not wire.transport.aborted:
        wire.lose()
    assert wire.result()
    assert wire.exchange.end_ns is not None
    seen = interpret(wire.exchange)
    assert (seen.error is None) == (seen.outcome == "ok")
    assert wire.transport.aborted or wire.connection.closed or wire.connection.reusable


@settings(max_examples=examples(300))
@given(raw=st.one_of(_mutated(), responses().map(lambda response: response.raw)), cuts=_CUTS)
def test_a_broken_response_is_the_same_however_it_is_cut(
    loop: asyncio.AbstractEventLoop, raw: bytes, cuts: list[float]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline_module, "DIGEST_BYTES", 64)
        in_pieces = play(loop, raw, _offsets(cuts, len(raw)), closes=True)
    whole = play(loop, raw, [], closes=True)
    errors = (in_pieces.seen.error or "", whole.seen.error or "")
    if errors[0] == errors[1] and not errors[0].startswith("corrupt compressed body"):
        assert in_pieces.facts() == whole.facts()
    else:
        # Two things are wrong with it, and which one is met first is a matter of how much is looked at together; so is
        # what is read of a compressed body before the place where it can't be.
        assert in_pieces.seen.outcome == whole.seen.outcome != "ok"
