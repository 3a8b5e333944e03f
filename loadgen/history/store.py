"""The history's file: SQLite, one transaction a probe, on disk before `add` returns.

A soak that is killed at any moment, or whose machine loses power, loses the probe under way and nothing else: WAL with
synchronous=FULL syncs at every commit. Readers may look at any time while a soak writes. The tables are plain (one row
a probe, one a measure), so that `sqlite3` answers questions that nobody here thought of.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec

from loadgen.errors import UsageError
from loadgen.history.model import Measure, Probe, Soak

SCHEMA: Final = 1
# A reader that copies the file may hold it for a while; a probe is worth waiting for.
_BUSY_S = 30.0
_NONE: Final = "no history; accepted: a file that `loadgen soak` wrote (--history)"
_NAMES: Final = frozenset({"soaks", "probes", "measures", "under_way"})
_TABLES = """
CREATE TABLE soaks (id TEXT PRIMARY KEY, began INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE probes (
    soak TEXT NOT NULL REFERENCES soaks (id), number INTEGER NOT NULL, window INTEGER NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, due_s REAL NOT NULL, began_s REAL NOT NULL, ended_s REAL NOT NULL, outcome TEXT NOT NULL,
    error TEXT, PRIMARY KEY (soak, number)) WITHOUT ROWID;
CREATE TABLE measures (
    soak TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value REAL, low REAL, high REAL,
    n INTEGER NOT NULL, unit TEXT NOT NULL, PRIMARY KEY (soak, number, name),
    FOREIGN KEY (soak, number) REFERENCES probes (soak, number)) WITHOUT ROWID;
CREATE TABLE under_way (soak TEXT NOT NULL, number INTEGER NOT NULL, began_s REAL NOT NULL,
    PRIMARY KEY (soak, number)) WITHOUT ROWID;
"""
_PROBES = """
SELECT number, window, kind, p.name, due_s, began_s, ended_s, outcome, error, m.name, value, low, high, n, unit
FROM probes p LEFT JOIN measures m USING (soak, number) WHERE soak = ? ORDER BY number, m.name
"""


def default_path() -> Path:
    """Where the history is where nobody says otherwise: XDG's place for data, by default ~/.local/share."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "loadgen" / "history.db"


class History:
    """An open history. A context manager. May be used from one thread at a time, any of them."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Opens it, and makes it where there is none; create=False: only to read it.

        Raises UsageError where that can't be, where a newer version of loadgen made it, or another program.
        """
        self.path = path
        self._claimed: dict[Path, int] = {}
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.is_file():
                raise UsageError(f"{path}: {_NONE}")
            self._db = _connect(path)
            try:
                self._open(create=create)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{path}: can't be used as a history: {error}; name another with --history") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and give back what was claimed."""
        self._db.close()
        for lock in self._claimed:
            lock.unlink(missing_ok=True)
        for descriptor in self._claimed.values():
            os.close(descriptor)
        self._claimed.clear()

    def claim(self, soak: str) -> None:
        """Be the only process that runs this soak, until this is closed or the process ends, however it does.

        Raises UsageError where another one does.
        """
        lock = self.path.with_name(f"{self.path.name}.{soak}.lock")
        while True:
            try:
                descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise UsageError(f"{lock}: can't be made: {error.strerror or error}") from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                raise UsageError(f"the soak {soak} is being run by another process; accepted: one at a time") from None
            # The one that had it may have taken the file away since this opened it: a lock of a file that nobody else
            # will ever open keeps nobody out.
            if _is_at(lock, descriptor):
                break
            os.close(descriptor)
        self._claimed[lock] = descriptor

    def begin(self, soak: Soak) -> None:
        """Enter a soak, or what has changed of it. Its probes refer to it by its id."""
        data = msgspec.json.encode(soak).decode()
        self._write(
            "INSERT INTO soaks VALUES (?, (SELECT count(*) FROM soaks), ?) "
            "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (soak.id, data),
        )

    def start(self, soak: str, number: int, began_s: float) -> None:
        """Note that a probe is under way; `add` takes the note back. What is left after a kill was interrupted."""
        self._write("INSERT OR REPLACE INTO under_way VALUES (?, ?, ?)", (soak, number, began_s))

    def add(self, *probes: Probe) -> None:
        """Keep probes that have ended, all or none; on disk when this returns. One that is there is left as it is."""
        with _Transaction(self._db, self.path):
            for probe in probes:
                self._add(probe)

    def soaks(self) -> list[Soak]:
        """All soaks, in the order in which they began."""
        rows = self._read("SELECT data FROM soaks ORDER BY began")
        try:
            return [msgspec.json.decode(data, type=Soak) for (data,) in rows]
        except msgspec.MsgspecError as error:
            raise UsageError(f"{self.path}: a soak in it can't be read: {error}") from error

    def probes(self, soak: str) -> Iterator[Probe]:
        """The probes of a soak by their numbers. Missing numbers have not ended yet, or were never noted."""
        current: Probe | None = None
        for row in self._read(_PROBES, soak):
            if current is None or current.number != row[0]:
                if current is not None:
                    yield current
                number, window, kind, name, due_s, began_s, ended_s, outcome, error = row[:9]
                current = Probe(soak, number, window, kind, name, due_s, began_s, ended_s, outcome, {}, error)
            if row[9] is not None:
                current.measures[row[9]] = Measure(*row[10:])
        if current is not None:
            yield current

    def under_way(self, soak: str) -> dict[int, float]:
        """The probes that were begun and have not ended: number and when."""
        return dict(self._read("SELECT number, began_s FROM under_way WHERE soak = ?", soak))

    def _read(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Raises UsageError where the file is damaged, or held by somebody for longer than is waited for."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise UsageError(f"{self.path}: can't be read as a history: {error}") from error

    def _open(self, *, create: bool) -> None:
        db = self._db
        (version,) = db.execute("PRAGMA user_version").fetchone()
        # Before anything is changed: it may be another program's.
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables.issuperset(_NAMES) and (tables or version):
            raise UsageError(f"{self.path}: a database of another program; name another file with --history")
        if version > SCHEMA:
            raise UsageError(
                f"{self.path}: a newer version of loadgen made this history (schema {version}, this one knows {SCHEMA})"
            )
        if not create:
            if not tables:
                raise UsageError(f"{self.path}: {_NONE}")
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        if version == 0:
            with _Transaction(db, self.path):
                # Another process may have made them since.
                if not db.execute("PRAGMA user_version").fetchone()[0]:
                    for statement in _TABLES.strip().split(";\n"):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {SCHEMA}")

    def _add(self, probe: Probe) -> None:
        db = self._db
        db.execute("DELETE FROM under_way WHERE soak = ? AND number = ?", (probe.soak, probe.number))
        cursor = db.execute(
            "INSERT OR IGNORE INTO probes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                probe.soak,
                probe.number,
                probe.window,
                probe.kind,
                probe.name,
                probe.due_s,
                probe.began_s,
                probe.ended_s,
                probe.outcome,
                probe.error,
            ),
        )
        if cursor.rowcount:
            rows = [(probe.soak, probe.number, name, *_values(m)) for name, m in probe.measures.items()]
            db.executemany("INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with _Transaction(self._db, self.path):
            self._db.execute(statement, values)


class _Transaction:
    """BEGIN IMMEDIATE to COMMIT; ROLLBACK where something is raised. Turns SQLite's errors into UsageError."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db, self._path = db, path

    def __enter__(self) -> None:
        self._do("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._do("COMMIT")
            return
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise UsageError(f"{self._path}: the history can't be written: {error}") from error

    def _do(self, statement: str) -> None:
        try:
            self._db.execute(statement)
        except sqlite3.Error as error:
            raise UsageError(f"{self._path}: the history can't be written: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, without transactions but those that are asked for."""
    name = f"file:{quote(os.fsencode(path.absolute()))}"
    # SQLite reads a WAL by a file beside it, which it makes. Who may not write, as a user reading what a service left,
    # can read without one: nobody writes where there is no WAL.
    if path.is_file() and not os.access(path, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        name += "?immutable=1"
    return sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that has this name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _values(measure: Measure) -> tuple[object, ...]:
    return measure.value, measure.low, measure.high, measure.n, measure.unit
