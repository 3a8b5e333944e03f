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
_QUIET_S = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """At `at_ns` of time.monotonic_ns(): CPU so far by (role, whether its main thread), resident bytes by role.

    core_ns: how long the watched CPU has been busy since boot, with whatever ran there.
    """

    at_ns: int
    cpu_ns: dict[tuple[str, bool], int]
    rss_bytes: dict[str, int]
    core_ns: int


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
            # Compiled modules are kept, as they are for users: where that is switched off each process compiles all of
            # loadgen anew, which is most of a second of its start.
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
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
        # By thread, so that one that ends keeps what it has used.
        used: dict[tuple[str, int, str], int] = {}
        while not self._stopped.wait(_PERIOD_S):
            now_ns, core_ns, rss = time.monotonic_ns(), _core_ns(self.cpu), {}
            for process in (self._child.pid, *_descendants(self._child.pid)):
                with contextlib.suppress(OSError):
                    role = _role(process)
                    for task in Path(f"/proc/{process}/task").iterdir():
                        used[role, process, task.name] = int((task / "schedstat").read_text().split()[0])
                    rss[role] = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES
            cpu: dict[tuple[str, bool], int] = {}
            for (role, process, thread), ns in used.items():
                name = (role, thread == str(process))
                cpu[name] = cpu.get(name, 0) + ns
            self.samples.append(Sample(now_ns, cpu, rss, core_ns))

    def cpu_ns(self, from_ns: int, to_ns: int) -> dict[tuple[str, bool], float]:
        """CPU between two instants by (role, whether its main thread), interpolated between samples."""
        names = {name for sample in self.samples for name in sample.cpu_ns}
        return {
            name: self._between(from_ns, to_ns, [sample.cpu_ns.get(name, 0) for sample in self.samples])
            for name in names
        }

    def others_share(self, from_ns: int, to_ns: int) -> float:
        """Which part of the CPU (0..1) processes that are not ours used between two instants."""
        busy = self._between(from_ns, to_ns, [sample.core_ns for sample in self.samples])
        return max(0.0, busy - sum(self.cpu_ns(from_ns, to_ns).values())) / (to_ns - from_ns)

    def _between(self, from_ns: int, to_ns: int, values: list[int]) -> float:
        low, high = np.interp([from_ns, to_ns], [sample.at_ns for sample in self.samples], values)
        return float(high - low)

    def rss_bytes(self, role: str, at_ns: int, span_ns: int) -> float | None:
        """The median of a role's resident memory in the `span_ns` after `at_ns`; None without a sample."""
        seen = [s.rss_bytes[role] for s in self.samples if at_ns <= s.at_ns < at_ns + span_ns and role in s.rss_bytes]
        return float(np.median(seen)) if seen else None


def wait_for_quiet(cpus: Sequence[int], busy_share: float, timeout_s: float) -> None:
    """Return once these CPUs have been (nearly) idle for a second, or at the end of the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        before, since = [_core_ns(cpu) for cpu in cpus], time.monotonic_ns()
        time.sleep(_QUIET_S)
        passed_ns = time.monotonic_ns() - since
        if all(_core_ns(cpu) - busy <= busy_share * passed_ns for cpu, busy in zip(cpus, before, strict=True)):
            return


def _core_ns(cpu: int) -> int:
    """Busy time of a CPU: /proc/stat's columns but for idle and waiting, and guests, which user time holds already."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{cpu} "):
            ticks = list(map(int, line.split()[1:9]))
            return (sum(ticks) - ticks[3] - ticks[4]) * _TICK_NS
    raise RuntimeError(f"/proc/stat knows no CPU {cpu}")


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _descendants(child)


def _role(pid: int) -> str:
    """`master`, `worker` or `supervisor` of loadgen; `floor` for the bare client."""
    # Forked children write a title over it, with spaces.
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    named = [word for word in words if word in ("master", "worker")]
    if named:
        return named[0]
    return "floor" if "benchmarks.floor" in words else "supervisor"
