"""A soak from where it stands to its end: starts what is due, keeps what has ended, and stops in order.

Each probe is a task of its own and is in the history before anything else happens to it, so that a kill at any moment
costs the probes under way. What the schedule says is still due, was missed or was interrupted is settled once, here.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from loadgen.history.model import Outcome, Probe, Soak
from loadgen.history.store import History
from loadgen.soak.figures import lifetime_of
from loadgen.soak.probes import Measures, Prober, errors_of
from loadgen.soak.schedule import Due, standing, tells_of_another_delay
from loadgen.soak.sending import Asking, Line, NotMeasuredError, TargetLostError
from loadgen.soak.time import SoakTime

# A target that hangs holds each probe up for as long as its timeouts: beyond so many, others wait and may be missed.
_MOST_AT_ONCE = 64


@dataclass(frozen=True)
class Surroundings:
    """What a soak is run with. ended: told of every probe as it is kept."""

    history: History
    line: Line
    prober: Prober
    time: SoakTime
    ended: Callable[[Probe], None]


class SoakRunner:
    """One soak in one process."""

    def __init__(self, soak: Soak, schedule: Sequence[Due], around: Surroundings) -> None:
        self._soak = soak
        self._schedule = schedule
        self._around = around
        self._known: dict[int, Probe] = {probe.number: probe for probe in around.history.probes(soak.id)}
        # Of plantings that this process saw end: how far the clock was ahead of one that nobody sets.
        self._planted_at: dict[int, float] = {}
        self._pending: list[tuple[float, int, Due]] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._running: set[str] = set()
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)
        # SQLite syncs at every commit, for milliseconds in which the loop would time nothing rightly.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="loadgen-history")
        self._cut_off: list[Probe] = []
        self._broken: BaseException | None = None
        self._stop = asyncio.Event()

    @property
    def next_due(self) -> Due | None:
        """What is due next; None once all has begun."""
        return self._pending[0][2] if self._pending else None

    def stop(self) -> None:
        """Begin nothing more; `run` comes back when what is under way has ended."""
        self._stop.set()

    async def run(self, grace_s: float) -> None:
        """Make the probes that are left, in order of time, until all have ended or `stop` is called.

        grace_s: how long, in real seconds, those under way may still take then. Raises UsageError where the history
        can't be written.
        """
        pending = self._pending = await self._settle()
        heapq.heapify(pending)
        try:
            while pending and not self._stop.is_set():
                due_s, number, due = pending[0]
                if await self._stopped_before(due_s):
                    break
                heapq.heappop(pending)
                task = asyncio.create_task(self._make(due), name=f"{due.name} {due.window}")
                self._tasks[number] = task
                task.add_done_callback(partial(self._done, number))
            await self._wait_for_the_rest(grace_s)
        finally:
            for task in list(self._tasks.values()):
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            if self._cut_off and self._broken is None:
                await self._keep(*self._cut_off)
            self._writer.shutdown()
        if self._broken is not None:
            raise self._broken

    async def _settle(self) -> list[tuple[float, int, Due]]:
        """Keep what was missed or interrupted while nobody ran the soak; what is still due, with its time."""
        around, now_s = self._around, self._around.time.now_s()
        begun = around.history.under_way(self._soak.id)
        pending, gone = [], []
        for due in self._schedule:
            if due.number in self._known:
                continue
            state = standing(due, now_s, begun)
            if state == "due":
                pending.append((due.due_s, due.number, due))
            else:
                # When an interrupted one ended nobody knows: no later than this is known to be wrong.
                began_s = begun.get(due.number, due.due_s)
                gone.append(self._probe(due, state, began_s, began_s))
        if gone:
            await self._keep(*gone)
        return pending

    async def _stopped_before(self, due_s: float) -> bool:
        """Sleep until then, or until told to stop; whether it was the latter."""
        sleeping = asyncio.create_task(self._around.time.sleep_until(due_s))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
        return self._stop.is_set()

    async def _wait_for_the_rest(self, grace_s: float) -> None:
        """Until all tasks have ended; once told to stop, no longer than the grace."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while self._tasks and not self._stop.is_set():
                await asyncio.wait({stopping, *self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
            if self._tasks:
                await asyncio.wait(set(self._tasks.values()), timeout=grace_s)
        finally:
            stopping.cancel()

    def _done(self, number: int, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(number, None)
        if not task.cancelled() and (error := task.exception()) is not None and self._broken is None:
            self._broken = error
            self._stop.set()

    async def _make(self, due: Due) -> None:
        """One probe, from its due time to the history."""
        if due.planting is not None and not await self._is_planted(due):
            return
        async with self._room:
            began_s = self._around.time.now_s()
            if (hindrance := self._hindrance(due, began_s)) is not None:
                await self._keep(self._probe(due, "missed", due.due_s, due.due_s, error=hindrance))
                return
            self._running.add(due.name)
            try:
                await self._measure(due, began_s)
            finally:
                self._running.discard(due.name)

    def _hindrance(self, due: Due, now_s: float) -> str | None:
        """Why a probe is not to begin now; None where nothing is in its way."""
        if due.name in self._running:
            # A target so slow is not to get a load from a soak that is none.
            return "the same probe of an earlier window is still under way"
        if due.planting is None:
            return "it could not begin in time" if standing(due, now_s, ()) == "missed" else None
        set_by_s = self._around.time.set_by_s()
        since_s = set_by_s - self._planted_at.get(due.planting, set_by_s)
        return tells_of_another_delay(due, self._known[due.planting].ended_s, now_s, since_s)

    async def _measure(self, due: Due, began_s: float) -> None:
        await self._write(self._around.history.start, self._soak.id, due.number, began_s)
        asking = Asking(self._around.line, due.name, f"{self._soak.id} {due.number}")
        try:
            outcome, error, measures = await self._ask(due, asking)
        except asyncio.CancelledError:
            self._cut_off.append(self._probe(due, "interrupted", began_s, self._around.time.now_s()))
            raise
        if due.name.startswith("plant_"):
            self._planted_at[due.number] = self._around.time.set_by_s()
        await self._keep(self._probe(due, outcome, began_s, self._around.time.now_s(), measures, error))

    async def _ask(self, due: Due, asking: Asking) -> tuple[Outcome, str | None, Measures]:
        outcome: Outcome = "ok"
        measures: Measures = {}
        why: Exception | None = None
        try:
            measures = await self._around.prober.make(due.name, due.window, asking)
        except (TargetLostError, NotMeasuredError) as error:
            outcome, why = "failed", error
        # Of the cache's probes the first stands for all: the others are a request or two.
        errors = {} if due.name.startswith(("plant_", "after_")) else errors_of(due.kind, asking.asked)
        told = asking.error or asking.late if why is None else str(why)
        return outcome, told, measures | errors | self._lifetime(due, measures)

    async def _is_planted(self, due: Due) -> bool:
        """Wait for a re-check's time, counted from the end of its planting. False where there is nothing to check."""
        assert due.planting is not None
        assert due.delay_s is not None
        planting = self._tasks.get(due.planting)
        if planting is not None:
            await asyncio.wait({planting})
        planted = self._known.get(due.planting)
        if planted is not None and planted.outcome == "ok":
            await self._around.time.sleep_until(planted.ended_s + due.delay_s)
            return True
        outcome: Outcome = "failed" if planted is not None and planted.outcome == "failed" else "missed"
        await self._keep(self._probe(due, outcome, due.due_s, due.due_s, error="its prefix is not there to be found"))
        return False

    def _lifetime(self, due: Due, measures: Measures) -> Measures:
        """The window's, told by its last re-check, from all of them that are known."""
        checks = [one for one in self._schedule_of(due.window) if one.planting is not None]
        if not checks or due.number != checks[-1].number:
            return {}
        warm = self._measured(self._number_of("warm", due.window), "cache.hit_ratio.warm")
        seen = []
        for one in checks:
            name = f"cache.hit_ratio.{one.name}"
            ratio = measures[name].value if name in measures else self._measured(one.number, name)
            assert one.delay_s is not None
            seen.append((one.delay_s, ratio))
        return {"cache.lifetime_s": lifetime_of(warm, seen)}

    def _measured(self, number: int | None, name: str) -> float | None:
        probe = None if number is None else self._known.get(number)
        measure = None if probe is None else probe.measures.get(name)
        return None if measure is None else measure.value

    def _number_of(self, name: str, window: int) -> int | None:
        return next((due.number for due in self._schedule_of(window) if due.name == name), None)

    def _schedule_of(self, window: int) -> Sequence[Due]:
        size = len(self._schedule) // self._soak.windows
        return self._schedule[window * size : (window + 1) * size]

    def _probe(
        self,
        due: Due,
        outcome: Outcome,
        began_s: float,
        ended_s: float,
        measures: Measures | None = None,
        error: str | None = None,
    ) -> Probe:
        return Probe(
            soak=self._soak.id,
            number=due.number,
            window=due.window,
            kind=due.kind,
            name=due.name,
            due_s=due.due_s,
            began_s=began_s,
            ended_s=ended_s,
            outcome=outcome,
            measures=measures or {},
            error=error,
        )

    async def _keep(self, *probes: Probe) -> None:
        """On disk first, then known."""
        await self._write(self._around.history.add, *probes)
        for probe in probes:
            self._known[probe.number] = probe
            self._around.ended(probe)

    async def _write(self, what: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: what(*arguments))
