"""A run's processes: starts a master, its workers and, where no target is named, the simulator; sees them to their end.

Children run in sessions of their own, so that Ctrl-C reaches only this process, which stops them in order; they die
with it if it is killed. Master and workers are forked from here once what they import is loaded; still, nothing of
Locust runs in this process: it talks to the children by signals, pipes and exit codes.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from loadgen.errors import ExitCode, LoadgenError
from loadgen.forking import Forked, preload

# Workers leave on the master's word; the simulator when its stdin closes. Then they are asked, then made to.
_LEAVE_S = 2.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Child:
    """One child process; role is its name in messages."""

    role: str
    process: "subprocess.Popen[bytes] | Forked"


@dataclass
class Supervisor:
    """Starts children and makes sure that none is left. A context manager: leaving it stops them all."""

    children: list[Child] = field(default_factory=list)
    interrupts: int = 0

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(signal.SIGTERM, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(self.children)

    def fork(
        self, role: str, arguments: Sequence[str], *, pass_fds: Sequence[int] = (), stdout: int | None = None
    ) -> Forked:
        """Start `loadgen ARGUMENTS` in a session of its own; the rest as for Forked."""
        preload()
        forked = Forked(f"loadgen {role.removeprefix('the ')}", arguments, pass_fds=pass_fds, stdout=stdout)
        self.children.append(Child(role, forked))
        return forked

    def watch(self, master: Forked) -> ExitCode:
        """Until the master has ended: pass interrupts on, and say when another child dies. The master's exit code."""
        passed_on = 0
        gone: set[int] = set()
        while master.poll() is None:
            if self.interrupts > passed_on:
                passed_on = self.interrupts
                if passed_on > 2:
                    return ExitCode.INTERRUPTED  # asked three times: whatever still hangs is ended from outside
                with contextlib.suppress(ProcessLookupError):
                    master.send_signal(signal.SIGINT)
            for child in self.children:
                code = child.process.poll()
                if child.process is not master and code not in (None, 0) and child.process.pid not in gone:
                    gone.add(child.process.pid)
                    sys.stderr.write(f"{child.role} (process {child.process.pid}) ended with {_told(code)}\n")
            time.sleep(_POLL_S)
        code = master.wait()
        if code < 0:
            sys.stderr.write(f"the master ended with {_told(code)}; the run folder holds what was written until then\n")
            return ExitCode.BUG
        return ExitCode(code) if code in ExitCode.__members__.values() else ExitCode.BUG

    def start_simulator(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start the simulator on a free port; `simulator_url` says where it listens."""
        # Not forked: it imports far less, and comes up while their imports are loaded.
        process = subprocess.Popen(
            [sys.executable, "-m", "loadgen.simulator", "--port", "0", "--exit-with-stdin", *arguments],
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.children.append(Child("the simulator", process))
        return process

    def stop(self, children: Sequence[Child]) -> None:
        """End these children: those that leave by themselves first, then SIGTERM, then SIGKILL."""
        for child in children:
            if child.process.stdin is not None:
                with contextlib.suppress(OSError):
                    child.process.stdin.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            living = [child.process for child in children if child.process.poll() is None]
            for process in living:
                if number is not None:
                    process.send_signal(number)
            deadline = time.monotonic() + _LEAVE_S
            for process in living:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        self.children = [child for child in self.children if child not in children]

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal module's signature
        self.interrupts += 1


def _told(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def run_supervised(
    master_arguments: Sequence[str], workers: int, simulator_arguments: Sequence[str] | None, private: str
) -> ExitCode:
    """Run master and workers to the end of the run. The arguments are those of `loadgen master`, without the ones
    given here; simulator_arguments: those of the simulator if it is to be started, its URL becomes the target.
    private: a line for the master that no process list may show.

    Raises LoadgenError where a child does not come up.
    """
    with Supervisor() as supervisor:
        simulator = None if simulator_arguments is None else supervisor.start_simulator(simulator_arguments)
        target = None if simulator is None else lambda: simulator_url(simulator)
        return run_within(supervisor, master_arguments, workers, target, private)


def run_within(
    supervisor: Supervisor,
    master_arguments: Sequence[str],
    workers: int,
    target: Callable[[], str] | None,
    private: str,
    *,
    stdout: int | None = None,
) -> ExitCode:
    """As run_supervised, one run of several under the same supervisor: its master and workers are gone afterwards.

    target: gives the URL of the target, called once the children are on their way (they start meanwhile); None where
    the scenario or the options name it. stdout: of the master, as for subprocess.Popen.
    """
    parent = str(os.getpid())
    before = len(supervisor.children)
    announce_read, announce_write = os.pipe()
    join_pipes = [os.pipe() for _ in range(workers)]
    target_read, target_write = os.pipe()
    private_read, private_write = os.pipe()
    try:
        master = supervisor.fork(
            "the master",
            [
                "master",
                *master_arguments,
                "--workers",
                str(workers),
                "--parent",
                parent,
                *([] if target is None else ["--target-fd", str(target_read)]),
                "--private-fd",
                str(private_read),
                "--announce-fd",
                str(announce_write),
            ],
            pass_fds=(announce_write, target_read, private_read),
            stdout=stdout,
        )
        for number, (join_read, _) in enumerate(join_pipes, 1):
            supervisor.fork(
                f"worker {number}",
                ["worker", "--parent", parent, "--join-fd", str(join_read)],
                pass_fds=(join_read,),
            )
        for descriptor in (announce_write, target_read, private_read, *(read for read, _ in join_pipes)):
            os.close(descriptor)
        _write_line(private_write, private)
        if target is not None:
            _write_line(target_write, target())
        else:
            os.close(target_write)
        with os.fdopen(announce_read) as announcement:
            address = announcement.readline().strip()
        for _, join_write in join_pipes:
            _write_line(join_write, address)
        return supervisor.watch(master)
    finally:
        supervisor.stop(supervisor.children[before:])


def simulator_url(simulator: "subprocess.Popen[bytes]") -> str:
    """The base URL of a simulator that `start_simulator` started, once it listens; asked once.

    Raises LoadgenError where it did not come up.
    """
    return _first_line(simulator, "the simulator").rsplit(" ", 1)[-1]


def _first_line(process: "subprocess.Popen[bytes]", role: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    if not line:
        raise LoadgenError(f"{role} did not start (exit code {process.wait()})")
    return line


def _write_line(descriptor: int, line: str) -> None:
    """A line to a child that may be gone by now."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "w") as pipe:
        pipe.write(f"{line}\n")
