"""When a reply's tool calls were written: the first and the last chunk that held a piece of one."""

import json
from typing import Any

import pytest

from loadgen.client.chunks import decode_chunk
from loadgen.client.timeline import Timeline


def _event(**delta: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


def _call(arguments: str, **more: Any) -> bytes:
    return _event(tool_calls=[{"index": 0, "function": {"arguments": arguments} | more}])


def _times(*events: bytes) -> tuple[int | None, int | None]:
    """The two stamps, the n-th event having come at n * 10."""
    timeline = Timeline()
    timeline.begin(streaming=True, compressed=False)
    for number, event in enumerate(events, start=1):
        timeline.add(number * 10, event)
    timeline.digest(final=True)
    return timeline.first_call_ns, timeline.last_call_ns


@pytest.mark.parametrize(
    ("events", "times"),
    [
        ([_event(content="Hi")], (None, None)),
        ([_event(content="Hi"), _call("", name="f"), _call('{"a":'), _call("1}")], (20, 40)),
        ([_event(reasoning_content="?"), _call("{}", name="f"), _event(content="so")], (20, 20)),
        ([_call(""), _call("{}", name="f")], (20, 20)),
        ([_event(function_call={"name": "f", "arguments": ""}), _event(function_call={"arguments": "{}"})], (10, 20)),
    ],
    ids=["no call", "after text", "between thought and text", "opened empty", "as one function call"],
)
def test_a_call_is_written_from_its_first_piece_to_its_last(events: list[bytes], times: tuple[int, int]) -> None:
    assert _times(*events) == times


def test_a_call_that_came_whole_has_no_times() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    timeline = Timeline()
    timeline.begin(streaming=False, compressed=False)
    timeline.take_whole(decode_chunk(json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}).encode()), 10)
    assert (timeline.first_call_ns, timeline.last_call_ns) == (None, None)
    assert len(timeline.tool_calls) == 1
