"""What all recordings have in common: their file, their mistakes, what one recorded request is, and where rows lie.

A recording is read once, line by line, before the load starts: every line is checked, and only where it lies is kept,
in a file of its own. While the load runs a session reads its few lines when it needs them. So memory does not depend
on the recording's size, and a turn costs a read of some kilobytes that the system has in its cache.
"""

import os
import struct
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np

from loadgen.errors import TraceError
from loadgen.scenario.sizes import MOST_TOKENS

# A line this long is no line of a recording; reading on would hold the whole file in memory.
LONGEST_LINE_BYTES = 64 * 2**20
_SHOWN_MISTAKES = 3
_BUFFERED_ROWS = 4096

_Record = TypeVar("_Record")


class MistakeError(Exception):
    """What is wrong with a record; becomes a TraceError, or a count, where file and line are known."""


@dataclass(frozen=True, slots=True)
class Request:
    """One recorded request of which the text is not known.

    at_s: when it was sent, on the recording's clock. busy_s: how long its answer took; None where not recorded.
    hash_ids: its prefix-cache blocks in order, scope: what the ids are unique within; None where not recorded.
    own: a number of its own for text that is shared with nothing else (the same number, the same text).
    waits_for: what the pause before it was. beside: sub-agents that were started after it.
    """

    input_tokens: int
    output_tokens: int
    at_s: float
    own: int
    hash_ids: Sequence[int] | None = None
    scope: int = 0
    busy_s: float | None = None
    waits_for: Literal["think", "tool"] = "think"
    beside: "tuple[Beside, ...]" = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """A sub-agent: a session of its own that starts `at_s` on its parent's clock. `requests` has its own clock."""

    at_s: float
    requests: Iterator[Request]


@dataclass(slots=True)
class Mistakes:
    """Lines that can't be used: raised at once, or counted where `on_bad_line` is skip.

    first: the texts of the first few. empty: records in which nothing is asked; they are no mistakes.
    """

    on_bad_line: Literal["stop", "skip"]
    skipped: int = 0
    first: list[str] = field(default_factory=list)
    empty: int = 0

    def at(self, place: str, what: object) -> None:
        """A mistake at `file:line`. Raises TraceError unless it is to be skipped."""
        text = f"{place}: {what}"
        if self.on_bad_line == "stop":
            raise TraceError(text)
        self.skipped += 1
        if len(self.first) < _SHOWN_MISTAKES:
            self.first.append(text)

    def nothing_left(self, path: Path, what: str, expected: str) -> TraceError:
        """The error for a recording that holds none of `what`: what is wrong with its lines, or what is expected."""
        return TraceError(f"{path}: holds no {what}; {' '.join(self.notes) or f'expected {expected}'}")

    @property
    def notes(self) -> tuple[str, ...]:
        """For the user: how many lines were left out and where the first ones are."""
        if not self.skipped:
            return ()
        more = "" if self.skipped <= len(self.first) else f"; and {self.skipped - len(self.first)} more"
        lines = "1 bad line" if self.skipped == 1 else f"{self.skipped} bad lines"
        return (f"{lines} left out of a recording: {'; '.join(self.first)}{more}",)


class SpanFile:
    """A file to read pieces of, at any time and from any thread; closed when nobody has it any more."""

    __slots__ = ("__weakref__", "_fd", "path")

    def __init__(self, path: Path) -> None:
        """Raises TraceError where it can't be opened."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise unreadable(path, error) from error
        weakref.finalize(self, os.close, self._fd)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on. Raises TraceError where the file is shorter by now."""
        data = os.pread(self._fd, size, offset)
        if len(data) != size:
            raise TraceError(f"{self.path}: was changed while it was being replayed")
        return data


def unreadable(path: Path, error: OSError) -> TraceError:
    """The error for a recording that can't be opened or read."""
    return TraceError(f"{path}: can't be read: {error.strerror or error}; check `path` in the scenario")


def check_lengths(input_tokens: int, output_tokens: int) -> None:
    """Raises MistakeError for lengths that no request has."""
    if not (0 <= input_tokens <= MOST_TOKENS and 0 <= output_tokens <= MOST_TOKENS):
        raise MistakeError(f"lengths of {input_tokens} and {output_tokens} tokens; expected 0 to {MOST_TOKENS:,}")


def decode_line(decode: Callable[[bytes], _Record], data: bytes) -> _Record:
    """What `decode` makes of a line of JSON. Raises MistakeError for anything else."""
    try:
        return decode(data)
    except msgspec.ValidationError as error:
        raise MistakeError(str(error).replace("`$.", "`")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MistakeError(f"not a JSON object in UTF-8: {error}") from None


def lines_of(path: Path, mistakes: Mistakes) -> Iterator[tuple[int, int, bytes]]:
    """Every line that is not blank: (line number from 1, offset, data). The byte order mark is not part of the first.

    Raises TraceError where the file can't be read. Lines over 64 MiB are mistakes.
    """
    try:
        with path.open("rb", buffering=1 << 20) as file:
            offset, number = 0, 0
            while data := file.readline(LONGEST_LINE_BYTES):
                number += 1
                start, offset = offset, offset + len(data)
                if len(data) == LONGEST_LINE_BYTES and not data.endswith(b"\n"):
                    mistakes.at(f"{path}:{number}", f"longer than {LONGEST_LINE_BYTES >> 20} MiB")
                    while (rest := file.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
                        offset += len(rest)
                    offset += len(rest)
                    continue
                if number == 1 and data.startswith(b"\xef\xbb\xbf"):
                    start, data = start + 3, data[3:]
                if data.strip():
                    yield number, start, data
    except OSError as error:
        raise unreadable(path, error) from error


# offset, size, at_s, next; `times` reads the third of many at once.
_ROW = struct.Struct("<qidq")
_COLUMNS = np.dtype([("offset", "<i8"), ("size", "<i4"), ("at", "<f8"), ("next", "<i8")])


@dataclass(frozen=True, slots=True)
class Row:
    """Where a record lies and when it was sent; next: the row of its session's next request, -1 for none."""

    offset: int
    size: int
    at_s: float
    next: int


class RowTable:
    """Rows by number, kept in an unnamed temporary file: 28 bytes a row on disk, next to nothing in memory."""

    __slots__ = ("__weakref__", "_buffer", "_fd", "_written")

    def __init__(self) -> None:
        self._fd, name = tempfile.mkstemp(prefix="loadgen-index-")
        os.unlink(name)
        weakref.finalize(self, os.close, self._fd)
        self._buffer = bytearray()
        self._written = 0

    def __len__(self) -> int:
        return self._written + len(self._buffer) // _ROW.size

    def append(self, offset: int, size: int, at_s: float) -> int:
        """Add a row without a successor; its number."""
        if len(self._buffer) >= _BUFFERED_ROWS * _ROW.size:
            self._flush()
        self._buffer += _ROW.pack(offset, size, at_s, -1)
        return len(self) - 1

    def link(self, row: int, following: int) -> None:
        """Say that `following` is the next request of `row`'s session."""
        following_bytes = following.to_bytes(8, "little", signed=True)
        end = (row - self._written + 1) * _ROW.size
        if end > 0:
            self._buffer[end - 8 : end] = following_bytes
        else:
            os.pwrite(self._fd, following_bytes, (row + 1) * _ROW.size - 8)

    def __getitem__(self, number: int) -> Row:
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number >= self._written:
            return Row(*_ROW.unpack_from(self._buffer, (number - self._written) * _ROW.size))
        return Row(*_ROW.unpack(os.pread(self._fd, _ROW.size, number * _ROW.size)))

    def times(self) -> Iterator[float]:
        """`at_s` of all rows, read some thousand at a time."""
        self._flush()
        for start in range(0, len(self), _BUFFERED_ROWS):
            data = os.pread(self._fd, _BUFFERED_ROWS * _ROW.size, start * _ROW.size)
            yield from np.frombuffer(data, dtype=_COLUMNS)["at"].tolist()

    def _flush(self) -> None:
        os.pwrite(self._fd, self._buffer, self._written * _ROW.size)
        self._written = len(self)
        self._buffer.clear()
