"""Runs sessions: waits for each turn's due time, performs it, records it, and asks the session for the next.

Knows nothing of why a session starts when it does (the open and the closed loop do) nor of Locust.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Set
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import cast

from msgspec import Struct

from loadgen.arrivals import Schedule, pick_weighted, session_seed
from loadgen.client.exchange import Exchange
from loadgen.client.transport import Transport
from loadgen.engine.attempts import Sender
from loadgen.engine.clock import Clock
from loadgen.engine.judgings import Judgings
from loadgen.engine.turns import TurnMaker, measure
from loadgen.metrics.cost import Purse
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import Gauges
from loadgen.metrics.turn import Outcome
from loadgen.scenario.request import Retry
from loadgen.workloads.base import PreparedSession, ScoredSession, Session, Turn, WorkingSession, Workload


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

    def name_of(self, index: int) -> str:
        """The name of workload `index`."""
        return self._workloads[index].name

    def choose(self, *parts: int, among: Set[int] | None = None) -> int:
        """The index of the session's workload, drawn by weight; `among` restricts it to some of them.

        Cheap, for in open loop every worker asks it of every arrival, its own or not.
        """
        if len(self._workloads) == 1:
            return 0
        weights = [weight if among is None or index in among else 0.0 for index, weight in enumerate(self._weights)]
        return pick_weighted(weights, Random(session_seed(self._seed, *parts, "workload")))

    async def plan(self, session_id: str, index: int, ordinal: int, *parts: int) -> PlannedSession | None:
        """Session `ordinal` of workload `index`, its first turn encoded; None where the workload has run out.

        Lets other streams' reads in between the steps that a long prompt is made in.
        """
        rng = Random(session_seed(self._seed, *parts))
        workload = self._workloads[index]
        session = workload.session(ordinal, rng)
        if session is not None and _prepares(type(session)):
            for _ in cast(PreparedSession, session).prepare():
                await asyncio.sleep(0)
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
        retry: Retry,
        purse: Purse | None = None,
    ) -> None:
        """purse: what the turns may cost; None where there is no budget."""
        self._purse = purse
        self._on_bug = on_bug
        self._sender = Sender(transport, clock, retry)
        self._maker = maker
        self._clock = clock
        self._recorder = recorder
        self._schedule = schedule
        self._origin_ns = origin_ns
        self._last_due_ns = origin_ns + round(schedule.total_s * 1e9)
        self._waiting: set[asyncio.Task[object]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._judgings = Judgings(recorder, self.adopt)
        self.stopping = False
        self.active = 0

    def stage_at(self, due_ns: int) -> int:
        """The index of the stage that a turn due at `due_ns` belongs to."""
        return self._schedule.stage_at((due_ns - self._origin_ns) / 1e9)

    def launch(self, planned: PlannedSession, due_ns: int) -> None:
        """Run a session in a task of its own, its first turn due now; it counts as in flight from here on."""
        # Before its task has run: arrivals of one instant come in one turn of the loop, and each must see the others.
        self._sender.in_flight.add(planned.exchange)
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
        score = cast(ScoredSession, planned.session).score if _scores(type(planned.session)) else None
        works = cast(WorkingSession, planned.session) if _works(type(planned.session)) else None
        first_due_ns = due_ns
        beside: list[asyncio.Task[Ended]] = []
        number = worked_ns = 0
        unfinished = False
        outcome: Outcome | None = None
        end_ns: int | None = None
        self.active += 1
        try:
            while await self._wait(due_ns) and self._affords(exchange):
                taken_ns = time.monotonic_ns()
                performed = await self._sender.perform(exchange, f"{planned.id}/{number}")
                exchange, cut_off = performed.exchange, performed.cut_off
                end_ns = exchange.end_ns if exchange.end_ns is not None and not cut_off else time.monotonic_ns()
                measured = measure(
                    turn,
                    performed,
                    stream_asked=self._maker.stream,
                    session=planned.id,
                    number=number,
                    workload=planned.workload,
                    stage=self.stage_at(due_ns),
                    intended_ns=due_ns,
                    taken_ns=taken_ns,
                    end_ns=end_ns,
                    worked_ns=worked_ns,
                )
                if cut_off:
                    measured.outcome, measured.error = "cancelled", "cut off at the end of the grace time"
                reply = self._maker.reply(performed.seen)
                if score is not None and not cut_off:
                    measured.marks = score(reply)
                outcome = measured.outcome
                judging = None if works is None or cut_off else works.judging()
                if judging is not None:
                    end_ns = await self._judgings.judge(measured, judging)
                    break
                self._recorder.record(measured)
                if turn.beside and reply.ok and not cut_off:
                    beside += self._start_beside(planned, turn, len(beside), first_due_ns, end_ns, keep_on)
                working = None if works is None or cut_off else works.working()
                if working is not None and not await self._work(working):
                    unfinished = True
                    break
                ready_ns = end_ns if working is None else time.monotonic_ns()
                following = None if cut_off else planned.session.next_turn(reply)
                if following is None:
                    break
                turn = following
                number += 1
                worked_ns = ready_ns - end_ns
                due_ns = _due_ns(turn, first_due_ns, ready_ns)
                if due_ns >= self._last_due_ns or (keep_on is not None and not keep_on(due_ns)):
                    unfinished = True
                    break
                exchange = self._maker.exchange(turn)
            if beside:
                # A session has ended when its sub-agents have: until then its permit is not free.
                await asyncio.wait(beside)
                ended = [task.result() for task in beside if not task.cancelled() and task.exception() is None]
                end_ns = max((at for at in (end_ns, *(one.end_ns for one in ended)) if at is not None), default=None)
                unfinished |= any(one.unfinished for one in ended)
        finally:
            self.active -= 1
            self._sender.in_flight.discard(planned.exchange)
        return Ended(outcome, end_ns, unfinished or (self._purse is not None and self._purse.empty))

    def _start_beside(
        self,
        planned: PlannedSession,
        turn: Turn,
        number: int,
        first_due_ns: int,
        end_ns: int,
        keep_on: Callable[[int], bool] | None,
    ) -> "list[asyncio.Task[Ended]]":
        """Run the sub-agents of a turn that ended at `end_ns`, each in a task of its own; numbered from `number` on."""
        tasks: list[asyncio.Task[Ended]] = []
        for session in turn.beside:
            first = session.next_turn(None)
            if first is None:
                continue
            due_ns = _due_ns(first, first_due_ns, end_ns)
            if due_ns >= self._last_due_ns or (keep_on is not None and not keep_on(due_ns)):
                continue
            session_id = f"{planned.id}+{number + len(tasks) + 1}"
            child = PlannedSession(session_id, planned.workload, session, first, self._maker.exchange(first))
            tasks.append(asyncio.get_running_loop().create_task(self.run(child, due_ns, keep_on)))
            self.adopt(tasks[-1])
        return tasks

    async def _wait(self, due_ns: int) -> bool:
        """Sleep until the turn is due; False if the run stopped or the load ended first."""
        if due_ns > time.monotonic_ns() and not await self._work(self._clock.sleep_until(due_ns)):
            return False
        return not self.stopping and due_ns <= self._last_due_ns

    async def _work(self, working: Coroutine[None, None, None]) -> bool:
        """Await what goes on between two turns; False if the run stopped first, which cancels it."""
        too_late = self.stopping
        if too_late:
            working.close()
            return False
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            await working
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            return False
        finally:
            self._waiting.discard(task)
        return not self.stopping

    def _affords(self, exchange: Exchange) -> bool:
        """Whether the budget pays for this turn, which may be among those in flight already."""
        if self._purse is None:
            return True
        counted = exchange.reserved if exchange in self._sender.in_flight else 0.0
        return self._purse.affords(self._sender.reserved - counted + exchange.reserved)

    @property
    def in_flight(self) -> int:
        """Turns taken up and not ended."""
        return len(self._sender.in_flight)

    def gauges(self) -> Gauges:
        """What goes on right now; chunks and reads as far as the streams in flight have been digested."""
        return Gauges(
            in_flight=self.in_flight,
            sessions_active=self.active,
            chunks=self._sender.chunks,
            reads=self._sender.reads,
            reserved=self._sender.reserved,
            broke=self._purse is not None and self._purse.empty,
        )

    def close(self, ended_ns: int) -> None:
        """The load ended at `ended_ns`: no turn that is due later starts."""
        self._last_due_ns = min(self._last_due_ns, ended_ns)

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
        # Again and again: one whose turn ended in the very moment that cut it off has its judging adopted only now.
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


@cache
def _works(kind: type[Session]) -> bool:
    """Whether sessions of this kind have work to wait for."""
    return issubclass(kind, WorkingSession)


@cache
def _scores(kind: type[Session]) -> bool:
    """Whether sessions of this kind score answers. Asked once a kind: asked of each session it costs up to 20 µs."""
    return issubclass(kind, ScoredSession)


@cache
def _prepares(kind: type[Session]) -> bool:
    """Whether sessions of this kind make their first turn in steps; asked once a kind, too."""
    return issubclass(kind, PreparedSession)


def _due_ns(turn: Turn, first_due_ns: int, end_ns: int) -> int:
    """When a later turn is due: a pause after the end of the one before, but not before its recorded time."""
    due_ns = end_ns + round(turn.delay_s * 1e9)
    return due_ns if turn.not_before_s is None else max(due_ns, first_due_ns + round(turn.not_before_s * 1e9))
