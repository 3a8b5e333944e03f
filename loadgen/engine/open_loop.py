"""The open loop: sessions start when the arrival sequence says, whether or not the target keeps up.

Every worker walks the same global sequence and launches the arrivals that are dealt to its permits, so the offered
load is the same plan whatever the number of workers.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from loadgen.engine.clock import Clock
from loadgen.engine.sessions import PlannedSession, SessionFactory, SessionRunner
from loadgen.metrics.recorder import Recorder

# A session is made and its first request encoded this long before it is due, so that neither counts as lag.
_AHEAD_NS = 250_000_000
# How far arrivals are walked in one go, at most, before looking at the clock again.
_STRIDE_NS = 10_000_000


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
        self._planned = 0

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
        walked_to_ns = 0
        ordinals = [0] * self._factory.workload_count
        for number, offset_s in enumerate(self._arrivals):
            due_ns = self._origin_ns + round(offset_s * 1e9)
            if due_ns > walked_to_ns:
                await self._clock.sleep_until(due_ns - _AHEAD_NS)
                walked_to_ns = max(due_ns, time.monotonic_ns() + _AHEAD_NS) + _STRIDE_NS
            index = self._factory.choose(number)
            ordinals[index] += 1
            if not self._is_ours(number, due_ns):
                continue
            planned = self._factory.plan(str(number), index, ordinals[index] - 1, number)
            if planned is not None:
                self._planned += 1
                self._clock.call_at(due_ns, partial(self._arrive, planned, due_ns))
                await asyncio.sleep(0)
        while self._planned:
            await self._clock.sleep_until(time.monotonic_ns() + _STRIDE_NS)

    def _is_ours(self, number: int, due_ns: int) -> bool:
        for from_ns, permits in reversed(self._deals):
            if due_ns >= from_ns:
                return number % self._permit_count in permits
        return False

    def _arrive(self, planned: PlannedSession, due_ns: int) -> None:
        self._planned -= 1
        if self._runner.stopping:
            return
        if self._runner.in_flight >= self._share:
            self._recorder.dropped(planned.workload, self._runner.stage_at(due_ns))
        else:
            self._runner.launch(planned, due_ns)
