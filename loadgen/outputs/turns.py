"""Reads the record log of a run folder back, whichever way it was kept (one file, rotated, sampled, cut by a crash)."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from loadgen.metrics.turn_table import MOST_TURNS, TurnTable, TurnTableBuilder
from loadgen.outputs.run_folder import RECORDS

_READ_BYTES = 1 << 20


def read_turns(folder: Path, most_turns: int = MOST_TURNS) -> TurnTable:
    """The turns of a run folder, oldest file first; an empty table where none were written.

    A last member that a crash cut short gives the lines that it holds. Raises OSError, or msgspec.DecodeError for a
    line that is no record.
    """
    builder = TurnTableBuilder(most_turns)
    for path in record_files(folder):
        for lines in _lines(path):
            builder.add_lines(lines)
    return builder.table()


def record_files(folder: Path) -> list[Path]:
    """The files of records, oldest first."""
    stem, _, suffix = RECORDS.partition(".")
    numbered = sorted(folder.glob(f"{stem}.*.{suffix}"), key=lambda path: int(path.name.split(".")[1]))
    whole = folder / RECORDS
    return [*numbered, *([whole] if whole.exists() else [])]


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines, about a MiB of compressed bytes at a time."""
    rest = b""
    unpacker = zlib.decompressobj(31)
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            text = rest
            while data:
                try:
                    text += unpacker.decompress(data)
                except zlib.error:
                    data = b""
                    break
                data = unpacker.unused_data
                if unpacker.eof:
                    unpacker = zlib.decompressobj(31)
            whole, newline, rest = text.rpartition(b"\n")
            yield whole + newline
