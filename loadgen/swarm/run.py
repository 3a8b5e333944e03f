"""One run as the master sees it: begins it, watches it, ends it, and leaves the run folder.

Made by the master for every run; knows when things happen, while the conductor knows how. Never sends load itself.
"""

import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import gevent
from gevent.event import Event

from loadgen import __version__
from loadgen.engine.ahead import Ahead, look_ahead_or_error
from loadgen.errors import ExitCode, LoadgenError, UsageError, code_of, explained, worst
from loadgen.metrics.scored_turns import ScoredTurns
from loadgen.metrics.snapshot import Snapshot
from loadgen.metrics.spending import Spending
from loadgen.metrics.summary import Summary
from loadgen.outputs.console import LiveConsole, ReportConsole, print_summary
from loadgen.outputs.material import Material
from loadgen.outputs.prometheus.exposition import Exposition
from loadgen.outputs.prometheus.run_gauges import Outcome, Subject
from loadgen.outputs.report import write_reports
from loadgen.outputs.run_folder import RunFolder
from loadgen.scenario.loader import LoadedScenario
from loadgen.swarm.conductor import Conductor
from loadgen.swarm.exporter import Exporter
from loadgen.swarm.judging import Judging
from loadgen.swarm.members import Swarm
from loadgen.swarm.report import write_inputs, write_results

_REDRAW_S = 0.25
_JOIN_TIMEOUT_S = 60.0
# Reports of so many turns take a second or more: that is said, so that nobody takes it for hanging.
_MANY_TURNS = 50_000
_BY_AIOHTTP = "measured by the aiohttp transport: its stamps are taken as coroutines wake, later than at the socket"


class InterruptedRunError(LoadgenError):
    """Ctrl-C before the load began."""

    exit_code = ExitCode.INTERRUPTED


class Run:
    """From waiting for workers to the summary. `conduct` and `end` may be called from different greenlets."""

    def __init__(
        self,
        swarm: Swarm,
        loaded: LoadedScenario,
        base_url: str,
        *,
        permits: int,
        out: Path | None,
        command: tuple[str, ...],
        on_snapshot: Callable[[Snapshot, Conductor], None],
        exporter: Exporter | None = None,
    ) -> None:
        """out: the run folder, None for the default one. Raises UsageError where it can't be made."""
        self._swarm = swarm
        self._loaded = loaded
        self._base_url = base_url
        self._command = command
        # In a pipe or a log there is no width to fit; the tables are made for 100 columns.
        self._console = ReportConsole(highlight=False, width=None if sys.stdout.isatty() else 100)
        self._errors = ReportConsole(stderr=True, highlight=False)
        records = loaded.scenario.records
        self._folder = (
            RunFolder.fresh(loaded.scenario.name, rotate_bytes=records.rotate_bytes, keep=records.keep)
            if out is None
            else RunFolder(out, rotate_bytes=records.rotate_bytes, keep=records.keep)
        )
        self._problems_told = 0
        self._notes_told = 0
        self._ahead: Ahead | None = None
        self._exporter = exporter
        self._exposition: Exposition | None = None
        self._spending: Spending | None = None
        self._budget_ended = False
        self._grace_s = loaded.scenario.load.grace_s
        self._interrupts = 0
        self._ending = False
        self._conducted = False
        self._ended = Event()
        self._live: LiveConsole | None = None
        self._codes: list[ExitCode] = []
        self._notes: list[str] = []
        self._on_snapshot = on_snapshot
        self._judging = Judging(loaded.scenario)
        self._scored = ScoredTurns()
        self.permits = permits
        run_id = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{uuid.uuid4().hex[:8]}"
        self.conductor = Conductor(swarm, loaded.scenario, run_id, permit_count=permits, on_snapshot=self._keep)
        self.summary: Summary | None = None
        self.failure: str | None = None  # what kept it from beginning, or ended it, as the user was told

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended; meaningful after `end`."""
        return worst(self._codes)

    @property
    def ending(self) -> bool:
        """Whether `end` has been called."""
        return self._ending

    @property
    def ended(self) -> bool:
        """Whether everything is written and shown."""
        return self._ended.is_set()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder.path

    def interrupt(self, *, at_once: bool = False) -> None:
        """Ctrl-C: the first ends the load and drains, the second (or at_once) cuts off what is in flight."""
        self._interrupts += 1
        self._codes.append(ExitCode.INTERRUPTED)
        if at_once or self._interrupts > 1:
            self._grace_s = 0.0
            if self.conductor.begun:
                gevent.spawn(self.conductor.drain, 0.0)
        else:
            text = f"interrupted: draining for up to {self._grace_s:g} s; again to cut off what is in flight"
            if self._live is not None:
                self._live.say(text)
            else:
                self._say(text)

    def conduct(self, workers: int, spawned: Callable[[], object]) -> None:
        """Wait for so many workers and run the load to its end. spawned: returns when Locust has spread the permits.

        Errors for the user are printed here; the owner calls `end` afterwards, whatever happened.
        """
        try:
            self._wait_for_workers(workers)
            self._begin(spawned)
            self._watch()
        except LoadgenError as error:
            self._errors.print(f"error: {error}", markup=False, style="bold red", soft_wrap=True)
            self._codes.append(error.exit_code)
            self.failure = str(error)
        self._conducted = True

    def end(self) -> None:
        """Drain the workers, write what there is and show it; once. Returns when that is done, whoever began it."""
        if self._ending:
            self._ended.wait()
            return
        self._ending = True
        try:
            self._end()
        finally:
            self._ended.set()

    def _end(self) -> None:
        if not self.conductor.begun or self._ahead is None:
            self._folder.discard_if_empty()
            if not self._codes:
                self._codes.append(ExitCode.INTERRUPTED)
            return
        early = self.conductor.elapsed_s < self.conductor.schedule.total_s
        stopped = not self._conducted and not self._interrupts
        self._drain()
        if stopped:
            self._notes.append("stopped by Locust (its UI, or -t) before the schedule's end")
        if self._spending is not None and (self._budget_ended or self._spending.broke(self.conductor.aggregate)):
            self._notes.append(f"the load was ended early, to stay within the budget of {self._spending.limit:g} USD")
        if self._interrupts and early:
            self._notes.append("interrupted: the load ended before its schedule did")
        self.summary = write_results(
            self._folder, self.conductor, self._ahead, self._judging, self._scored, self._notes
        )
        self._codes.append(code_of(self.summary.verdict.outcome))
        self._export_last(self.summary)
        print_summary(self.summary, self._console, self._folder.path)
        self._report(self.summary)
        self._tell_problems()
        if self._folder.problems:
            self._codes.append(ExitCode.BAD_INPUT)
        if (line := explained(self.exit_code)) is not None:
            self._say(line)

    def _export_last(self, summary: Summary) -> None:
        """metrics.prom, and the text that a last scrape finds."""
        conductor = self.conductor
        if self._exposition is None or conductor.start_unix_ns is None:
            return  # stopped in the very moment it began
        now_s = conductor.aggregate.elapsed_s
        outcome = Outcome(conductor.start_unix_ns / 1e9 + now_s, summary.verdict.outcome, summary.generator.valid)
        self._exposition.write(self._folder, now_s, outcome)
        if self._exporter is not None:
            self._exporter.end(self._exposition.text(now_s, outcome))

    def _report(self, summary: Summary) -> None:
        """report.html and the others, from what is in the folder by now."""
        turns = sum(stage.requests.sent for stage in summary.stages)
        if turns > _MANY_TURNS:
            self._say(f"writing the reports of {turns:,} turns")
        write_reports(self._folder, Material(self._folder.path, summary))

    def _wait_for_workers(self, count: int) -> None:
        deadline = time.monotonic() + _JOIN_TIMEOUT_S
        while len(self._swarm.workers()) < count:
            self._stop_if_interrupted()
            if time.monotonic() > deadline:
                joined = len(self._swarm.workers())
                raise UsageError(f"only {joined} of {count} workers joined within {_JOIN_TIMEOUT_S:g} s")
            gevent.sleep(0.005)

    def _begin(self, spawned: Callable[[], object]) -> None:
        scenario, conductor = self._loaded.scenario, self.conductor
        workers = self._swarm.workers()
        spawning = gevent.spawn(spawned)
        conductor.prepare(workers)
        self._stop_if_interrupted()
        ahead = self._ahead = self._ask()
        findings = ahead.findings
        self._spending = ahead.spending()
        if scenario.target.measured_by == "aiohttp":
            self._notes.append(_BY_AIOHTTP)
        self._notes += ahead.notes
        for line in (findings.line(), *ahead.lines()):
            self._say(line)
        spawning.get()
        self._stop_if_interrupted()
        write_inputs(self._folder, self._loaded, ahead, self._command)
        # Not the findings' URL, which is for showing: it lacks the user part.
        conductor.begin(self._base_url, findings.model, findings.dialect, ahead.learnt)
        self._export(ahead)
        self._say(
            f"run {conductor.run_id}: {scenario.name}, {scenario.load.arrivals} arrivals for "
            f"{conductor.schedule.total_s:g} s, workers {len(workers)}, results in {self._folder.path}"
        )
        for note in self._notes:
            self._say(f"note: {note}")
        self._tell_notes()

    def _export(self, ahead: Ahead) -> None:
        """From here on there is a text for Prometheus, before the first report: its counts begin at 0."""
        scenario, conductor = self._loaded.scenario, self.conductor
        assert conductor.start_unix_ns is not None
        subject = Subject(
            run_id=conductor.run_id,
            scenario=scenario.name,
            model=ahead.findings.model,
            dialect=ahead.findings.dialect,
            transport=scenario.target.measured_by,
            version=__version__,
            start_unix_s=conductor.start_unix_ns / 1e9,
            schedule=conductor.schedule,
            slos=scenario.objectives,
            currency=ahead.basis.currency,
            usd_per_hour=ahead.basis.usd_per_hour,
            budget_usd=None if scenario.budget is None else scenario.budget.usd,
        )
        self._exposition = Exposition(subject, conductor.aggregate)
        if self._exporter is not None:
            self._exporter.begin(self._exposition, lambda: conductor.elapsed_s)

    def _ask(self) -> Ahead:
        """Find out what there is to know. A target that takes a request and is silent could hold an interrupt up."""
        asking = gevent.get_hub().threadpool.spawn(
            look_ahead_or_error, self._loaded.scenario, self.conductor.schedule, self._base_url
        )
        while not asking.ready():
            self._stop_if_interrupted()
            asking.wait(_REDRAW_S)
        found = asking.get()
        assert found is not None
        if isinstance(found, Exception):
            raise found
        return found

    def _watch(self) -> None:
        """Until the load is over, or has to end."""
        conductor = self.conductor
        self._live = LiveConsole(conductor.aggregate.plan)
        with self._live:
            while not self._over():
                conductor.wait_for(self._over, _REDRAW_S)
                conductor.follow()
                self._tell_notes()
                if conductor.failure is not None:
                    raise conductor.failure
                if conductor.target_lost:
                    self._codes.append(ExitCode.TARGET_UNREACHABLE)
                    self._notes.append("the target was lost: nothing but connect failures for 10 s")
                    return
                if self._spending is not None and self._spending.exhausted(conductor.aggregate, conductor.elapsed_s):
                    self._budget_ended = True
                    return
                if self._judging.failed(conductor):
                    self._live.say("an SLO that ends the run has failed: no more load, draining")
                    return
                self._show()

    def _drain(self) -> None:
        """Wait for what is in flight, still showing it."""
        draining = gevent.spawn(self.conductor.drain, self._grace_s)
        self._live = LiveConsole(self.conductor.aggregate.plan)
        with self._live:
            while not draining.ready():
                draining.join(_REDRAW_S)
                self._show()
        draining.get()

    def _show(self) -> None:
        if self._live is not None:
            self._live.update(self.conductor.aggregate.live(now_s=self.conductor.elapsed_s))

    def _over(self) -> bool:
        return self.conductor.over or self.conductor.deserted or self._ending or bool(self._interrupts)

    def _stop_if_interrupted(self) -> None:
        if self._interrupts or self._ending:
            raise InterruptedRunError("interrupted before the load began")

    def _tell_notes(self) -> None:
        """What has become of workers, as it is known."""
        notes = self.conductor.notes
        for note in notes[self._notes_told :]:
            if self._live is not None:
                self._live.say(f"note: {note}")
            else:
                self._say(f"note: {note}")
        self._notes_told = len(notes)

    def _tell_problems(self) -> None:
        """Each thing that could not be written, as soon as that is known."""
        for problem in self._folder.problems[self._problems_told :]:
            self._errors.print(f"error: {problem}", markup=False, style="bold red", soft_wrap=True)
        self._problems_told = len(self._folder.problems)

    def _keep(self, snapshot: Snapshot) -> None:
        self._folder.append_records(snapshot.records)
        self._judging.add(snapshot.records)
        self._scored.add_member(snapshot.scored)
        if self._exposition is not None:
            self._exposition.add(snapshot)
        self._tell_problems()
        self._on_snapshot(snapshot, self.conductor)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)
