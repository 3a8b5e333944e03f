"""Every wire fixture, whole and cut everywhere: the same facts each time, every stamp from the read it belongs to."""

import asyncio
from typing import Any

import pytest

from loadgen.client import timeline
from loadgen.client.reply import Reply, ToolCall, Usage
from tests.support.wire import Fixture, Played, fixtures, play

ALL = [pytest.param(one, id=one.name) for one in fixtures()]


def _reply(want: dict[str, Any]) -> Reply:
    usage = want.get("usage", {})
    return Reply(
        ok=want["outcome"] == "ok",
        text=want.get("text", ""),
        reasoning=want.get("reasoning", ""),
        tool_calls=tuple(ToolCall(**call) for call in want.get("tool_calls", [])),
        finish_reason=want.get("finish_reason"),
        usage=Usage(usage.get("input"), usage.get("output"), usage.get("cached"), usage.get("reasoning")),
    )


def _bytewise(loop: asyncio.AbstractEventLoop, one: Fixture) -> Played:
    return play(loop, one.raw, range(1, len(one.raw)), closes=one.closes)


@pytest.mark.parametrize("one", ALL)
def test_a_response_says_what_it_says(loop: asyncio.AbstractEventLoop, one: Fixture) -> None:
    played = play(loop, one.raw, [], closes=one.closes)
    want, seen = one.want, played.seen
    assert seen.outcome == want["outcome"], seen.error
    assert seen.reply == _reply(want)
    assert (seen.error is None) == (want["outcome"] == "ok")
    assert want.get("error", "") in (seen.error or "")
    assert played.exchange.status == want.get("status", 200 if seen.outcome == "ok" else played.exchange.status)
    assert played.exchange.timeline.streaming == want.get("streamed", True)
    assert len(played.exchange.timeline.chunk_stamps) == want["chunks"]
    assert played.reusable == want.get("reusable", not one.closes)


@pytest.mark.parametrize("one", ALL)
def test_byte_by_byte_every_stamp_is_that_of_the_byte_that_ends_its_line(
    loop: asyncio.AbstractEventLoop, one: Fixture
) -> None:
    played = _bytewise(loop, one)
    assert played.facts() == play(loop, one.raw, [], closes=one.closes).facts()
    chunks, first_output, first_answer = played.stamps()
    assert chunks == sorted(chunks)
    assert first_output == (chunks[0] if chunks else None)
    if "first_output_at" in one.want:
        assert first_output == 1000 * (one.line_end(one.want["first_output_at"]) + 1)
        answer = one.want.get("first_answer_at")
        assert first_answer == (None if answer is None else 1000 * (one.line_end(answer) + 1))


@pytest.mark.parametrize("one", ALL)
def test_digesting_after_every_read_changes_nothing(
    loop: asyncio.AbstractEventLoop, one: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end = _bytewise(loop, one)
    monkeypatch.setattr(timeline, "DIGEST_BYTES", 1)
    at_once = _bytewise(loop, one)
    assert at_once.facts() == at_the_end.facts()
    assert at_once.stamps() == at_the_end.stamps()
    assert at_once.exchange.timeline.reads == at_the_end.exchange.timeline.reads


@pytest.mark.parametrize("one", ALL)
def test_cut_in_two_at_any_byte_it_is_the_same_response(loop: asyncio.AbstractEventLoop, one: Fixture) -> None:
    bytewise = _bytewise(loop, one)
    facts = bytewise.facts()
    chunks, first_output, first_answer = bytewise.stamps()
    for cut in range(1, len(one.raw)):
        played = play(loop, one.raw, [cut], closes=one.closes)
        assert played.facts() == facts, cut

        def in_two(stamp: int | None, cut: int = cut) -> int | None:
            return None if stamp is None else (1000 if stamp <= 1000 * cut else 2000)

        assert played.stamps() == ([in_two(stamp) for stamp in chunks], in_two(first_output), in_two(first_answer)), cut
