"""The first process of a sandbox: takes its job, builds what the command sees, runs it, watches it, tells the keeper.

Started by the keeper, in namespaces of its own or (`sandbox: unsafe`) without. Imports only what is light. Everything
in the sandbox ends with this process, and it ends with the keeper.
"""

import contextlib
import fcntl
import os
import resource
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from loadgen.sandbox import privileges, root, syscalls
from loadgen.sandbox.frames import exactly, pack, unpack
from loadgen.sandbox.globs import is_inside
from loadgen.sandbox.pipes import FLOOD, Pipes
from loadgen.sandbox.priority import put_session_back
from loadgen.sandbox.watch import Watch

if TYPE_CHECKING:
    from loadgen.sandbox.shelter import Shelter

# The limits are looked at so often: a command that takes 2 GB/s of memory has 100 MB more by then.
_LOOK_S = 0.05
# Where the command writes a report to.
_REPORT = 3
_REPORT_BYTES = 4 * 1024 * 1024
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def main(descriptor: int) -> None:
    """Serve one job over this socket (a descriptor)."""
    syscalls.die_with_parent(signal.SIGKILL)
    channel = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _REPORT + 1)
    os.close(descriptor)
    # Taken from the start, so that nothing else lies where the command's report goes.
    os.dup2(0, _REPORT, inheritable=False)
    try:
        # Where the keeper was gone before that, the socket has an end instead of an order.
        order, blobs = unpack(exactly(partial(os.read, channel)))
    except EOFError:
        return
    shelter: Shelter | None = None
    try:
        if not order["isolated"]:
            shelter = _new_shelter()
        answer, texts = _serve(order, blobs, shelter)
    except OSError as error:
        answer, texts = {"problem": str(error)}, []
    finally:
        if shelter is not None:
            shelter.remove()
    with contextlib.suppress(OSError):
        message = memoryview(pack(answer, texts))
        while message:
            message = message[os.write(channel, message) :]


def _new_shelter() -> "Shelter":
    # Imported here, for what it imports takes longer than all the rest of an isolated start.
    from loadgen.sandbox.shelter import Shelter

    return Shelter()


def _serve(order: dict[str, Any], blobs: list[bytes], shelter: "Shelter | None") -> tuple[dict[str, Any], list[bytes]]:
    stdin, *contents = blobs
    tree = dict(zip(order["tree"], contents, strict=False))
    aside = dict(zip(order["aside"], contents[len(tree) :], strict=True))
    proc: int | None = None
    owner = order["user"] or 0
    if shelter is None:
        os.umask(0o022)
        syscalls.set_host_name("sandbox")
        proc = root.enter(order["shown"], order["covered"], aside, order["limits"]["disk_bytes"], owner)
    else:
        shelter.enter(aside)
    _lay_out(tree, owner if shelter is None else None)
    run = _Run(order, stdin, proc, shelter)
    answer = run.to_the_end()
    if "problem" in answer:
        return answer, []
    return answer, [run.pipes.output.text, run.pipes.report.text]


def _lay_out(tree: dict[str, bytes], owner: int | None) -> None:
    """Write the tree into the working directory. owner: who shall be able to change it; None for whoever we are."""
    folders: set[str] = set()
    for path, content in tree.items():
        if not is_inside(path):
            raise OSError(f"not a path in a tree: {path!r}")
        folder = os.path.dirname(path)
        while folder and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
    if owner:
        for path in (*folders, *tree):
            os.chown(path, owner, owner)


class _Run:
    """One command from its start to the end of the last process that came of it."""

    def __init__(self, order: dict[str, Any], stdin: bytes, proc: int | None, shelter: "Shelter | None") -> None:
        self._order, self._limits = order, order["limits"]
        self._proc, self._shelter = proc, shelter
        self.pipes = Pipes(stdin, self._limits["output_bytes"], _REPORT_BYTES, report=order["report"])
        self._watch = Watch()
        self._status: int | None = None
        self._living = True

    def to_the_end(self) -> dict[str, Any]:
        """Run it. What came of it, or {"problem"} where it could not be started."""
        problem_read, problem_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._become_command(problem_write)
        os.close(problem_write)
        self.pipes.close_ends()
        with open(problem_read, "rb") as problems:
            problem = problems.read()  # its other end closes as the command begins
        if problem:
            return {"problem": problem.decode(errors="replace")}
        # From here on, and not from the fork: what it took to get there is none of the command's.
        started_s = time.monotonic()
        killed_for = self._until_it_ends(started_s)
        wall_s = time.monotonic() - started_s
        self._end_all()
        self.pipes.finish()
        used, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
        code = None if self._status is None or killed_for else os.waitstatus_to_exitcode(self._status)
        return {
            "exit_code": code,
            "killed_for": killed_for,
            "wall_s": wall_s,
            "cpu_s": used.ru_utime + used.ru_stime,
            "own_cpu_s": own.ru_utime + own.ru_stime,
            "waited_s": self._watch.waited_s,
            "truncated": self.pipes.output.truncated,
        }

    def _until_it_ends(self, started_s: float) -> str | None:
        """The limit that it went over, None where it ended first."""
        pidfd = os.pidfd_open(self._pid) if hasattr(os, "pidfd_open") else None
        if pidfd is not None:
            self.pipes.wake_for(pidfd)
        deadline_s, look_s = started_s + self._limits["wall_s"], started_s
        most_output = FLOOD * self._limits["output_bytes"]
        try:
            while True:
                now_s = time.monotonic()
                if now_s >= look_s:
                    look_s = now_s + _LOOK_S
                    if over := self._over():
                        return over
                self._reap()
                if not self._living:
                    return None
                if now_s >= deadline_s:
                    return "wall"
                if self.pipes.output.total > most_output:
                    return "output"
                self.pipes.turn(min(look_s, deadline_s) - now_s)
        finally:
            if pidfd is not None:
                os.close(pidfd)

    def _over(self) -> str | None:
        # Without a process namespace there is no telling which processes are the command's.
        if self._shelter is not None:
            return None
        usage, limits = self._watch.look(), self._limits
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        if usage.memory_bytes > limits["memory_bytes"]:
            return "memory"
        if usage.cpu_s + ended.ru_utime + ended.ru_stime > limits["cpu_s"]:
            return "cpu"
        # The kernel refuses more before; this is for kernels that count the user's other processes or nothing.
        return "processes" if usage.processes > limits["processes"] else None

    def _reap(self) -> None:
        """Take leave of every process that has ended, the orphans among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note_end(pid, status)

    def _note_end(self, pid: int, status: int) -> None:
        if pid == self._pid:
            self._status, self._living = status, False

    def _end_all(self) -> None:
        """Kill whatever is left and wait until it is gone."""
        if self._shelter is not None:
            self._shelter.end_all(self._pid, self._note_end)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everything in this namespace but its first process
        while True:
            try:
                self._note_end(*os.waitpid(-1, 0))
            except ChildProcessError:
                return

    def _become_command(self, problems: int) -> NoReturn:
        """In the child: give everything up and execute the command. What goes wrong is written to `problems`."""
        try:
            if self._shelter is not None:
                os.setsid()  # by which it is ended
                put_session_back()
            else:
                # A signal to its group shall not reach who started the sandbox: as a plain user it is theirs.
                os.setpgrp()
            # The keeper ignores it, which would be inherited.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            stdin, output, report = self.pipes.ends
            os.dup2(stdin, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if report is not None:
                os.dup2(report, _REPORT)
            privileges.limit(self._limits, count_processes=self._shelter is None)
            if self._proc is not None:
                privileges.become_nobody(self._proc, self._order["user"])
            elif sys.platform == "linux":
                syscalls.no_new_privileges()
            command = self._order["command"]
            if self._shelter is not None:
                command = [self._shelter.place(word) for word in command]
            home = root.HOME if self._shelter is None else self._shelter.home
            os.execve(command[0], command, {**_ENVIRONMENT, "HOME": home, "TMPDIR": home})  # noqa: S606 - no shell
        except BaseException as error:
            os.write(problems, str(error).encode()[:4096] or b"unknown")
        os._exit(127)
