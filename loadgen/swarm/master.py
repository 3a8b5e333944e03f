"""The master process: owns the Locust runner, conducts a run on it, shows it live, and leaves the run folder.

Used by `loadgen master` (which the supervisor starts) and by the hooks of plain Locust. Never sends load itself, and
never shares an interpreter with an engine, but for Locust's own single-process mode.
"""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust.env import Environment
from rich.console import Console

from loadgen import __version__
from loadgen.engine.preflight import PreflightFindings, run_preflight
from loadgen.errors import ExitCode, LoadgenError, UsageError, worst
from loadgen.metrics.live import snapshot_e2e
from loadgen.metrics.snapshot import Snapshot
from loadgen.metrics.summary import Summary
from loadgen.outputs.console import LiveConsole, print_summary
from loadgen.outputs.run_folder import RunFolder, default_path
from loadgen.scenario.loader import LoadedScenario
from loadgen.swarm import messages
from loadgen.swarm.conductor import Conductor
from loadgen.swarm.locust_swarm import LocustSwarm, fill_locust_stats
from loadgen.swarm.report import write_inputs, write_results

# Arrivals of an open loop are dealt over this many permits a worker: enough that those of a worker that is lost
# spread evenly over the others, few enough to cost nothing.
PERMITS_PER_WORKER = 12
_REDRAW_S = 0.25
_JOIN_TIMEOUT_S = 60.0


class Master:
    """One run on one Locust environment. `conduct` runs it; `exit_code` says how it ended."""

    def __init__(
        self,
        environment: Environment,
        loaded: LoadedScenario,
        base_url: str,
        *,
        out: Path | None,
        command: tuple[str, ...],
    ) -> None:
        """out: the run folder, None for the default one. Raises UsageError where it can't be made."""
        self._environment = environment
        self._loaded = loaded
        self._base_url = base_url
        self._command = command
        self._console = Console(highlight=False)
        self._errors = Console(stderr=True, highlight=False)
        self._folder = RunFolder(out or default_path(loaded.scenario.name))
        self._swarm = LocustSwarm(environment)
        self._conductor: Conductor | None = None
        self._findings: PreflightFindings | None = None
        self._grace_s = loaded.scenario.load.grace_s
        self._interrupts = 0
        self._codes: list[ExitCode] = []
        self._notes: list[str] = []
        self.summary: Summary | None = None
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        for kind in (messages.READY, messages.SNAPSHOT, messages.EXHAUSTED, messages.BUG):
            runner.register_message(kind, self._forward(kind))
        environment.events.test_stopping.add_listener(self._on_stopping)  # type: ignore[no-untyped-call]
        environment.events.spawning_complete.add_listener(self._on_spawned)  # type: ignore[no-untyped-call]
        runner.register_message(messages.HELLO, self._on_hello)

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended; meaningful after `conduct`."""
        return worst(self._codes)

    def interrupt(self, *, at_once: bool = False) -> None:
        """Ctrl-C: the first ends the load and drains, the second (or at_once) cuts off what is in flight."""
        self._interrupts += 1
        self._codes.append(ExitCode.INTERRUPTED)
        if at_once or self._interrupts > 1:
            self._grace_s = 0.0
            if self._conductor is not None and self._conductor.begun:
                gevent.spawn(self._conductor.drain, 0.0)
        else:
            self._say(f"interrupted: draining for up to {self._grace_s:g} s; again to cut off what is in flight")

    def conduct(self, workers: int, spawn: Callable[[int], None]) -> None:
        """Run the scenario on this many workers to its end. spawn: has Locust spread so many permits, and returns.

        Errors for the user are printed here; whatever happens, Locust is stopped and what was measured is written.
        """
        try:
            self._wait_for_workers(workers)
            self._begin(spawn)
            self._watch()
        except LoadgenError as error:
            self._errors.print(f"error: {error}", markup=False, style="bold red", soft_wrap=True)
            self._codes.append(error.exit_code)
        finally:
            self._runner.quit()  # fires test_stopping, which drains
            self._finish()

    # -- the steps

    def _wait_for_workers(self, count: int) -> None:
        deadline = time.monotonic() + _JOIN_TIMEOUT_S
        while len(self._swarm.workers()) < count:
            if self._interrupts:
                raise _InterruptedError
            if time.monotonic() > deadline:
                raise UsageError(
                    f"only {len(self._swarm.workers())} of {count} workers joined within {_JOIN_TIMEOUT_S:g} s"
                )
            gevent.sleep(0.005)

    def _begin(self, spawn: Callable[[int], None]) -> None:
        scenario = self._loaded.scenario
        workers = self._swarm.workers()
        closed = scenario.load.arrivals == "closed"
        peak = max((max(stage.users) for stage in scenario.load.stages if stage.users), default=0.0)
        permits = round(peak) if closed else PERMITS_PER_WORKER * len(workers)
        run_id = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{uuid.uuid4().hex[:8]}"
        conductor = Conductor(self._swarm, scenario, run_id, permit_count=permits, on_snapshot=self._keep)
        self._conductor = conductor
        spawning = gevent.spawn(spawn, permits)
        conductor.prepare(workers)
        findings: PreflightFindings = gevent.get_hub().threadpool.apply(run_preflight, (scenario, self._base_url))
        self._findings = findings
        self._say(findings.line())
        spawning.get()
        if self._interrupts:
            raise _InterruptedError
        write_inputs(self._folder, self._loaded, findings, self._command)
        conductor.begin(findings.base_url, findings.model)
        self._say(
            f"run {run_id}: {scenario.name}, {scenario.load.arrivals} arrivals for "
            f"{conductor.schedule.total_s:g} s, workers {len(workers)}, results in {self._folder.path}"
        )

    def _watch(self) -> None:
        """Until the load is over, or has to end."""
        conductor = self._conductor
        assert conductor is not None
        with LiveConsole(conductor.aggregate.plan) as live:
            while not (conductor.over or self._interrupts):
                conductor.wait_for(lambda: conductor.over or bool(self._interrupts), _REDRAW_S)
                for worker in conductor.aggregate.workers.keys() - self._swarm.workers():
                    conductor.lose(worker)
                if conductor.bug is not None:
                    raise LoadgenError(f"this is a bug of loadgen; the run can't be trusted: {conductor.bug}")
                if conductor.deserted:
                    self._notes.append("every worker was lost; the run ended early")
                    return
                if conductor.target_lost:
                    self._codes.append(ExitCode.TARGET_UNREACHABLE)
                    self._notes.append("the target was lost: nothing but connect failures for 10 s")
                    return
                live.update(conductor.aggregate.live(now_s=conductor.elapsed_s))

    def _finish(self) -> None:
        conductor, findings = self._conductor, self._findings
        if conductor is None or findings is None or not conductor.begun:
            self._folder.discard_if_empty()
            return
        if self._interrupts:
            self._notes.append("interrupted: the load ended before its schedule did")
        self.summary = write_results(self._folder, conductor, findings, self._notes)
        if not self.summary.generator.valid:
            self._codes.append(ExitCode.INVALID_RUN)
        print_summary(self.summary, self._console, self._folder.path)
        for problem in self._folder.problems:
            self._errors.print(f"error: {problem}", markup=False, style="bold red", soft_wrap=True)

    # -- what Locust and the workers tell

    def _forward(self, kind: str) -> Callable[..., None]:
        def forward(environment: Environment, msg: Any, **_: Any) -> None:
            if self._conductor is not None:
                self._conductor.handlers()[kind](environment, msg)

        return forward

    def _keep(self, snapshot: Snapshot) -> None:
        assert self._conductor is not None
        self._folder.append_records(snapshot.records)
        fill_locust_stats(self._environment, snapshot_e2e(snapshot, self._conductor.aggregate.plan))

    def _on_stopping(self, **_: Any) -> None:
        if self._conductor is not None and self._conductor.begun:
            self._conductor.drain(self._grace_s)

    def _on_spawned(self, **_: Any) -> None:
        if self._conductor is not None and self._conductor.begun:
            self._conductor.redeal()

    def _on_hello(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        hello = msgspec.msgpack.decode(msg.data, type=messages.Hello)
        if hello.version != __version__:
            self._say(f"worker {msg.node_id} runs loadgen {hello.version}, not {__version__}: it gets no work")
            return
        self._swarm.hear(msg.node_id)
        if self._conductor is not None and self._conductor.begun:
            gevent.spawn(self._conductor.admit, msg.node_id)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class _InterruptedError(LoadgenError):
    """Ctrl-C before the load began."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted before the load began")
