"""What the processes of a sandbox use, all together, as its own /proc tells. Called by its first process."""

import os
from typing import NamedTuple

from loadgen.sandbox.priority import put_session_back

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat, counted after the name in brackets: session, utime, stime, cutime, cstime, threads, resident pages.
_SESSION = 3
_TIMES = slice(11, 15)
_THREADS, _RESIDENT = 17, 21


class Usage(NamedTuple):
    """Of everything that runs now; memory that processes share counts for each of them."""

    processes: int
    memory_bytes: int
    cpu_s: float


class Watch:
    """Looks at all processes but the one that looks. Keeps what each had waited for a processor when last seen.

    A session that one of them has made is put behind all others, where its maker is already (priority.py).
    """

    def __init__(self) -> None:
        self._me = os.getpid()
        self._waited_ns: dict[str, int] = {}
        self._put_back: set[bytes] = set()

    @property
    def waited_s(self) -> float | None:
        """How long they stood ready and did not run; None where the system does not tell."""
        return sum(self._waited_ns.values()) / 1e9 if self._waited_ns else None

    def look(self) -> Usage:
        """What runs now."""
        processes = memory = 0
        cpu = 0.0
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == self._me:
                continue
            fields = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
            if len(fields) <= _RESIDENT:
                continue  # it has just ended
            processes += int(fields[_THREADS])
            memory += int(fields[_RESIDENT]) * _PAGE
            cpu += sum(map(int, fields[_TIMES])) / _TICKS
            self._note_waiting(name)
            if fields[_SESSION] not in self._put_back and put_session_back(name):
                self._put_back.add(fields[_SESSION])
        return Usage(processes, memory, cpu)

    def _note_waiting(self, name: str) -> None:
        fields = _read(f"/proc/{name}/schedstat").split()
        if len(fields) == 3:
            self._waited_ns[name] = int(fields[1])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(4096)
    except OSError:
        return b""
