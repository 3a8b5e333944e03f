"""The run folder never overwrites, leaves whole files or none, and outlives a full disk."""

import errno
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.outputs.run_folder import RECORDS, RunFolder, default_path, free_path


def test_the_default_name_is_the_time_and_the_scenario() -> None:
    now = datetime(2026, 11, 23, 18, 5, 9, tzinfo=UTC)
    assert default_path("chat", now) == Path("runs/20261123T180509Z-chat")
    assert default_path("../a b/c", now).name == "20261123T180509Z-a-b-c"


def test_a_folder_with_files_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(UsageError, match="--out"):
        RunFolder(tmp_path)
    assert (tmp_path / "summary.json").read_text() == "{}"


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).write_text("a.txt", "x")


def test_two_runs_of_one_second_get_a_folder_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("loadgen.outputs.run_folder.default_path", lambda scenario: Path("runs") / scenario)
    assert [RunFolder.fresh("chat").path.name for _ in range(3)] == ["chat", "chat-2", "chat-3"]


def test_a_users_own_empty_folder_is_not_taken_away(tmp_path: Path) -> None:
    RunFolder(tmp_path).discard_if_empty()
    assert tmp_path.exists()


def test_a_folder_that_cannot_be_made_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't make the run folder"):
        RunFolder(tmp_path / "file" / "run")


def test_a_folder_is_taken_back_only_while_it_is_empty(tmp_path: Path) -> None:
    empty, used = RunFolder(tmp_path / "empty"), RunFolder(tmp_path / "used")
    used.write_text("a.txt", "x")
    empty.discard_if_empty()
    used.discard_if_empty()
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_records_are_there_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.append_records(gzip.compress(b"1\n"))
    folder.append_records(gzip.compress(b"2\n"))
    assert gzip.decompress((folder.path / RECORDS).read_bytes()) == b"1\n2\n"
    assert folder.problems == []


def test_a_file_is_replaced_whole_and_no_part_is_left(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.write_text("summary.json", "old")
    assert folder.write_text("summary.json", "new")
    assert [(path.name, path.read_text()) for path in folder.path.iterdir()] == [("summary.json", "new")]


def test_a_full_disk_keeps_legal_records_and_still_tries_the_rest(tmp_path: Path, full_disk: "FullDisk") -> None:
    folder = RunFolder(tmp_path / "run")
    folder.append_records(gzip.compress(b"kept\n"))
    full_disk.fill(folder.path / RECORDS, after_bytes=7)
    folder.append_records(gzip.compress(b"lost\n"))
    full_disk.free()
    folder.append_records(gzip.compress(b"later\n"))
    assert gzip.decompress((folder.path / RECORDS).read_bytes()) == b"kept\n"
    assert len(folder.problems) == 1
    assert "No space left on device" in folder.problems[0]
    assert folder.write_text("summary.json", "{}")


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path, full_disk: "FullDisk") -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_text("summary.json", "old")
    full_disk.fill(folder.path / ".summary.json.part", after_bytes=1)
    assert not folder.write_text("summary.json", "new")
    assert [(path.name, path.read_text()) for path in folder.path.iterdir()] == [("summary.json", "old")]
    assert "it was not written" in folder.problems[0]


class FullDisk:
    """Makes opening one path for writing give a file that takes `after_bytes` and then fails as a full disk does."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.after_bytes = 0

    def fill(self, path: Path, *, after_bytes: int) -> None:
        self.path, self.after_bytes = path, after_bytes

    def free(self) -> None:
        self.path = None


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk()
    real_open, real_text = Path.open, Path.write_text

    class Partial:
        def __init__(self, path: Path) -> None:
            self._path = path

        def __enter__(self) -> "Partial":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, data: bytes) -> int:
            with real_open(self._path, "ab") as log:
                log.write(data[: disk.after_bytes])
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path: Path, mode: str = "r", **options: object) -> object:
        return Partial(path) if path == disk.path and mode == "ab" else real_open(path, mode)

    def text_written(path: Path, text: str, **options: object) -> int:
        if path != disk.path:
            return real_text(path, text)
        real_text(path, text[: disk.after_bytes])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(Path, "write_text", text_written)
    return disk


def test_a_second_run_within_a_second_gets_a_name_of_its_own(tmp_path: Path) -> None:
    taken = tmp_path / "run"
    assert free_path(taken) == taken
    taken.mkdir()
    (tmp_path / "run-2").mkdir()
    assert free_path(taken) == tmp_path / "run-3"


def records_there(folder: RunFolder) -> dict[str, bytes]:
    """What each file of records holds."""
    return {path.name: gzip.decompress(path.read_bytes()) for path in sorted(folder.path.iterdir())}


def test_records_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    members = [gzip.compress(f"{number}\n".encode()) for number in range(9)]
    folder = RunFolder(tmp_path / "run", rotate_bytes=2 * len(members[0]), keep=3)
    for member in members:
        folder.append_records(member)
    assert records_there(folder) == {
        "records.3.jsonl.gz": b"4\n5\n",
        "records.4.jsonl.gz": b"6\n7\n",
        RECORDS: b"8\n",
    }
    assert folder.records_note == "records: the first 2 of 5 files were deleted (records.keep)"
    assert folder.problems == []


def test_a_member_larger_than_a_file_has_one_to_itself(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", rotate_bytes=1, keep=1)
    for number in range(3):
        folder.append_records(gzip.compress(f"{number}\n".encode()))
    assert records_there(folder) == {RECORDS: b"2\n"}


def test_room_for_the_last_files_is_held_and_given_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.reserve()
    assert sum(path.stat().st_size for path in folder.path.iterdir()) >= 1_000_000
    folder.release()
    assert list(folder.path.iterdir()) == []


def test_what_finds_no_room_is_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = RunFolder(tmp_path / "run")
    path = folder.rescue("summary.json", b"{}")
    assert path is not None
    assert path.read_bytes() == b"{}"
    assert folder.problems == [f"summary.json is in {path} instead"]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert folder.rescue("summary.json", b"{}") is None
