"""Where a job runs without a sandbox (`sandbox: unsafe`): a folder of its own, and nothing that holds it there.

What is kept of a sandbox's promises: limits of each process, no environment, an end to all that came of it.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping

from loadgen.sandbox import syscalls

_ASIDE, _TREE = "/aside", "/work"  # as model.ASIDE and TREE, which would cost an import of msgspec


class Shelter:
    """Files, and later the processes, of one job. Used by the process that runs it."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="loadgen-unsafe-")
        self.home = os.path.join(self._folder, "home")
        if sys.platform == "linux":
            # The keeper's end is a word here and no kill: the folder is to be removed.
            syscalls.die_with_parent(signal.SIGTERM)
            signal.signal(signal.SIGTERM, self._on_end)
            syscalls.adopt_orphans()

    def enter(self, aside: Mapping[str, bytes]) -> None:
        """Make the folder's parts and change to the tree's."""
        for part in (self.home, self._folder + _ASIDE, self._folder + _TREE):
            os.mkdir(part)
        for name, content in aside.items():
            with open(f"{self._folder}{_ASIDE}/{name}", "wb") as file:
                file.write(content)
        os.chdir(self._folder + _TREE)

    def place(self, word: str) -> str:
        """A word of the command, where a sandbox's paths mean what lies here instead."""
        inside = any(word == root or word.startswith(root + "/") for root in (_ASIDE, _TREE))
        return self._folder + word if inside else word

    def end_all(self, leader: int, note_end: Callable[[int, int], None]) -> None:
        """Kill the command's session, and the descendants that left it, which are ours by now (Linux)."""
        while True:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
            for pid in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                note_end(*os.waitpid(-1, 0))
            except ChildProcessError:
                return

    def remove(self) -> None:
        """Remove the folder, whatever the command did to it."""
        os.chdir("/")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _on_end(self, number: int, frame: object) -> None:
        del number, frame
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.remove()
        os._exit(1)


def _children() -> list[int]:
    """Our children, as /proc tells; none elsewhere."""
    found = []
    me = os.getpid()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == me:
                    found.append(int(name))
    return found
