"""The event splitter against the grammar's own words, on streams and cuts that nobody would write by hand."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadgen.client.sse import EventSplitter

PARTS = st.sampled_from(
    [
        b"data: a\n\n",
        b"data: bc\n\n",
        b"data:",
        b"data",
        b"data: ",
        b" ",
        b"x",
        b":",
        b"\n",
        b"\r",
        b"\r\n",
        b"event: e",
    ]
)
STREAMS = st.lists(PARTS, max_size=24).map(b"".join)


def _by_the_book(stream: bytes) -> tuple[list[bytes], list[int]]:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, byte by byte.

    Payloads, and for each the offset at which its last data line ended. Our two leniencies: an event whose data is
    empty is none, and one without its empty line at the end of the stream is one.
    """
    lines: list[tuple[bytes, int]] = []
    start = at = 0
    while at < len(stream):
        if stream[at] in b"\r\n":
            lines.append((stream[start:at], at))
            at += 2 if stream[at : at + 2] == b"\r\n" else 1
            start = at
        else:
            at += 1
    if start < len(stream):
        lines.append((stream[start:], len(stream) - 1))
    lines.append((b"", len(stream)))
    payloads: list[bytes] = []
    ends: list[int] = []
    data: list[bytes] = []
    data_end = 0
    for line, end in lines:
        if not line:
            if any(data):
                payloads.append(b"\n".join(data))
                ends.append(data_end)
            data = []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
            data_end = end
    return payloads, ends


def _split(stream: bytes, cuts: list[int], batches: list[bool]) -> tuple[list[bytes], list[int]]:
    """Each read stamped with its number; batches: after which reads the splitter is fed."""
    splitter = EventSplitter()
    payloads: list[bytes] = []
    found: list[int] = []
    pieces: list[bytes] = []
    stamps: list[int] = []
    edges = [0, *cuts, len(stream)]
    for number, (start, end) in enumerate(pairwise(edges)):
        pieces.append(stream[start:end])
        stamps.append(number)
        final = number == len(cuts)
        if final or batches[number % len(batches)]:
            more, when = splitter.feed(pieces, stamps, final=final)
            payloads += more
            found += when
            pieces, stamps = [], []
    return payloads, found


@settings(max_examples=500, deadline=None)
@given(STREAMS, st.data())
@example(b"data: a\n\ndata: bc\n\n", None)
def test_any_stream_cut_anywhere_is_split_by_the_book(stream: bytes, data: st.DataObject | None) -> None:
    cuts: list[int] = []
    batches = [True]
    if data is not None:
        cuts = (
            sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=6))) if len(stream) > 1 else []
        )
        batches = data.draw(st.lists(st.booleans(), min_size=1, max_size=4))
    payloads, ends = _by_the_book(stream)
    expected = [sum(cut <= end for cut in cuts) for end in ends]
    assert _split(stream, cuts, batches) == (payloads, expected)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n"
    for cut in range(1, len(stream)):
        assert _split(stream, [cut], [True]) == ([b"a"], [int(cut <= len(stream) - 2)])


def test_only_what_is_incomplete_is_carried() -> None:
    splitter = EventSplitter()
    splitter.feed([b"data: a\n\n" * 1000 + b": c\n" * 1000], [1])
    splitter.feed([b": c\n" * 1000 + b"data: b"], [2])
    assert splitter.carried_bytes == len(b"data: b")


@pytest.mark.parametrize(
    ("stream", "cut_short"),
    [
        (b'data: a\n\ndata: {"b', True),
        (b"data: {\ndat", True),
        (b"data: {\n: comm", True),
        (b"data: a\r\ndata: b", True),
        (b"data: a\n\n", False),
        (b"data: a\n", False),
        (b"data: a\n\n: comm", False),
        (b"data: a\r\n\r\n{", False),
        (b"data: a\r\r{", False),
        (b"", False),
    ],
)
def test_an_event_is_cut_short_where_the_stream_ends_within_it(stream: bytes, cut_short: bool) -> None:
    for cut in range(max(1, len(stream))):
        splitter = EventSplitter()
        splitter.feed([stream[:cut]], [1])
        splitter.feed([stream[cut:]], [2], final=True)
        assert splitter.cut_short == cut_short, cut
