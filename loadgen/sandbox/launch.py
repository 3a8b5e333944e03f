"""How a sandbox is started, and with what of this machine in sight. For the keeper, and for the check before a run."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from loadgen.sandbox import syscalls
from loadgen.sandbox.frames import Header, pack
from loadgen.sandbox.model import PYTHON, Job, Outcome
from loadgen.sandbox.priority import stand_back

_SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64")
# User ids that no account has: each sandbox that root starts gets one of its own, so that the kernel counts its
# processes and nobody else's.
_FIRST_USER, _USERS = 0x70000000, 0x0FFFFFFF
_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


class Place(Struct, frozen=True):
    """What every sandbox of this machine sees, and how its first process is started."""

    python: str
    shown: tuple[str, ...]
    covered: tuple[str, ...]
    isolated: bool

    def start(self, *, tied: bool) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        """A sandbox's first process, and the socket on which it waits for its order. Raises OSError.

        tied: it ends with the calling thread and stands back behind everything else on this machine; only for a process
        without other threads.
        """
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).parents[2])
        code = (
            f"import sys; sys.path.append({root!r}); from loadgen.sandbox.inside import main; main({theirs.fileno()})"
        )
        try:
            process = subprocess.Popen(
                [*self._namespaces(), self.python, "-I", "-S", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if not tied else subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={"PATH": _PATH, "LANG": "C"},
                cwd="/",
                start_new_session=True,
                preexec_fn=partial(_begin, os.getpid()) if tied else None,  # noqa: PLW1509 - the keeper has no threads
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours

    def order(self, job: Job) -> bytes:
        """What the first process is told."""
        first, *words = job.command
        user = None
        if self.isolated and os.geteuid() == 0:
            user = _FIRST_USER + random.SystemRandom().randrange(_USERS)
        header = {
            "isolated": self.isolated,
            "command": [self.python if first == PYTHON else first, *words],
            "limits": {name: getattr(job.limits, name) for name in job.limits.__struct_fields__},
            "report": job.report,
            "user": user,
            "shown": self.shown,
            "covered": self.covered,
            "tree": list(job.tree),
            "aside": list(job.aside),
        }
        return pack(header, [job.stdin, *job.tree.values(), *job.aside.values()])

    def _namespaces(self) -> tuple[str, ...]:
        """The command that starts another in namespaces of its own."""
        if not self.isolated:
            return ()
        command = ("unshare", "--net", "--mount", "--pid", "--fork", "--ipc", "--uts")
        # Root needs no user namespace to make the others, and could map nobody but itself into one: the command then
        # would be root's, whose processes the kernel does not count. It gets one of its own later (privileges.py).
        mapped = () if os.geteuid() == 0 else ("--map-root-user",)
        return (*command, *mapped, "--mount-proc", "--kill-child=SIGKILL")


def place_here(*, isolated: bool) -> Place:
    """What a sandbox of this machine sees."""
    python = os.path.realpath(sys.executable)
    base = sys.base_prefix
    paths = sysconfig.get_paths(vars={"base": base, "platbase": base})
    wanted = [*_SYSTEM, os.path.dirname(python), paths["stdlib"], paths["platstdlib"], *_library_folder(base)]
    shown = tuple(_outermost(os.path.realpath(place) for place in wanted if os.path.isdir(place)))
    package = str(Path(__file__).parents[1])
    hidden = {paths["purelib"], paths["platlib"], "/usr/lib/python3/dist-packages", package, os.path.dirname(package)}
    covered = tuple(
        sorted(place for place in map(os.path.realpath, hidden) if _within(place, shown) and os.path.isdir(place))
    )
    return Place(python, shown, covered, isolated)


def outcome_of(answer: Header, blobs: list[bytes], queued_s: float) -> Outcome:
    """A first process's answer as an outcome. Raises OSError for a job that could not be started."""
    if "problem" in answer:
        raise OSError(str(answer["problem"]))
    output, report = blobs
    killed_for: str | None = answer["killed_for"]
    return Outcome(
        exit_code=answer["exit_code"],
        output=output,
        truncated=answer["truncated"],
        timed_out=killed_for == "wall",
        killed_for=killed_for,
        wall_s=answer["wall_s"],
        cpu_s=answer["cpu_s"],
        queued_s=queued_s,
        waited_s=answer["waited_s"],
        own_cpu_s=answer["own_cpu_s"],
        report=report,
    )


def missing_program() -> str | None:
    """Why no sandbox can be started, as far as that shows without trying; None where nothing does."""
    if sys.platform != "linux":
        return f"namespaces are Linux's, and this is {sys.platform}"
    if shutil.which("unshare", path=_PATH) is None:
        return "there is no `unshare` (it comes with util-linux)"
    return None


def _library_folder(base: str) -> Iterator[str]:
    """Where libpython lies, where it is shared."""
    folder: Any = sysconfig.get_config_var("LIBDIR")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and isinstance(folder, str):
        yield folder if os.path.isdir(folder) else f"{base}/lib"


def _outermost(places: Iterator[str]) -> list[str]:
    """Each place that lies in no other one, in order."""
    unique = sorted(set(places))
    return [place for place in unique if not _within(place, tuple(other for other in unique if other != place))]


def _within(place: str, others: tuple[str, ...]) -> bool:
    return any(place.startswith(other.rstrip("/") + "/") for other in others)


def _begin(parent: int) -> None:
    """In the child of a keeper, before it executes anything."""
    # It shall not outlive its parent.
    syscalls.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    stand_back()
