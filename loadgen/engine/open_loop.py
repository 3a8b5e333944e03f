"""The open loop: sessions start when the arrival sequence says, whether or not the target keeps up.

Every worker walks the same global sequence and launches the arrivals that are dealt to its permits, so the offered
load is the same plan whatever the number of workers.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from functools import partial

from loadgen.engine.clock import Clock
from loadgen.engine.sessions import PlannedSession, SessionFactory, SessionRunner
from loadgen.metrics.recorder import Recorder

# A session is made and its first request encoded this long before it is due, so that neither counts as lag.
_AHEAD_NS = 250_000_000
# How far arrivals are walked in one go, at most, before looking at the clock again.
_STRIDE_NS = 10_000_000
# How often `finish` looks whether all that was due has been launched.
_LOOK_NS = 1_000_000
# 3 µs each: nobody waits longer than 3 ms meanwhile.
_DROPPED_AT_ONCE = 1024
_NEVER_NS = 1 << 63


class OpenLoop:
    """Launches this worker's share of the arrivals."""

    def __init__(
        self,
        arrivals: Iterator[float],
        *,
        factory: SessionFactory,
        runner: SessionRunner,
        recorder: Recorder,
        clock: Clock,
        origin_ns: int,
        max_in_flight: int,
        permit_count: int,
    ) -> None:
        self._arrivals = arrivals
        self._factory = factory
        self._runner = runner
        self._recorder = recorder
        self._clock = clock
        self._origin_ns = origin_ns
        self._max_in_flight = max_in_flight
        self._permit_count = permit_count
        self._deals: list[tuple[int, frozenset[int]]] = []
        self._share = 0
        # When the arrivals are due that have been planned and not launched, ascending.
        self._planned: deque[int] = deque()
        self._walked_to_ns = 0
        self._ended_ns: int | None = None
        self._deadline_ns = 0

    def deal(
        self,
        permits: tuple[int, ...],
        epoch: int,  # noqa: ARG002 - the closed loop needs it, and permit_count
        from_s: float,
        permit_count: int | None = None,  # noqa: ARG002 - arrivals are dealt over the same number all along
    ) -> None:
        """Take over these permits for the arrivals due from `from_s` on, in seconds from the run's start."""
        self._deals.append((self._origin_ns + round(from_s * 1e9), frozenset(permits)))
        if permits:  # what is planned already starts in any case, and must not be dropped
            # At least one, so that a small limit over many workers does not become none at all.
            self._share = max(1, self._max_in_flight * len(permits) // self._permit_count)

    async def run(self) -> None:
        """Walk the sequence to its end; returns when the last arrival has been launched or dropped."""
        planned_to_ns = 0
        ordinals = [0] * self._factory.workload_count
        for number, offset_s in enumerate(self._arrivals):
            due_ns = self._walked_to_ns = self._origin_ns + round(offset_s * 1e9)
            if due_ns > planned_to_ns:
                await self._clock.sleep_until(due_ns - _AHEAD_NS)
                planned_to_ns = max(due_ns, time.monotonic_ns() + _AHEAD_NS) + _STRIDE_NS
            if self._ended_ns is not None and due_ns > self._ended_ns:
                break
            index = self._factory.choose(number)
            ordinals[index] += 1
            if not self._is_ours(number, due_ns):
                continue
            if self._too_late:
                self._recorder.dropped(self._factory.name_of(index), self._runner.stage_at(due_ns))
                if not number % _DROPPED_AT_ONCE:
                    await asyncio.sleep(0)
                continue
            planned = await self._factory.plan(str(number), index, ordinals[index] - 1, number)
            if planned is not None:
                self._planned.append(due_ns)
                self._clock.call_at(due_ns, partial(self._arrive, planned, due_ns))
                await asyncio.sleep(0)
        self._walked_to_ns = _NEVER_NS
        while self._planned:
            await self._clock.sleep_until(time.monotonic_ns() + _STRIDE_NS)

    async def finish(self, walking: "asyncio.Task[None]", ended_ns: int, deadline_ns: int) -> None:
        """The load ended at `ended_ns`: launch what was due by then and could not be yet, and nothing that comes later.

        A machine that was held up just then still owes those arrivals, and their lag is to be seen; what is not
        launched by `deadline_ns` counts as dropped. A second call brings the deadline forward. walking: what does
        `run`.
        """
        self._ended_ns, self._deadline_ns = ended_ns, deadline_ns
        while not walking.done() and (
            self._walked_to_ns <= ended_ns or (self._planned and self._planned[0] <= ended_ns)
        ):
            await self._clock.sleep_until(time.monotonic_ns() + _LOOK_NS)

    @property
    def _too_late(self) -> bool:
        return self._ended_ns is not None and time.monotonic_ns() >= self._deadline_ns

    def _is_ours(self, number: int, due_ns: int) -> bool:
        for from_ns, permits in reversed(self._deals):
            if due_ns >= from_ns:
                return number % self._permit_count in permits
        return False

    def _arrive(self, planned: PlannedSession, due_ns: int) -> None:
        self._planned.popleft()  # the clock calls back in the order of the due times
        if self._ended_ns is not None and due_ns > self._ended_ns:
            return
        if self._too_late or self._runner.in_flight >= self._share:
            self._recorder.dropped(planned.workload, self._runner.stage_at(due_ns))
        else:
            self._runner.launch(planned, due_ns)
