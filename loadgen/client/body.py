"""How large a response body may grow, and its content coding undone.

Called by the timeline only. Knows nothing of events: it turns the bytes of reads into the bytes that were meant.
"""

import zlib

# A reply that is not streamed may be this long; beyond it the turn fails with bounded memory.
MAX_BODY_BYTES = 64 * 1024 * 1024
# So may a single event be: far longer than any that says something, and short enough that walking through one of a
# million lines, as only an attack has, does not hold up the other streams for seconds.
MAX_EVENT_BYTES = 8 * 1024 * 1024
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class BodyTooLargeError(Exception):
    """A single event is larger than MAX_EVENT_BYTES, or an unstreamed body than MAX_BODY_BYTES."""

    def __init__(self) -> None:
        super().__init__("an event of more than 8 MiB or a reply of more than 64 MiB")


class CorruptBodyError(Exception):
    """A compressed body that can't be decompressed."""


def is_compressed(content_encoding: str) -> bool:
    """Whether a Content-Encoding is one that an `Inflater` undoes."""
    return content_encoding.strip().lower() in _CODINGS


class Inflater:
    """Undoes gzip or deflate, read by read, so that every byte keeps the stamp of the read it came with."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = _new_stream()

    def feed(self, pieces: list[bytes], budget: int) -> list[bytes]:
        """The same pieces, inflated. Raises CorruptBodyError; BodyTooLargeError above `budget` bytes."""
        inflated = []
        for piece in pieces:
            whole = self._inflate(piece, budget)
            budget -= len(whole)
            inflated.append(whole)
        return inflated

    def _inflate(self, piece: bytes, budget: int) -> bytes:
        parts = []
        while piece:
            if self._stream.eof:  # another member: gzip may be concatenated
                self._stream = _new_stream()
            try:
                parts.append(self._stream.decompress(piece, budget + 1))
            except zlib.error as error:
                raise CorruptBodyError(str(error)) from None
            budget -= len(parts[-1])
            if budget < 0:
                raise BodyTooLargeError
            piece = self._stream.unused_data
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _new_stream() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 32)
