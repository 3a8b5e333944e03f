"""CPU and memory of a process and its descendants, sampled from outside by /proc (Linux).

The harness starts a generator on its own core and reads, twenty times a second, how much CPU each of its threads has
used. A sample costs the server's core 0.3 ms; the generator pays nothing for being watched.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

_PERIOD_S = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU so far in ns by (role, thread name), and resident bytes by role, at `at_ns` of time.monotonic_ns()."""

    at_ns: int
    cpu_ns: dict[tuple[str, str], int]
    rss_bytes: dict[str, int]


@dataclass
class Watched:
    """A child pinned to one CPU and watched from its start to its end; a context manager that leaves none behind."""

    command: Sequence[str]
    cpu: int
    output: Path
    started_ns: int = 0
    ended_ns: int = 0
    exit_code: int | None = None
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._out = self.output.open("wb")
        self.started_ns = time.monotonic_ns()
        # taskset rather than a preexec_fn: the affinity is there before the interpreter starts.
        self._child = subprocess.Popen(
            ["taskset", "-c", str(self.cpu), *self.command],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._out if self.output.suffix == ".log" else None,
        )
        self._watcher = threading.Thread(target=self._watch, name="watcher")
        self._watcher.start()
        return self

    def wait(self, timeout_s: float) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        self.exit_code = self._child.wait(timeout_s)
        self.ended_ns = time.monotonic_ns()
        return self.exit_code

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._watcher.join()
        if self._child.poll() is None:
            # SIGTERM, so that a supervisor takes its children along.
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10.0)
            self._child.kill()
            self._child.wait()
        self._out.close()

    def _watch(self) -> None:
        while not self._stopped.wait(_PERIOD_S):
            self.samples.append(_sample(self._child.pid))

    def cpu_ns(self, from_ns: int, to_ns: int) -> dict[tuple[str, str], float]:
        """CPU between two instants by (role, thread), interpolated between samples."""
        at = np.array([sample.at_ns for sample in self.samples])
        names = {name for sample in self.samples for name in sample.cpu_ns}
        used = {}
        for name in names:
            values = np.array([sample.cpu_ns.get(name, 0) for sample in self.samples])
            low, high = np.interp([from_ns, to_ns], at, values)
            used[name] = float(high - low)
        return used

    def rss_bytes(self, role: str, at_ns: int, span_ns: int) -> float | None:
        """The median of a role's resident memory in the `span_ns` after `at_ns`; None without a sample."""
        seen = [s.rss_bytes[role] for s in self.samples if at_ns <= s.at_ns < at_ns + span_ns and role in s.rss_bytes]
        return float(np.median(seen)) if seen else None


def _sample(pid: int) -> Sample:
    cpu: dict[tuple[str, str], int] = {}
    rss: dict[str, int] = {}
    now_ns = time.monotonic_ns()
    for process in (pid, *_descendants(pid)):
        with contextlib.suppress(OSError, ProcessLookupError):
            role = _role(process)
            for task in Path(f"/proc/{process}/task").iterdir():
                name = (role, "main" if task.name == str(process) else (task / "comm").read_text().strip())
                cpu[name] = cpu.get(name, 0) + int((task / "schedstat").read_text().split()[0])
            resident = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES
            rss[role] = rss.get(role, 0) + resident
    return Sample(now_ns, cpu, rss)


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _descendants(child)


def _role(pid: int) -> str:
    """`master`, `worker` or `supervisor` of loadgen; `floor` for the bare client."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    named = [word for word in words if word in ("master", "worker")]
    if named:
        return named[0]
    return "floor" if "benchmarks.floor" in words else "supervisor"
