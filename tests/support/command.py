"""The command line as a user runs it: in a folder of its own, watched from outside, and nothing left behind.

Every process that a command starts inherits a mark in its environment, so that a child is found whatever session or
parent it has by then.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from loadgen.errors import ExitCode, code_of
from tests.support.waiting import wait_for

_MARK = "LG_STARTED_BY_TEST"
_OF_VERDICTS = (ExitCode.PASS, ExitCode.SLO_FAILED, ExitCode.INCONCLUSIVE, ExitCode.INVALID_RUN)
# Workers get 2 s to leave, then 2 s after SIGTERM, then SIGKILL.
_GONE_TIMEOUT_S = 12.0


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code, all it printed, and its run folder."""

    code: int
    output: str
    run: Path

    @property
    def completed(self) -> bool:
        """Whether the run came to its end, with the exit code of its verdict, whatever that is.

        A busy machine makes an invalid run of any.
        """
        return self.code in _OF_VERDICTS and self.code == code_of(self.summary["verdict"]["outcome"])

    def ended_with(self, code: ExitCode) -> bool:
        """Whether it came to its end with this exit code, or is told to be invalid."""
        return self.completed and self.code in (code, ExitCode.INVALID_RUN)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json."""
        read: dict[str, Any] = json.loads((self.run / "summary.json").read_text())
        return read

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The lines of records.jsonl.gz."""
        with gzip.open(self.run / "records.jsonl.gz", "rt") as lines:
            return [json.loads(line) for line in lines]


class Command:
    """`python -m loadgen ARGUMENTS`, started. Its run folder, where it makes one, is `folder / "run"`.

    module: another module to run. inside: what runs it, such as `ip netns exec NAME`.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        module: str = "loadgen",
        inside: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.run = folder / "run"
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        self._printed = folder / "output.txt"
        given = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
        name, _, value = self._mark.partition("=")
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                [*inside, sys.executable, "-m", module, *arguments],
                cwd=folder,
                env=given | {name: value, "COLUMNS": "200"} | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What has been printed so far."""
        return self._printed.read_text()

    def await_output(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until this has been printed."""
        wait_for(lambda: text in self.output, f"{text!r} printed; there is: {self.output}", timeout_s)

    def await_records(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until so many turns have reached the run folder."""
        wait_for(lambda: len(read_records(self.run)) >= count, f"{count} records", timeout_s)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command itself, not to its children."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 40.0) -> Finished:
        """Wait for the end of the command and of every process it started; fails the test where one is left."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s:g} s; printed: {self.output}") from None
        wait_for(lambda: not self.living(), f"all processes gone; left: {self.living()}", _GONE_TIMEOUT_S)
        return Finished(code, self.output, self.run)

    def living(self) -> dict[int, list[str]]:
        """Every living process of this command: process id to command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and self._mark in _zero_separated(entry / "environ"):
                found[int(entry.name)] = _words(entry / "cmdline")
        return found

    def pids(self, role: str) -> list[int]:
        """The living processes with this argument (`worker`, `master`, `loadgen.simulator`), oldest first."""
        return sorted(pid for pid, words in self.living().items() if role in words)

    def end(self) -> None:
        """Kill whatever is left, for a test that has failed."""
        for pid in self.living():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()


def _zero_separated(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:  # gone meanwhile, or another user's
        return []


def _words(path: Path) -> list[str]:
    """A command line's words, also where a process has written a title over it."""
    return " ".join(_zero_separated(path)).split()


def read_records(run: Path) -> list[dict[str, Any]]:
    """The records of a run that may still be going on; none where there is no file yet."""
    path = run / "records.jsonl.gz"
    if not path.exists():
        return []
    try:
        with gzip.open(path, "rt") as lines:
            return [json.loads(line) for line in lines]
    except EOFError:  # read in the middle of a write
        return []


def write_scenario(folder: Path, name: str = "tested", **parts: Any) -> str:
    """A scenario file in this folder; its path. Parts left out: one turn of chat of 20 tokens in and 8 out.

    Not calibrated unless a part says so: most tests count requests, and look at anything but sizes.
    """
    scenario = {
        "name": name,
        "workloads": [{"name": "chat", "kind": "chat", "prompt_tokens": 20, "output_tokens": 8}],
        "calibrate": "off",
        "seed": 7,
    } | parts
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False))
    return str(path)


def open_load(rate: float, duration: str, **more: Any) -> dict[str, Any]:
    """A `load` block: arrivals at a constant rate, all measured."""
    return {"arrivals": "constant", "stages": [{"name": "steady", "duration": duration, "rate": rate}]} | more


def closed_load(users: int, duration: str, **more: Any) -> dict[str, Any]:
    """A `load` block: so many sessions at a time, all measured."""
    return {"arrivals": "closed", "stages": [{"name": "steady", "duration": duration, "users": users}]} | more
