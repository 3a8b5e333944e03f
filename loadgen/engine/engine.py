"""The engine of one worker: prepares a run, runs this worker's share of it, reports as it goes.

Runs on one asyncio loop (uvloop) and knows nothing of Locust: orders come in as calls, reports go out through the
`Outlet` it is given.
"""

import asyncio
import gc
import os
import resource
import time
from functools import partial
from typing import Protocol

from loadgen.arrivals import Schedule, arrival_times, schedule_of
from loadgen.client.dialects import DIALECTS
from loadgen.client.endpoint import endpoint_of
from loadgen.client.transport import Transport
from loadgen.engine.clock import Clock
from loadgen.engine.closed_loop import ClosedLoop
from loadgen.engine.health import Health
from loadgen.engine.limits import limits_of, tls_context, transport_of
from loadgen.engine.open_loop import OpenLoop
from loadgen.engine.order import Deal, DrainOrder, RunOrder, StartOrder
from loadgen.engine.sessions import SessionFactory, SessionRunner
from loadgen.engine.turns import TurnMaker, request_template, sends_reasoning
from loadgen.errors import UsageError
from loadgen.metrics.cost import Meter, Purse, Reserve
from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import SandboxUse
from loadgen.scenario.model import Scenario, scenario_from_json
from loadgen.workloads.base import NotedWorkload, SandboxedWorkload, StaffedWorkload, Workload
from loadgen.workloads.build import build_workload, recorded_starts
from loadgen.workloads.sizing import resize_all

REPORT_PERIOD_NS = 1_000_000_000
# Later than any arrival planned by now (open loop: 0.26 s ahead).
LET_GO_NS = 300_000_000
# Connections beside those of the load: listening, logs, the event loop's own.
_SPARE_DESCRIPTORS = 256


class Outlet(Protocol):
    """Where an engine's reports go. Called on the engine's thread; must not block."""

    def snapshot(self, encoded: bytes) -> None:
        """A snapshot to pass on to the master."""
        ...

    def exhausted(self) -> None:
        """Nothing more will start on this worker, and nothing is in flight."""
        ...

    def bug(self, error: BaseException) -> None:
        """The load broke down: by a mistake of ours, or of the user's where it is a LoadgenError."""
        ...


def run_plan(run_id: str, scenario: Scenario) -> RunPlan:
    """What recorder and aggregate must know of a run: the same on the master and on every worker."""
    schedule, workloads = schedule_of(scenario.load), tuple(spec.name for spec in scenario.workloads)
    return RunPlan.from_schedule(
        schedule,
        run_id=run_id,
        scenario=scenario.name,
        workloads=workloads,
        limits=turn_limits(scenario.objectives, [stage.name for stage in schedule.stages], workloads),
    )


class Engine:
    """One run on one worker. Make a new one for the next run."""

    def __init__(self, order: RunOrder, worker: str, outlet: Outlet) -> None:
        """Builds the workloads, which may take seconds. Raises UsageError and its kind for what can't be run."""
        self._order = order
        self._outlet = outlet
        self._scenario = scenario_from_json(order.scenario)
        self._schedule: Schedule = schedule_of(self._scenario.load)
        self._workloads: tuple[Workload, ...] = tuple(
            build_workload(spec, seed=self._scenario.seed) for spec in self._scenario.workloads
        )
        self._staffed = [workload for workload in self._workloads if isinstance(workload, StaffedWorkload)]
        for workload in self._staffed:
            workload.hire()
        self._sandboxed = [workload for workload in self._workloads if isinstance(workload, SandboxedWorkload)]
        self._recorded_starts = recorded_starts(self._scenario.load.arrivals, self._workloads)
        if self._scenario.target.ca_file is not None:
            tls_context(self._scenario.target)  # an authority that this machine can't read is known before the start
        writes = partial(self._scenario.records.has, seed=self._scenario.seed)
        self._recorder = Recorder(run_plan(order.run_id, self._scenario), worker, writes)
        _raise_descriptor_limit(
            round(self._schedule.peak_level) if self._schedule.closed else self._scenario.load.max_in_flight
        )
        self._loop_task: asyncio.Task[None] | None = None
        self._report_task: asyncio.Task[None] | None = None
        self._transport: Transport | None = None
        self._draining = False
        self._ended_ns = 0
        self._encoding = asyncio.Lock()
        # What exists now stays for the whole run: keep the collector from walking it, it stalls the loop.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    @property
    def run_id(self) -> str:
        """The run this engine was made for."""
        return self._order.run_id

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of what the workloads were built from."""
        return tuple(
            note for workload in self._workloads if isinstance(workload, NotedWorkload) for note in workload.notes
        )

    async def start(self, order: StartOrder) -> None:
        """Begin. Must be called on the loop that runs the load."""
        scenario, schedule = self._scenario, self._schedule
        loop = asyncio.get_running_loop()
        origin_ns = order.start_unix_ns + order.clock_ns - time.time_ns() + time.monotonic_ns()
        self._origin_ns = origin_ns
        self._clock = Clock(loop)
        endpoint = endpoint_of(
            order.base_url,
            headers=scenario.target.headers,
            api_key=os.environ.get(scenario.target.api_key_env),
        )
        self._transport = transport_of(scenario.target, endpoint)
        request, dialect = scenario.request, DIALECTS[order.dialect]
        resize_all(self._workloads, order.learnt.sizers)
        maker = TurnMaker(
            request_template(request, model=order.model, dialect=dialect),
            limits_of(scenario.target.timeout, stream=request.stream),
            stream=request.stream,
            sends_reasoning=sends_reasoning(request, dialect),
            reserve=None if order.learnt.dearest is None else Reserve(order.learnt.dearest, request.max_tokens),
        )
        meter, allowance = _meter(scenario, order), order.learnt.allowance
        self._recorder.begin(origin_ns, meter)
        self._runner = SessionRunner(
            transport=self._transport,
            maker=maker,
            clock=self._clock,
            recorder=self._recorder,
            schedule=schedule,
            origin_ns=origin_ns,
            on_bug=self._outlet.bug,
            retry=request.retry,
            purse=None if meter is None or allowance is None else Purse(meter, allowance),
        )
        weights = tuple(spec.weight for spec in scenario.workloads)
        factory = SessionFactory(self._workloads, weights, scenario.seed, maker)
        self._load = self._make_load(order, factory)
        self._health = Health(
            self._clock, self._recorder, self._stage_or_none, self._sandbox_use if self._sandboxed else None
        )
        self._load.deal(order.permits, order.epoch, order.from_s)
        self._loop_task = loop.create_task(self._run_load())
        self._report_task = loop.create_task(self._report())
        self._health.start(max(origin_ns, time.monotonic_ns()))

    async def deal(self, order: Deal) -> None:
        """Take over another set of permits in mid-run."""
        if self._loop_task is None or self._draining:
            return
        self._load.deal(order.permits, order.epoch, order.from_s, order.permit_count)
        if self._loop_task.done():
            self._loop_task = asyncio.get_running_loop().create_task(self._run_load())

    def let_go(self) -> float | None:
        """Give up every permit, for the master is not heard and deals them to others.

        Returns from when on no arrival is played, in seconds from the run's start: what is planned by now still is.
        None where nothing runs.
        """
        if self._loop_task is None or self._draining:
            return None
        from_s = (time.monotonic_ns() + LET_GO_NS - self._origin_ns) / 1e9
        self._load.deal((), 0, from_s)
        return from_s

    async def drain(self, order: DrainOrder) -> None:
        """End the load within the grace time and hand over the last snapshot. A second call shortens the grace."""
        now_ns = time.monotonic_ns()
        deadline_ns = now_ns + round(order.grace_s * 1e9)
        if self._loop_task is None or self._transport is None:
            return
        if self._draining:
            if isinstance(self._load, OpenLoop):
                await self._load.finish(self._loop_task, self._ended_ns, deadline_ns)
            await self._runner.drain(deadline_ns)
            return
        self._draining, self._ended_ns = True, now_ns
        self._recorder.close(now_ns)
        if isinstance(self._load, OpenLoop):
            self._runner.close(now_ns)
            await self._load.finish(self._loop_task, now_ns, deadline_ns)
            self._loop_task.cancel()
        await self._runner.drain(deadline_ns)
        self._health.stop()
        if self._report_task is not None:
            async with self._encoding:  # a report cut off half-way would take its turns with it
                self._report_task.cancel()
            await asyncio.gather(self._report_task, return_exceptions=True)
        for workload in self._staffed:
            await workload.dismiss()
        await self._send_snapshot(final=True)
        self._clock.close()
        await self._transport.close()

    def _make_load(self, order: StartOrder, factory: SessionFactory) -> OpenLoop | ClosedLoop:
        if self._schedule.closed:
            return ClosedLoop(
                self._schedule,
                factory=factory,
                runner=self._runner,
                clock=self._clock,
                origin_ns=self._origin_ns,
                permit_count=order.permit_count,
            )
        return OpenLoop(
            arrival_times(self._schedule, self._scenario.seed, self._recorded_starts),
            factory=factory,
            runner=self._runner,
            recorder=self._recorder,
            clock=self._clock,
            origin_ns=self._origin_ns,
            max_in_flight=self._scenario.load.max_in_flight,
            permit_count=order.permit_count,
        )

    def _sandbox_use(self) -> SandboxUse:
        """What the sandboxes of all workloads have taken so far."""
        used = [workload.sandbox_usage for workload in self._sandboxed]
        return SandboxUse(
            sum(one.runs for one in used), sum(one.cpu_s for one in used), sum(one.queued_s for one in used)
        )

    def _stage_or_none(self, now_ns: int) -> int | None:
        offset_s = (now_ns - self._origin_ns) / 1e9
        return self._schedule.stage_at(offset_s) if 0 <= offset_s < self._schedule.total_s else None

    async def _run_load(self) -> None:
        try:
            await self._load.run()
            while self._runner.active:
                await self._clock.sleep_until(time.monotonic_ns() + 10_000_000)
        except Exception as error:
            self._outlet.bug(error)
            return
        self._outlet.exhausted()

    async def _report(self) -> None:
        due_ns = self._origin_ns
        try:
            while True:
                due_ns += REPORT_PERIOD_NS
                await self._clock.sleep_until(due_ns)
                await self._send_snapshot(final=False)
        except Exception as error:
            self._outlet.bug(error)

    async def _send_snapshot(self, *, final: bool) -> None:
        """Encode a snapshot one piece a turn of the loop, so that no read waits for it."""
        async with self._encoding:
            pieces = self._recorder.snapshot(time.monotonic_ns(), self._runner.gauges(), final=final)
            while True:
                try:
                    next(pieces)
                except StopIteration as done:
                    self._outlet.snapshot(done.value)
                    return
                if not final:
                    await asyncio.sleep(0)


def _meter(scenario: Scenario, order: StartOrder) -> Meter | None:
    """What prices the turns: the scenario's prices of this model, if it has any."""
    prices = scenario.prices.of(order.model) if scenario.prices is not None else None
    return None if prices is None else Meter(prices, order.start_unix_ns / 1e9)


def _raise_descriptor_limit(connections: int) -> None:
    """Allow as many connections as can be in flight. Raises UsageError where the system's hard limit is lower."""
    needed = connections + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{needed} open files may be needed (load.max_in_flight, users) and the system's hard limit is {hard}; "
            "raise it (ulimit -Hn) or lower load.max_in_flight"
        )
    # As high as it goes: sessions that come back from their think time are not bounded by max_in_flight.
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))
