"""Server-sent events, split after the fact: from body bytes and the offsets where reads ended to (payload, stamp).

Called by the timeline in pieces of many reads, because splitting whole batches costs a fraction of a microsecond an
event and a per-read parser costs several. Follows the WHATWG event stream grammar (lines end in LF, CR or CRLF; data
lines of one event are joined by LF; lines starting with a colon are comments), with one leniency that real servers
need: at the end of the stream an event without its closing empty line still counts.
"""

import re
from bisect import bisect_right
from itertools import accumulate

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


class EventSplitter:
    """Splits a growing body into events. `feed` takes each batch of bytes once; what is incomplete is carried over."""

    __slots__ = ("_carry", "_carry_ends", "_carry_stamps", "_started", "cut_short")

    def __init__(self) -> None:
        self._carry = b""
        # Reads that the carry lies in: their ends as offsets into the carry, and their stamps.
        self._carry_ends: list[int] = []
        self._carry_stamps: list[int] = []
        self._started = False
        # Whether the stream ended within the last event and within a line: its data may be half of what was meant.
        self.cut_short = False

    @property
    def carried_bytes(self) -> int:
        """Bytes of the event that is not complete yet."""
        return len(self._carry)

    def feed(self, pieces: list[bytes], stamps: list[int], *, final: bool = False) -> tuple[list[bytes], list[int]]:
        """The payloads of the events completed by these reads, and for each the stamp of its last data line.

        pieces, stamps: one entry a read, ns. final: no more will come. An event is stamped with the read that
        completed its (last) data line, wherever the empty line after it arrived.
        """
        ends = self._carry_ends
        read_stamps = self._carry_stamps
        position = len(self._carry)
        for piece, stamp in zip(pieces, stamps, strict=True):
            position += len(piece)
            ends.append(position)
            read_stamps.append(stamp)
        buffer = self._carry + b"".join(pieces)
        if not self._started and buffer:
            if len(buffer) < 3 and not final:
                self._carry = buffer
                return [], []
            self._started = True
            if buffer.startswith(b"\xef\xbb\xbf"):  # a byte order mark; its length is kept for the offsets' sake
                buffer = b":\n\n" + buffer[3:]
        split = _split_simple(buffer)
        if split is None or (final and split[2] < len(buffer)):
            split = _split_any(buffer, final)
        payloads, line_ends, cut = split
        if final and line_ends and not buffer.endswith((b"\n", b"\r")):
            self.cut_short = _EVENT_END.search(buffer, line_ends[-1]) is None
        found = _stamps_at(ends, read_stamps, line_ends)
        self._keep(buffer, cut)
        return payloads, found

    def _keep(self, buffer: bytes, cut: int) -> None:
        self._carry = buffer[cut:]
        if not self._carry:
            self._carry_ends = []
            self._carry_stamps = []
            return
        first = bisect_right(self._carry_ends, cut)
        self._carry_ends = [end - cut for end in self._carry_ends[first:]]
        self._carry_stamps = self._carry_stamps[first:]


def _split_simple(buffer: bytes) -> tuple[list[bytes], list[int], int] | None:
    """The shape nearly every server sends, `data: ...` LF LF and nothing else; None where it is not that."""
    cut = buffer.rfind(b"\n\n") + 2
    if cut == 1 or not buffer.startswith(b"data: ") or b"\r" in buffer:
        return None
    payloads = buffer[6 : cut - 2].split(b"\n\ndata: ")
    if buffer.count(b"\n", 0, cut) != 2 * len(payloads) or b"" in payloads:
        return None
    # A payload's line ends two bytes before its event does: `data: ` in front of it, LF LF behind it.
    line_ends = [end - 2 for end in accumulate([len(payload) + 8 for payload in payloads])]
    return payloads, line_ends, cut


def _split_any(buffer: bytes, final: bool) -> tuple[list[bytes], list[int], int]:
    """Any legal stream: walks line by line. Only whole events are taken, unless `final`."""
    payloads: list[bytes] = []
    line_ends: list[int] = []
    data: list[bytes] = []
    data_end = 0
    cut = start = 0
    size = len(buffer)
    # Only up to the last line end: a long event that is not complete yet is not walked through.
    last_end = max(buffer.rfind(b"\n"), buffer.rfind(b"\r")) + 1
    for match in _LINE_END.finditer(buffer, 0, last_end):
        if match.end() == size and match[0] == b"\r" and not final:
            break  # its LF may be in the next read
        line = buffer[start : match.start()]
        start = match.end()
        if not line:
            if any(data):  # an event whose data is empty says nothing
                payloads.append(b"\n".join(data))
                line_ends.append(data_end)
            data = []
            cut = start
        elif line.startswith(b"data"):
            value = _data_value(line)
            if value is not None:
                data.append(value)
                data_end = match.start()
        elif not data:
            cut = start  # comments and unused fields between events need not be carried
    if final:
        last = _data_value(buffer[start:])
        if last is not None:
            data.append(last)
            data_end = size - 1
        if any(data):
            payloads.append(b"\n".join(data))
            line_ends.append(data_end)
        cut = size
    return payloads, line_ends, cut


def _data_value(line: bytes) -> bytes | None:
    """The value of a data line, None for any other line."""
    if line == b"data":
        return b""
    if not line.startswith(b"data:"):
        return None
    return line[6:] if line[5:6] == b" " else line[5:]


def _stamps_at(ends: list[int], stamps: list[int], positions: list[int]) -> list[int]:
    """For ascending positions: the stamp of the read that holds each byte."""
    if len(ends) == 1:
        return stamps * len(positions)
    found = []
    read = 0
    end = ends[0] if ends else 0
    for position in positions:
        while end <= position:
            read += 1
            end = ends[read]
        found.append(stamps[read])
    return found
