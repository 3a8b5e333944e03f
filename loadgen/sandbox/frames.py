"""What keeper and sandbox tell each other: a JSON header and the bytes it speaks of, over a stream socket.

Only the standard library's lightest parts: a sandbox's first process imports this at every start.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Header = dict[str, Any]
_LENGTH = struct.Struct("!I")
LENGTH_BYTES = _LENGTH.size
# A header lists a tree's files; a sandbox that sends more is not one of ours.
_MOST_HEADER = 4 * 1024 * 1024


def pack(header: Mapping[str, Any], blobs: Sequence[bytes]) -> bytes:
    """One message; the lengths of the blobs travel in it."""
    head = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    return b"".join((_LENGTH.pack(len(head)), head, *blobs))


def unpack(read: Callable[[int], bytes]) -> tuple[Header, list[bytes]]:
    """The next message. read: gives exactly so many bytes. Raises ValueError for what is no message."""
    header, sizes = parse_head(read(head_length(read(LENGTH_BYTES))))
    return header, [read(size) for size in sizes]


def head_length(prefix: bytes) -> int:
    """How long the header after this prefix is. Raises ValueError."""
    (length,) = _LENGTH.unpack(prefix)
    if length > _MOST_HEADER:
        raise ValueError("not a message of a sandbox")
    return int(length)


def parse_head(head: bytes) -> tuple[Header, list[int]]:
    """A header, and how long each of the blobs is that follow it."""
    header: Header = json.loads(head)
    return header, header.pop("blobs")


def exactly(receive: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """From what gives some of so many bytes to what gives all of them. Raises EOFError at the end."""

    def read(count: int) -> bytes:
        pieces: list[bytes] = []
        while count:
            piece = receive(min(count, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    return read
