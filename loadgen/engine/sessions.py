"""Runs sessions: waits for each turn's due time, performs it, records it, and asks the session for the next.

Knows nothing of why a session starts when it does (the open and the closed loop do) nor of Locust.
"""

import asyncio
import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from random import Random

from msgspec import Struct

from loadgen.arrivals import Schedule, pick_weighted, session_seed
from loadgen.client.exchange import Exchange
from loadgen.client.interpret import interpret
from loadgen.client.transport import Transport
from loadgen.engine.clock import Clock
from loadgen.engine.turns import TurnMaker, measure
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import Gauges
from loadgen.metrics.turn import Outcome
from loadgen.workloads.base import Session, Turn, Workload


class Ended(Struct, frozen=True):
    """How a session ended: the outcome and the end of its last turn; None where it had none.

    unfinished: its next turn would have been due when no turn may start any more.
    """

    outcome: Outcome | None
    end_ns: int | None
    unfinished: bool = False


@dataclass(slots=True)
class PlannedSession:
    """A session whose first turn is encoded and waits to be sent."""

    id: str
    workload: str
    session: Session
    turn: Turn
    exchange: Exchange


class SessionFactory:
    """Makes the sessions of the plan: which workload, and its every choice, from the scenario's seed and a number.

    `parts` tell sessions apart: the arrival's number in open loop, permit and session number in closed loop.
    """

    def __init__(
        self, workloads: tuple[Workload, ...], weights: tuple[float, ...], seed: int, maker: TurnMaker
    ) -> None:
        self._workloads = workloads
        self._weights = weights
        self._seed = seed
        self._maker = maker

    @property
    def workload_count(self) -> int:
        """How many workloads share the load."""
        return len(self._workloads)

    def choose(self, *parts: int, among: Set[int] | None = None) -> int:
        """The index of the session's workload, drawn by weight; `among` restricts it to some of them.

        Cheap, for in open loop every worker asks it of every arrival, its own or not.
        """
        if len(self._workloads) == 1:
            return 0
        weights = [weight if among is None or index in among else 0.0 for index, weight in enumerate(self._weights)]
        return pick_weighted(weights, Random(session_seed(self._seed, *parts, "workload")))

    def plan(self, session_id: str, index: int, ordinal: int, *parts: int) -> PlannedSession | None:
        """Session `ordinal` of workload `index`, its first turn encoded; None where the workload has run out."""
        rng = Random(session_seed(self._seed, *parts))
        workload = self._workloads[index]
        session = workload.session(ordinal, rng)
        turn = session.next_turn(None) if session is not None else None
        if session is None or turn is None:
            return None
        return PlannedSession(session_id, workload.name, session, turn, self._maker.exchange(turn))


class SessionRunner:
    """All sessions of one worker: runs them, counts them, and ends them."""

    def __init__(
        self,
        *,
        transport: Transport,
        maker: TurnMaker,
        clock: Clock,
        recorder: Recorder,
        schedule: Schedule,
        origin_ns: int,
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._on_bug = on_bug
        self._transport = transport
        self._maker = maker
        self._clock = clock
        self._recorder = recorder
        self._schedule = schedule
        self._origin_ns = origin_ns
        self._last_due_ns = origin_ns + round(schedule.total_s * 1e9)
        self._waiting: set[asyncio.Task[object]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self.stopping = False
        self._in_flight: set[Exchange] = set()
        self._ended_chunks = 0
        self._ended_reads = 0
        self.active = 0

    def stage_at(self, due_ns: int) -> int:
        """The index of the stage that a turn due at `due_ns` belongs to."""
        return self._schedule.stage_at((due_ns - self._origin_ns) / 1e9)

    def launch(self, planned: PlannedSession, due_ns: int) -> None:
        """Run a session in a task of its own, its first turn due now; it counts as in flight from here on."""
        # Before its task has run: arrivals of one instant come in one turn of the loop, and each must see the others.
        self._in_flight.add(planned.exchange)
        task = asyncio.get_running_loop().create_task(self.run(planned, due_ns))
        self.adopt(task)

    def adopt(self, task: asyncio.Task[object]) -> None:
        """Wait for this task when draining, and cancel it when the grace time is over."""
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_bug(error)

    async def run(self, planned: PlannedSession, due_ns: int, keep_on: Callable[[int], bool] | None = None) -> Ended:
        """Run a session to its end; its first turn is due at `due_ns`.

        keep_on: asked with a later turn's due time whether it may still start; None lets all.
        """
        turn, exchange = planned.turn, planned.exchange
        number = 0
        unfinished = False
        outcome: Outcome | None = None
        end_ns: int | None = None
        self.active += 1
        try:
            while await self._wait(due_ns):
                taken_ns = time.monotonic_ns()
                cut_off = await self._perform(exchange)
                end_ns = exchange.end_ns if exchange.end_ns is not None and not cut_off else time.monotonic_ns()
                seen = interpret(exchange)
                self._ended_chunks += len(exchange.timeline.chunk_stamps)
                self._ended_reads += exchange.timeline.reads
                measured = measure(
                    turn,
                    exchange,
                    seen,
                    stream_asked=self._maker.stream,
                    session=planned.id,
                    number=number,
                    workload=planned.workload,
                    stage=self.stage_at(due_ns),
                    intended_ns=due_ns,
                    taken_ns=taken_ns,
                    end_ns=end_ns,
                )
                if cut_off:
                    measured.outcome, measured.error = "cancelled", "cut off at the end of the grace time"
                self._recorder.record(measured)
                outcome = measured.outcome
                following = None if cut_off else planned.session.next_turn(seen.reply)
                if following is None:
                    break
                turn = following
                number += 1
                due_ns = end_ns + round(turn.delay_s * 1e9)
                if due_ns >= self._last_due_ns or (keep_on is not None and not keep_on(due_ns)):
                    unfinished = True
                    break
                exchange = self._maker.exchange(turn)
        finally:
            self.active -= 1
            self._in_flight.discard(planned.exchange)
        return Ended(outcome, end_ns, unfinished)

    async def _wait(self, due_ns: int) -> bool:
        """Sleep until the turn is due; False if the run stopped first."""
        if due_ns > time.monotonic_ns():
            task = asyncio.current_task()
            assert task is not None
            self._waiting.add(task)
            try:
                await self._clock.sleep_until(due_ns)
            except asyncio.CancelledError:
                if not self.stopping:
                    raise
                return False
            finally:
                self._waiting.discard(task)
        return not self.stopping

    async def _perform(self, exchange: Exchange) -> bool:
        """Send and receive; True if the turn was cut off because the grace time is over."""
        self._in_flight.add(exchange)
        try:
            await self._transport.perform(exchange)
        except asyncio.CancelledError:
            return exchange.end_ns is None  # it may have ended in the very turn of the loop that cut it off
        finally:
            self._in_flight.discard(exchange)
        return False

    @property
    def in_flight(self) -> int:
        """Turns sent and not ended."""
        return len(self._in_flight)

    def gauges(self) -> Gauges:
        """What goes on right now; chunks and reads as far as the streams in flight have been digested."""
        flying = [exchange.timeline for exchange in self._in_flight]
        return Gauges(
            in_flight=len(flying),
            sessions_active=self.active,
            chunks=self._ended_chunks + sum(len(timeline.chunk_stamps) for timeline in flying),
            reads=self._ended_reads + sum(timeline.reads for timeline in flying),
        )

    async def drain(self, deadline_ns: int) -> None:
        """Start no turn any more; let those in flight end until `deadline_ns`, then cut them off."""
        self.stopping = True
        for task in list(self._waiting):
            task.cancel()
        while self._tasks:
            left_s = (deadline_ns - time.monotonic_ns()) / 1e9
            if left_s <= 0:
                break
            await asyncio.wait(self._tasks, timeout=left_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
