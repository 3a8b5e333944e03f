"""Recordings with one request a line: when it was sent, how long prompt and answer were, which blocks it shared.

    mooncake  {"timestamp": ms, "input_length": n, "output_length": n, "hash_ids": [...]}      blocks of 512 tokens
    bailian   {"chat_id": n, "parent_chat_id": n, "timestamp": s, "input_length": n, "output_length": n,
               "type": "...", "turn": n, "hash_ids": [...]}                                    blocks of 16 tokens
    azure     TIMESTAMP,ContextTokens,GeneratedTokens
    burstgpt  Timestamp,[Session ID,][Elapsed time,]Model,Request tokens,Response tokens,Total tokens,Log Type

A session is one line, but in bailian the chain of chats by `parent_chat_id` (a chat that is answered twice goes on
twice: the second answer begins a session of its own), and in burstgpt the lines of one `Session ID`.
"""

import csv
import math
from array import array
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from loadgen.errors import TraceError
from loadgen.workloads.replay.records import (
    MistakeError,
    Mistakes,
    Request,
    RowTable,
    SpanFile,
    check_lengths,
    decode_line,
    lines_of,
)

MOONCAKE_BLOCK_TOKENS = 512
BAILIAN_BLOCK_TOKENS = 16
# What text is cut into where the recording names no blocks; it only has to be some size.
PLAIN_BLOCK_TOKENS = 512


class _Mooncake(msgspec.Struct):
    timestamp: float
    input_length: int
    output_length: int
    hash_ids: list[int] | None = None


class _Bailian(msgspec.Struct):
    chat_id: int
    timestamp: float
    input_length: int
    output_length: int
    parent_chat_id: int | None = -1
    hash_ids: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line as any of the formats has it. session: what its session is known by, before: what it goes on from."""

    at_s: float
    input_tokens: int
    output_tokens: int
    hash_ids: list[int] | None = None
    busy_s: float | None = None
    session: Hashable = None
    before: Hashable = None


Parse = Callable[[bytes], Line]


def parse_mooncake() -> Parse:
    """Parses lines of mooncake."""
    decode = msgspec.json.Decoder(_Mooncake).decode

    def parse(data: bytes) -> Line:
        line = decode_line(decode, data)
        return _checked(
            Line(line.timestamp / 1000, line.input_length, line.output_length, line.hash_ids), MOONCAKE_BLOCK_TOKENS
        )

    return parse


def parse_bailian() -> Parse:
    """Parses lines of Qwen-Bailian."""
    decode = msgspec.json.Decoder(_Bailian).decode

    def parse(data: bytes) -> Line:
        line = decode_line(decode, data)
        parent = line.parent_chat_id
        return _checked(
            Line(
                line.timestamp,
                line.input_length,
                line.output_length,
                line.hash_ids,
                session=line.chat_id,
                before=None if parent is None or parent < 0 else parent,
            ),
            BAILIAN_BLOCK_TOKENS,
        )

    return parse


def parse_azure(header: list[str]) -> Parse:
    """Parses rows of the Azure LLM inference traces. Raises MistakeError where the header lacks a column."""
    at, given, generated = _columns(header, "TIMESTAMP", "ContextTokens", "GeneratedTokens")

    def parse(data: bytes) -> Line:
        cells = _cells(data, len(header))
        return _checked(
            Line(
                _instant_s(cells[at]),
                _count(cells[given], "ContextTokens"),
                _count(cells[generated], "GeneratedTokens"),
            )
        )

    return parse


def parse_burstgpt(header: list[str]) -> Parse:
    """Parses rows of BurstGPT. Raises MistakeError where the header lacks a column."""
    at, given, generated = _columns(header, "Timestamp", "Request tokens", "Response tokens")
    names = [name.strip().lower() for name in header]
    session = names.index("session id") if "session id" in names else None
    elapsed = names.index("elapsed time") if "elapsed time" in names else None

    def parse(data: bytes) -> Line:
        cells = _cells(data, len(header))
        known = None if session is None else _known(cells[session])
        took = None if elapsed is None else _known(cells[elapsed])
        return _checked(
            Line(
                _number(cells[at], "Timestamp"),
                _count(cells[given], "Request tokens"),
                _count(cells[generated], "Response tokens"),
                busy_s=None if took is None else _number(took, "Elapsed time"),
                session=known,
                before=known,
            )
        )

    return parse


class FlatRecording:
    """One recording of this family, indexed. Session k is the k-th to begin."""

    def __init__(self, path: Path, format_name: str, mistakes: Mistakes) -> None:
        """Read and check every line; raises TraceError. Takes 3 to 6 µs a line."""
        self.format = format_name
        self.path = path
        self.mistakes = mistakes
        self.block_tokens = {"mooncake": MOONCAKE_BLOCK_TOKENS, "bailian": BAILIAN_BLOCK_TOKENS}.get(
            format_name, PLAIN_BLOCK_TOKENS
        )
        self._file = SpanFile(path)
        self._rows = RowTable()
        # None: every row is a session, in the order of the file.
        self._heads: array[int] | None = array("q") if format_name in ("bailian", "burstgpt") else None
        self._index()

    def __len__(self) -> int:
        return len(self._rows) if self._heads is None else len(self._heads)

    def requests(self, session: int) -> Iterator[Request]:
        """The requests of a session, each read when it is asked for."""
        row = session if self._heads is None else self._heads[session]
        own = row
        while row >= 0:
            place = self._rows[row]
            line = self._parse(self._file.read(place.offset, place.size))
            yield Request(
                input_tokens=line.input_tokens,
                output_tokens=line.output_tokens,
                at_s=line.at_s,
                own=own,
                hash_ids=line.hash_ids,
                busy_s=line.busy_s,
            )
            row = place.next

    def starts(self) -> Iterator[float]:
        """When each session began, on the recording's clock in seconds, ascending."""
        if self._heads is None:
            return self._rows.times()
        return (self._rows[row].at_s for row in self._heads)

    def _index(self) -> None:
        latest: dict[Hashable, int] = {}
        last_s, ascending = -math.inf, True
        for number, offset, data in self._records():
            try:
                line = self._parse(data)
            except MistakeError as mistake:
                self.mistakes.at(f"{self.path}:{number}", mistake)
                continue
            row = self._rows.append(offset, len(data), line.at_s)
            before = None if line.before is None else latest.pop(line.before, None)
            if line.session is not None:
                latest[line.session] = row
            if before is not None:
                self._rows.link(before, row)
                continue
            if self._heads is not None:
                self._heads.append(row)
            ascending &= line.at_s >= last_s
            last_s = line.at_s
        if not len(self._rows):
            raise self.mistakes.nothing_left(self.path, "requests", f"one a line in format {self.format}")
        if not ascending:
            times = np.fromiter(self.starts(), dtype=np.float64, count=len(self))
            order = np.argsort(times, kind="stable")
            heads = order if self._heads is None else np.asarray(self._heads)[order]
            self._heads = array("q", heads.astype(np.int64).tobytes())

    def _records(self) -> Iterator[tuple[int, int, bytes]]:
        """The lines that hold requests; sets up the parser, which a CSV file's header decides."""
        lines = lines_of(self.path, self.mistakes)
        if self.format == "mooncake":
            self._parse = parse_mooncake()
        elif self.format == "bailian":
            self._parse = parse_bailian()
        else:
            number, _, data = next(lines, (1, 0, b""))
            try:
                header = _row(data)
                self._parse = parse_azure(header) if self.format == "azure" else parse_burstgpt(header)
            except MistakeError as mistake:
                raise TraceError(f"{self.path}:{number}: {mistake}") from None
        return lines


def _checked(line: Line, block_tokens: int | None = None) -> Line:
    """The line, lengths of 0 taken as 1: a failed request is recorded with an answer of 0, which nobody can ask for."""
    if not -1e15 < line.at_s < 1e15:
        raise MistakeError(f"the timestamp {line.at_s} is no time")
    check_lengths(line.input_tokens, line.output_tokens)
    if line.busy_s is not None and not 0 <= line.busy_s < math.inf:
        raise MistakeError(f"an answer that took {line.busy_s} s; expected 0 or more")
    if block_tokens and line.hash_ids and (len(line.hash_ids) - 1) * block_tokens >= max(1, line.input_tokens):
        raise MistakeError(
            f"{len(line.hash_ids)} `hash_ids` for {line.input_tokens} tokens; one stands for {block_tokens} tokens"
        )
    if line.input_tokens and line.output_tokens:
        return line
    return replace(line, input_tokens=max(1, line.input_tokens), output_tokens=max(1, line.output_tokens))


def _row(data: bytes) -> list[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MistakeError(f"not UTF-8: {error}") from None
    if '"' in text:
        return next(csv.reader([text]), [])
    return text.strip().split(",")


def _cells(data: bytes, columns: int) -> list[str]:
    cells = _row(data)
    if len(cells) != columns:
        raise MistakeError(f"{len(cells)} columns; the header has {columns}")
    return cells


def _columns(header: list[str], *wanted: str) -> list[int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in wanted if name.lower() not in names]
    if missing:
        raise MistakeError(f"the header has no column {', '.join(missing)}; it has {', '.join(header)}")
    return [names.index(name.lower()) for name in wanted]


def _known(cell: str) -> str | None:
    """What a cell says; None where it is empty, also as pandas writes that."""
    text = cell.strip()
    return None if text.lower() in ("", "nan") else text


def _instant_s(text: str) -> float:
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MistakeError(f"TIMESTAMP {text[:40]!r} is no date and time") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MistakeError(f"{column} {text[:40]!r} is no number") from None


def _count(text: str, column: str) -> int:
    value = _number(text, column)
    if value != value or value in (math.inf, -math.inf) or value != int(value):
        raise MistakeError(f"{column} {text[:40]!r} is no whole number")
    return int(value)
