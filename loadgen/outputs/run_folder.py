"""The run folder: the one place that writes a run's files, used by the master.

Written so that a crash leaves what there was: whole files by way of a temporary one, logs by append and flush. A full
disk never ends a run: what could not be written is in `problems`, and whatever comes later is still attempted.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from loadgen.errors import UsageError

RECORDS = "records.jsonl.gz"


def default_path(scenario: str, now: datetime | None = None) -> Path:
    """`runs/<UTC time>-<scenario>`, with what no file name should hold replaced by a dash."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("runs") / f"{stamp}-{re.sub(r'[^A-Za-z0-9._-]+', '-', scenario).strip('-.') or 'run'}"


class RunFolder:
    """One run's folder, made by the constructor; an existing one must be empty.

    Raises UsageError where the folder holds files already or can't be made.
    """

    def __init__(self, path: Path) -> None:
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
    def fresh(cls, scenario: str) -> "RunFolder":
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
            folder = cls(path)
            folder._made, folder._made_parent = True, made_parent
            return folder
        raise AssertionError("numbers do not end")

    def append_records(self, member: bytes) -> None:
        """Append one complete gzip member of records and flush.

        A member that fits only in part is taken back, so that the file stays legal; later ones are then not
        written, for records with a hole in them can't be told from complete ones.
        """
        if not member or not self._records_whole:
            return
        try:
            with (self.path / RECORDS).open("ab") as log:
                log.write(member)
        except OSError as error:
            self._records_whole = False
            self._note(RECORDS, error, f"it ends after {self._records_bytes} bytes")
            self._take_back()
            return
        self._records_bytes += len(member)

    def _take_back(self) -> None:
        try:
            os.truncate(self.path / RECORDS, self._records_bytes)
        except OSError as error:
            self._note(RECORDS, error, "its last gzip member may be cut")

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
