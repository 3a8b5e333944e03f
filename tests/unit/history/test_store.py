"""The history keeps what it was given, whatever happens to whom it was given by."""

import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.history.model import Measure, Probe, Soak
from loadgen.history.store import SCHEMA, History, default_path
from tests.support.waiting import wait_for

SOAK = Soak("s", "scenario", "http://t/v1", "m", "openai", 1000.0, 900.0, 86_400.0, 1.0, 1, "0", windows=96)


def probe(number: int, outcome: str = "ok") -> Probe:
    measures = {"a.b": Measure(1.5, None, 2.0, number, "s"), "a.c": Measure(None, None, None, 0, "ratio")}
    return Probe("s", number, number // 10, "cache", "warm", 1.0, 2.0, 3.0, outcome, measures, None)  # type: ignore[arg-type]


def test_what_is_added_comes_back_as_it_was(tmp_path: Path) -> None:
    with History(tmp_path / "deep" / "h.db") as history:
        history.begin(SOAK)
        history.add(probe(2), probe(1, "failed"))
    with History(tmp_path / "deep" / "h.db", create=False) as history:
        assert history.soaks() == [SOAK]
        assert list(history.probes("s")) == [probe(1, "failed"), probe(2)]
        assert list(history.probes("other")) == []


def test_a_probe_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as history:
        history.begin(SOAK)
        history.add(probe(1))
        history.add(probe(1, "failed"))
        assert list(history.probes("s")) == [probe(1)]


def test_what_was_begun_is_under_way_until_it_is_added(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as history:
        history.begin(SOAK)
        history.start("s", 1, 5.0)
        history.start("s", 2, 6.0)
        history.add(probe(1))
        assert history.under_way("s") == {2: 6.0}


def test_several_are_added_all_or_none(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as history:
        history.begin(SOAK)
        with pytest.raises(UsageError, match="can't be written"):
            history.add(probe(1), Probe("unknown", 2, 0, "cache", "warm", 1.0, 2.0, 3.0, "ok"))
        assert list(history.probes("s")) == []
        history.add(probe(3))
        assert [found.number for found in history.probes("s")] == [3]


def test_a_newer_history_is_refused(tmp_path: Path) -> None:
    History(tmp_path / "h.db").close()
    with sqlite3.connect(tmp_path / "h.db") as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    with pytest.raises(UsageError, match="newer version"):
        History(tmp_path / "h.db")


@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_history_is_told(tmp_path: Path, create: bool) -> None:
    (tmp_path / "h.db").write_text("no database, but a text of some length " * 40)
    with pytest.raises(UsageError, match=r"h\.db"):
        History(tmp_path / "h.db", create=create)
    with pytest.raises(UsageError, match="no history"):
        History(tmp_path / "other.db", create=False)


@pytest.mark.parametrize("version", [0, 1, 7])
def test_another_programs_database_is_refused_and_left_as_it_was(tmp_path: Path, version: int) -> None:
    path = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another program"):
        History(path)
    assert path.read_bytes() == before


def test_a_damaged_history_is_told_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with History(path) as history:
        history.begin(SOAK)
        history.add(*(probe(number) for number in range(200)))
    data = bytearray(path.read_bytes())
    # The first page, with what tells it for a database, is left.
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with History(path, create=False) as history, pytest.raises(UsageError, match=r"h\.db: can't be read"):
        list(history.probes("s"))
    with History(tmp_path / "other.db") as history:
        history._db.execute("INSERT INTO soaks VALUES ('s', 0, '{\"id\": 1}')")
        with pytest.raises(UsageError, match="can't be read"):
            history.soaks()


def test_who_may_not_write_can_read_what_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that an address of SQLite's would take apart.
    path = tmp_path / "a week?mode=memory#1.db"
    with History(path) as history:
        history.begin(SOAK)
        history.add(probe(1))
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with History(path, create=False) as history:
        assert list(history.probes("s")) == [probe(1)]
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        with pytest.raises(UsageError, match="can't be written: attempt to write a readonly database"):
            history.start("s", 2, 1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_no_unicode_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    with History(path):
        assert path.is_file()


def test_reading_makes_no_history_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "h.db").touch()
    with pytest.raises(UsageError, match="no history"):
        History(tmp_path / "h.db", create=False)
    assert (tmp_path / "h.db").stat().st_size == 0


def test_it_is_safe_from_the_loss_of_power(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as history:
        db = history._db
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_place_by_default_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "loadgen" / "history.db"


def test_a_soak_is_run_by_one_at_a_time(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as one, History(tmp_path / "h.db") as other:
        one.claim("s")
        with pytest.raises(UsageError, match="another process"):
            other.claim("s")
        other.claim("t")
    with History(tmp_path / "h.db") as later:
        later.claim("s")


def test_a_lock_whose_file_was_taken_away_keeps_others_out_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another process opens the lock's file, and the one that had it takes it away before the other can lock it.
    lock, flock = tmp_path / "h.db.s.lock", fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.undo()
        lock.unlink()
        flock(descriptor, operation)

    with History(tmp_path / "h.db") as one, History(tmp_path / "h.db") as other:
        monkeypatch.setattr(fcntl, "flock", late)
        one.claim("s")
        with pytest.raises(UsageError, match="another process"):
            other.claim("s")


_WRITER = """
import sys
from pathlib import Path
from loadgen.history.model import Measure, Probe, Soak
from loadgen.history.store import History
history = History(Path(sys.argv[1]))
history.begin(Soak("s", "scenario", "t", "m", "openai", 1.0, 1.0, 1.0, 1.0, 1, "0", windows=1))
first = max([found.number for found in history.probes("s")], default=-1) + 1
for number in range(first, first + 100_000):
    history.start("s", number, 1.0)
    measures = {f"m{index}": Measure(float(number), None, None, 1, "s") for index in range(8)}
    history.add(Probe("s", number, 0, "cache", "warm", 1.0, 2.0, 3.0, "ok", measures))
    print(number, flush=True)
"""


def test_killed_at_random_moments_it_has_all_that_was_said_to_be_kept(tmp_path: Path) -> None:
    rng, path, said = random.Random(4), tmp_path / "h.db", tmp_path / "said"
    for _ in range(4):
        with said.open("w") as printed:
            writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=printed)
        enough = 3 + rng.randrange(40)
        wait_for(lambda enough=enough: len(said.read_text().split()) > enough, "some are kept")  # type: ignore[misc]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        last = int(said.read_text().split()[-1])
        with History(path) as history:
            found = list(history.probes("s"))
            assert [one.number for one in found] == list(range(len(found)))
            assert last <= found[-1].number <= last + 1
            assert all(len(one.measures) == 8 for one in found)
            assert set(history.under_way("s")) <= {len(found)}
