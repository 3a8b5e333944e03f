"""A long run stays small: memory and files do not grow with it, and a full disk costs files, never the figures."""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer
from tests.support.command import Command, open_load, write_scenario
from tests.support.waiting import wait_for

RATE = 1250
TURNS = 20_000
ROTATE_BYTES, KEEP = 200_000, 3
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def fast_server() -> Iterator[ScriptedServer]:
    """Answers at once, in one write."""
    with ScriptedServer(ttft_ms=1, interval_ms=0, chunks=8, one_write=True, keep_stamps=False) as server:
        yield server


def resident_mib(pid: int) -> float:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20


def test_a_soak_leaves_memory_flat_and_files_bounded(tmp_path: Path, fast_server: ScriptedServer) -> None:
    load = open_load(RATE, f"{TURNS / RATE:g}s", grace="20s", max_in_flight=8000)
    records = {"rotate": ROTATE_BYTES, "keep": KEEP}
    scenario = write_scenario(tmp_path, load=load, records=records, calibrate="off")
    command = Command(tmp_path, "run", scenario, "--target", fast_server.url, "--workers", "1", "--out", "run")
    try:
        # By the second file a few thousand turns are through, and everything has been used once.
        wait_for((command.run / "records.1.jsonl.gz").exists, "the second file of records")
        watched = {role: command.pids(role)[0] for role in ("master", "worker")}
        early = {role: resident_mib(pid) for role, pid in watched.items()}
        late = dict(early)

        def over() -> bool:
            for role, pid in watched.items():
                try:
                    late[role] = resident_mib(pid)
                except (OSError, IndexError):
                    return True
            return (command.run / "summary.json").exists()

        wait_for(over, "the end of the run", 60)
        finished = command.wait()
    finally:
        command.end()
    assert finished.completed, finished.output
    assert finished.summary["requests"]["ok"] == TURNS, finished.output
    # 100 bytes kept of each turn would be 2 MiB.
    assert {role: late[role] - early[role] < 8 for role in late} == {"master": True, "worker": True}, (early, late)
    files = sorted(finished.run.glob("records*.jsonl.gz"))
    assert len(files) == KEEP
    assert all(file.stat().st_size <= ROTATE_BYTES for file in files)
    assert any("files were deleted (records.keep)" in note for note in finished.summary["run"]["notes"])
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert max(int(json.loads(line)["session"]) for line in lines) == TURNS - 1


def test_a_sample_has_whole_sessions_and_the_summary_has_all(tmp_path: Path, fast_server: ScriptedServer) -> None:
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": 20, "output_tokens": 8, "turns": 3}
    scenario = write_scenario(
        tmp_path, workloads=[chat], load=open_load(100, "3s"), records={"sample": 0.2}, calibrate="off"
    )
    command = Command(tmp_path, "run", scenario, "--target", fast_server.url, "--workers", "1", "--out", "run")
    try:
        finished = command.wait()
    finally:
        command.end()
    assert finished.completed, finished.output
    assert finished.summary["requests"]["sent"] > 800
    turns: dict[str, list[int]] = {}
    for record in finished.records:
        turns.setdefault(record["session"], []).append(record["turn"])
    assert 30 < len(turns) < 90
    assert sum(sorted(numbers) == [0, 1, 2] for numbers in turns.values()) > 0.9 * len(turns)


@pytest.fixture(params=["limit", "disk"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder that a run fills, and what runs it: files of a limited size, or a file system of 2.25 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "limit":
        if shutil.which("prlimit") is None:
            pytest.skip("no prlimit")
        yield folder, ("prlimit", "--fsize=200000", "--")
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=2250k", "loadgen-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root, and a system that lets it mount")
    try:
        yield folder, ()
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_the_summary_is_whole(
    tmp_path: Path, fast_server: ScriptedServer, small: tuple[Path, tuple[str, ...]]
) -> None:
    folder, inside = small
    scenario = write_scenario(tmp_path, load=open_load(RATE, "4s", grace="20s"), calibrate="off")
    out = ("--target", fast_server.url, "--workers", "1", "--out", str(folder / "run"))
    command = Command(tmp_path, "run", scenario, *out, inside=inside)
    try:
        finished = command.wait()
    finally:
        command.end()
    assert finished.code == ExitCode.BAD_INPUT, finished.output
    assert "Traceback" not in finished.output
    # Told when it happens, in mid-run, and once.
    told = [line for line in finished.output.splitlines() if "records.jsonl.gz" in line and "error:" in line]
    assert len(told) == 1
    assert "it ends after" in told[0]
    assert finished.output.index(told[0]) < finished.output.index("Requests in the measured stages")
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["requests"]["ok"] + summary["requests"]["failed"] == 4 * RATE
    # What is there can be read to its end.
    with gzip.open(folder / "run" / "records.jsonl.gz", "rt") as lines:
        assert 0 < sum(1 for _ in lines) < 4 * RATE
