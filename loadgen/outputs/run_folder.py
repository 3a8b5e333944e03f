"""The run folder: the one place that writes a run's files, used by the master.

Written so that a crash leaves what there was: whole files by way of a temporary one, logs by append and flush. A full
disk never ends a run: what could not be written is in `problems`, and whatever comes later is still attempted. Room
for the summary is held from the start, and where not even that helps it is written somewhere else.
"""

import contextlib
import itertools
import os
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from loadgen.errors import UsageError

RECORDS = "records.jsonl.gz"
# Taken at the start and given back for the last files: summary and histograms, some 100 kB, and what else there may be.
_RESERVE = ".reserve"
_RESERVE_BYTES = 2 * 1024 * 1024


def default_path(scenario: str, now: datetime | None = None) -> Path:
    """`runs/<UTC time>-<scenario>`, with what no file name should hold replaced by a dash."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{re.sub(r'[^A-Za-z0-9._-]+', '-', scenario).strip('-.') or 'run'}"
    return free_path(Path("runs") / name)


def free_path(path: Path) -> Path:
    """This path, or the first of `path-2`, `path-3`, ... where nothing is yet: a second run within the same second."""
    numbers = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], numbers) if not candidate.exists())


class RunFolder:
    """One run's folder, made by the constructor; an existing one must be empty.

    Raises UsageError where the folder holds files already or can't be made.
    """

    def __init__(self, path: Path, *, rotate_bytes: int | None = None, keep: int = 1) -> None:
        """rotate_bytes: records beyond so many begin another file (None: never); keep: how many files at most."""
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._rotated = 0
        self._made_parent = not path.parent.exists()
        self._made = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            taken = any(path.iterdir())
        except OSError as error:
            raise _cant_make(path, error) from error
        if taken:
            raise UsageError(f"{path}: not empty, and a run never overwrites another; name another with --out")
        self.path = path
        self.problems: list[str] = []
        self._records_bytes = 0
        self._records_whole = True

    @classmethod
    def fresh(cls, scenario: str, *, rotate_bytes: int | None = None, keep: int = 1) -> "RunFolder":
        """The default folder of a run that begins now; of two that begin in one second, each gets its own."""
        wanted = default_path(scenario)
        for number in itertools.count(1):
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            made_parent = not path.parent.exists()
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise _cant_make(path, error) from error
            folder = cls(path, rotate_bytes=rotate_bytes, keep=keep)
            folder._made, folder._made_parent = True, made_parent
            return folder
        raise AssertionError("numbers do not end")

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """A folder that may hold files, to write further whole files into. Raises UsageError where it can't be made."""
        folder = cls.__new__(cls)
        folder._rotate_bytes, folder._keep, folder._rotated = None, 1, 0
        folder._made = folder._made_parent = False
        folder.path, folder.problems = path, []
        folder._records_bytes, folder._records_whole = 0, False  # its records are complete
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cant_make(path, error) from error
        return folder

    def append_records(self, member: bytes) -> None:
        """Append one complete gzip member of records and flush.

        A member that fits only in part is taken back, so that the file stays legal; later ones are then not
        written, for records with a hole in them can't be told from complete ones.
        """
        if not member or not self._records_whole:
            return
        try:
            self._rotate(len(member))
            with (self.path / RECORDS).open("ab") as log:
                log.write(member)
        except OSError as error:
            self._records_whole = False
            self._note(RECORDS, error, f"it ends after {self._records_bytes} bytes")
            self._take_back()
            return
        self._records_bytes += len(member)

    def _rotate(self, coming: int) -> None:
        """Begin another file where this one would grow too large, and let the oldest go."""
        if self._rotate_bytes is None or not self._records_bytes or self._records_bytes + coming <= self._rotate_bytes:
            return
        self._rotated += 1
        (self.path / RECORDS).rename(self._numbered(self._rotated))
        self._records_bytes = 0
        if self._rotated >= self._keep:
            self._numbered(self._rotated - self._keep + 1).unlink()

    def _numbered(self, number: int) -> Path:
        """The name of the number-th file of records, from 1, once it is full."""
        return self.path / f"records.{number}.jsonl.gz"

    @property
    def records_note(self) -> str | None:
        """What a reader of the records must know: how many files are no longer there."""
        gone = max(0, self._rotated - self._keep + 1)
        return f"records: the first {gone} of {self._rotated + 1} files were deleted (records.keep)" if gone else None

    def _take_back(self) -> None:
        try:
            os.truncate(self.path / RECORDS, self._records_bytes)
        except OSError as error:
            self._note(RECORDS, error, "its last gzip member may be cut")

    def reserve(self) -> None:
        """Hold room for the last files, for records may fill the disk; without it where the system can't."""
        if not hasattr(os, "posix_fallocate"):
            return
        path = self.path / _RESERVE
        try:
            with path.open("wb") as held:
                os.posix_fallocate(held.fileno(), 0, _RESERVE_BYTES)
        except OSError:
            path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the room back: now come the last files."""
        with contextlib.suppress(OSError):
            (self.path / _RESERVE).unlink(missing_ok=True)

    def rescue(self, name: str, data: bytes) -> Path | None:
        """Write a file that found no room here into a new folder for temporary files; None where that failed too."""
        try:
            path = Path(tempfile.mkdtemp(prefix="loadgen-")) / name
            path.write_bytes(data)
        except OSError:
            return None
        self.problems.append(f"{name} is in {path} instead")
        return path

    def write_text(self, name: str, text: str) -> bool:
        """Write a whole file, or leave what was there; False (and a problem noted) where that failed."""
        return self._write(name, lambda part: part.write_text(text, encoding="utf-8"))

    def write_bytes(self, name: str, data: bytes) -> bool:
        """As write_text, for bytes."""
        return self._write(name, lambda part: part.write_bytes(data))

    def _write(self, name: str, fill: Callable[[Path], int]) -> bool:
        part = self.path / f".{name}.part"
        try:
            fill(part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(self.path / name)
        except OSError as error:
            self._note(name, error, "it was not written")
            part.unlink(missing_ok=True)
            return False
        return True

    def discard_if_empty(self) -> None:
        """Take back what was made, if nothing was written into it: the run never began."""
        if not self._made:
            return
        with contextlib.suppress(OSError):
            self.path.rmdir()
            if self._made_parent:
                self.path.parent.rmdir()

    def _note(self, name: str, error: OSError, consequence: str) -> None:
        self.problems.append(f"{self.path / name}: {error.strerror or error}; {consequence}")


def _cant_make(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: can't make the run folder ({error.strerror}); name another with --out")
