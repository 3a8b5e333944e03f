"""The closed loop: each permit holds one session at a time; the next starts when the one before has ended.

How many permits are active is the schedule's curve of users; each permit works out its own windows of it, so the
workers need not agree on anything but who holds which permit.
"""

import asyncio
import time

from loadgen.arrivals import Schedule, permit_windows
from loadgen.engine.clock import Clock
from loadgen.engine.sessions import SessionFactory, SessionRunner

# A permit whose session ended because no connection could be made waits this long: a target that refuses
# connections answers in microseconds, and the loop would spin.
_REFUSED_PAUSE_NS = 250_000_000
# Session numbers of a permit that changed hands start beyond any the former holder can have used.
_EPOCH_SESSIONS = 1 << 24


class ClosedLoop:
    """Runs the sessions of this worker's permits."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        factory: SessionFactory,
        runner: SessionRunner,
        clock: Clock,
        origin_ns: int,
        permit_count: int,
    ) -> None:
        self._schedule = schedule
        self._factory = factory
        self._runner = runner
        self._clock = clock
        self._origin_ns = origin_ns
        self._permit_count = permit_count
        self._held: set[int] = set()
        self._running: dict[int, asyncio.Task[None]] = {}

    def deal(self, permits: tuple[int, ...], epoch: int, from_s: float) -> None:  # noqa: ARG002 - the open loop needs it
        """Hold just these permits, at once. One given away ends its session after the turn in flight."""
        self._held = set(permits)
        for permit in permits:
            running = self._running.get(permit)
            if running is None or (running.done() and epoch):
                task = asyncio.get_running_loop().create_task(self._hold(permit, epoch))
                self._running[permit] = task
                self._runner.adopt(task)

    async def run(self) -> None:
        """Returns when no permit has anything left to do."""
        while not all(task.done() for task in self._running.values()):
            await asyncio.wait(self._running.values())

    async def _hold(self, permit: int, epoch: int) -> None:
        number = epoch * _EPOCH_SESSIONS
        left = set(range(self._factory.workload_count))
        ordinals = dict.fromkeys(left, permit)  # permit, permit + permits, ...: no two permits share a session
        for on_s, off_s in permit_windows(self._schedule, permit):
            on_ns = self._origin_ns + round(on_s * 1e9)
            off_ns = self._origin_ns + round(off_s * 1e9)
            due_ns = max(on_ns, time.monotonic_ns()) if epoch else on_ns

            def keep_on(turn_due_ns: int, off_ns: int = off_ns) -> bool:
                return turn_due_ns < off_ns and permit in self._held

            while left and due_ns < off_ns and permit in self._held and not self._runner.stopping:
                index = self._factory.choose(permit, number, among=left)
                planned = self._factory.plan(f"{permit}.{number}", index, ordinals[index], permit, number)
                number += 1
                if planned is None:
                    left.discard(index)
                    continue
                ordinals[index] += self._permit_count
                ended = await self._runner.run(planned, due_ns, keep_on)
                if ended.unfinished:
                    # Its user still thinks when the window closes. Another session in its place would make every
                    # permit send without a pause towards the end.
                    break
                # The permit fell free when the last turn ended; what we do since then is our lag, not a later plan.
                free_ns = time.monotonic_ns() if ended.end_ns is None else ended.end_ns
                due_ns = free_ns + (_REFUSED_PAUSE_NS if ended.outcome == "connect" else 0)
