"""How far each worker's wall clock is from the master's: the run's start is told as an instant, and must be one.

The master asks, the worker answers with its own time; half the round trip bounds the error (as NTP has it). Of several
samples the one with the shortest round trip counts, for queues only ever add to it.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from loadgen.swarm import messages
from loadgen.swarm.messages import Tick, Tock, pack

# Eight round trips take some ms on a local network, and rarely all meet a busy hub.
_SAMPLES = 8
# A clock that is further off than this is told to the user.
TOLD_S = 0.005


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A worker's wall clock is ahead of the master's by offset_ns, give or take error_ns."""

    offset_ns: int
    error_ns: int

    @property
    def correction_ns(self) -> int:
        """What to add to an instant of the master's: nothing where the clocks may well agree."""
        return self.offset_ns if abs(self.offset_ns) > self.error_ns else 0

    def note(self, worker: str) -> str | None:
        """A line for the user where the clock is off, or can't be known well enough."""
        if abs(self.correction_ns) > TOLD_S * 1e9:
            way = "ahead of" if self.offset_ns > 0 else "behind"
            off = f"{abs(self.offset_ns) / 1e6:.1f} ms {way} the master's (± {self.error_ns / 1e6:.1f} ms)"
            return f"the clock of worker {worker} is {off}; its start was corrected by that"
        if self.error_ns > TOLD_S * 1e9:
            return f"the clock of worker {worker} is known to ± {self.error_ns / 1e6:.1f} ms only, and so is its start"
        return None


class Clocks:
    """Offsets of one run's workers; `send` sends a message to a worker."""

    def __init__(self, run_id: str, send: Callable[[str, bytes, str], None]) -> None:
        self._run_id = run_id
        self._send = send
        self._left: dict[str, int] = {}
        self.offsets: dict[str, ClockOffset] = {}

    def ask(self, workers: Iterable[str]) -> None:
        """Begin to measure these workers' clocks, anew."""
        for worker in workers:
            self._left[worker] = _SAMPLES
            self.offsets.pop(worker, None)
            self._tick(worker)

    def answered(self, workers: Iterable[str]) -> bool:
        """Whether every sample of these workers is in."""
        return all(not self._left.get(worker) for worker in workers)

    def hear(self, worker: str, data: bytes) -> None:
        """A worker's answer."""
        now_ns = time.time_ns()
        tock = msgspec.msgpack.decode(data, type=Tock)
        if tock.run_id != self._run_id or not self._left.get(worker):
            return
        self._left[worker] -= 1
        trip_ns = now_ns - tock.asked_ns
        found = ClockOffset(tock.worker_ns - tock.asked_ns - trip_ns // 2, trip_ns // 2)
        known = self.offsets.get(worker)
        if known is None or found.error_ns < known.error_ns:
            self.offsets[worker] = found
        if self._left[worker]:
            self._tick(worker)

    def correction_ns(self, worker: str) -> int:
        """What to add to an instant on the master's clock for this worker; 0 where it did not answer."""
        offset = self.offsets.get(worker)
        return 0 if offset is None else offset.correction_ns

    def notes(self, workers: Iterable[str]) -> list[str]:
        """What the user must know of these workers' clocks."""
        notes = []
        for worker in sorted(workers):
            offset = self.offsets.get(worker)
            note = f"the clock of worker {worker} could not be compared" if offset is None else offset.note(worker)
            if note is not None:
                notes.append(note)
        return notes

    def _tick(self, worker: str) -> None:
        self._send(messages.TICK, pack(Tick(self._run_id, time.time_ns())), worker)
