"""The closed loop: each permit holds one session at a time; the next starts when the one before has ended.

How many permits are active is the schedule's curve of users, scaled to the number of permits there are; each permit
works out its own windows of it, so the workers need not agree on anything but who holds which permit.
"""

import asyncio
import time

from loadgen.arrivals import Schedule, permit_windows
from loadgen.engine.clock import Clock
from loadgen.engine.sessions import PlannedSession, SessionFactory, SessionRunner

# A permit whose session ended because no connection could be made waits this long: a target that refuses
# connections answers in microseconds, and the loop would spin.
_REFUSED_PAUSE_NS = 250_000_000
# Session numbers of a permit that changed hands start beyond any the former holder can have used.
_EPOCH_SESSIONS = 1 << 24
# Planned ahead is held in memory twice, so only what takes noticeable time is; and not while the request before it is
# still being written, in pieces.
_WORTH_PREPARING_NS = 200_000
_PREPARE_AFTER_S = 0.005


class _Sessions:
    """A permit's sessions, one after the other. Where planning one takes its time, that is done while the one before
    runs: a prompt of 100k tokens takes 1 ms, which would be schedule lag."""

    def __init__(self, factory: SessionFactory, permit: int, permit_count: int, number: int) -> None:
        """number: that of the permit's first session."""
        self._factory = factory
        self._permit = permit
        self._permit_count = permit_count
        self._number = number
        self._left = set(range(factory.workload_count))
        # permit, permit + permits, ...: no two permits share a session
        self._ordinals = dict.fromkeys(self._left, permit)
        self._next: PlannedSession | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._longest_ns = 0

    async def take(self) -> PlannedSession | None:
        """The next session; None where every workload has run out."""
        if self._timer is not None:
            self._timer.cancel()
        if self._preparing is None:
            await self._prepare()
        else:
            await self._preparing
        self._preparing = None
        planned, self._next = self._next, None
        return planned

    def prepare_soon(self) -> None:
        """Plan the next one in a moment, when the first request of the one just taken has been written."""
        if self._longest_ns > _WORTH_PREPARING_NS:
            self._timer = asyncio.get_running_loop().call_later(_PREPARE_AFTER_S, self._begin_preparing)

    def close(self) -> None:
        """Nobody takes another one."""
        if self._timer is not None:
            self._timer.cancel()
        if self._preparing is not None:
            self._preparing.cancel()

    def _begin_preparing(self) -> None:
        self._preparing = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        started_ns = time.monotonic_ns()
        while self._next is None and self._left:
            index = self._factory.choose(self._permit, self._number, among=self._left)
            name = f"{self._permit}.{self._number}"
            self._next = await self._factory.plan(name, index, self._ordinals[index], self._permit, self._number)
            self._number += 1
            if self._next is None:
                self._left.discard(index)
            else:
                self._ordinals[index] += self._permit_count
        self._longest_ns = max(self._longest_ns, time.monotonic_ns() - started_ns)


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

    def deal(
        self,
        permits: tuple[int, ...],
        epoch: int,
        from_s: float,  # noqa: ARG002 - the open loop needs it
        permit_count: int | None = None,
    ) -> None:
        """Hold just these permits, at once. One given away ends its session after the turn in flight.

        A new permit_count scales the windows of permits taken up from now on; those held keep theirs.
        """
        self._held = set(permits)
        self._permit_count = permit_count or self._permit_count
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
        sessions = _Sessions(self._factory, permit, self._permit_count, epoch * _EPOCH_SESSIONS)
        try:
            await self._hold_with(sessions, permit, epoch)
        finally:
            sessions.close()

    async def _hold_with(self, sessions: _Sessions, permit: int, epoch: int) -> None:
        for on_s, off_s in permit_windows(self._schedule, permit * self._schedule.peak_level / self._permit_count):
            on_ns = self._origin_ns + round(on_s * 1e9)
            off_ns = self._origin_ns + round(off_s * 1e9)
            due_ns = max(on_ns, time.monotonic_ns()) if epoch else on_ns

            def keep_on(turn_due_ns: int, off_ns: int = off_ns) -> bool:
                return turn_due_ns < off_ns and permit in self._held

            while due_ns < off_ns and permit in self._held and not self._runner.stopping:
                planned = await sessions.take()
                if planned is None:
                    return
                sessions.prepare_soon()
                ended = await self._runner.run(planned, due_ns, keep_on)
                if ended.unfinished:
                    # Its user still thinks when the window closes. Another session in its place would make every
                    # permit send without a pause towards the end.
                    break
                # The permit fell free when the last turn ended; what we do since then is our lag, not a later plan.
                free_ns = time.monotonic_ns() if ended.end_ns is None else ended.end_ns
                due_ns = free_ns + (_REFUSED_PAUSE_NS if ended.outcome == "connect" else 0)
