"""Child processes of this same program, forked from one that has imported what they need.

Imports are most of what a master's or a worker's start costs (1.4 s of CPU each on a small machine): done once before
the fork, they cost once, and the pages they fill are shared. Used by the supervisor alone; whoever forks must have no
other thread and no event loop yet.
"""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Collection, Sequence
from functools import cache
from typing import NoReturn

# Without it the title would be written over the environment too, where it is looked for by `ps e` and its like.
os.environ.setdefault("SPT_NOENV", "1")

from setproctitle import setproctitle

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FIRST_POLL_S = 0.001
_POLL_S = 0.02
_BUG = 70


@cache
def preload() -> None:
    """Import what master and worker need, before either is forked."""
    # Threads of a BLAS would not survive the fork; nothing here multiplies matrices.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    import loadgen.outputs.report
    import loadgen.swarm.processes  # noqa: F401 - what counts is that it is there

    # What is there by now stays: a collection in a child would only copy the pages it marks.
    gc.collect()
    gc.freeze()


class Forked:
    """A forked child, as far as the supervisor needs it with the face of subprocess.Popen."""

    stdin = None

    def __init__(
        self, title: str, arguments: Sequence[str], *, pass_fds: Collection[int] = (), stdout: int | None = None
    ) -> None:
        """Run `loadgen ARGUMENTS` in a session of its own, stdin empty, no descriptor but these and the usual three.

        title: what process lists show. stdout: as for subprocess.Popen, DEVNULL or a descriptor.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode: int | None = None
        # A signal between the fork and the child's own handlers would be counted by a copy of ours and be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _live(title, arguments, pass_fds, stdout)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the child runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code once the child has ended. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause_s = _FIRST_POLL_S
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the child has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _live(title: str, arguments: Sequence[str], pass_fds: Collection[int], stdout: int | None) -> NoReturn:
    """The child's whole life; never returns into its parent's frames."""
    code = _BUG
    try:
        os.setsid()
        for number in _SIGNALS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _redirect(stdout)
        _close_all_but(pass_fds)
        setproctitle(title)
        sys.argv = ["loadgen", *arguments]
        from loadgen.cli import main

        main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        # Not by the interpreter's own end: what the parent registered for its exit is not ours to do.
        os._exit(code)


def _redirect(stdout: int | None) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if stdout is not None:
        os.dup2(null if stdout == subprocess.DEVNULL else stdout, 1)
    os.close(null)


def _close_all_but(kept: Collection[int]) -> None:
    # Those that are open rather than all that could be: some systems allow a billion.
    for descriptor in map(int, os.listdir("/dev/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(descriptor)
