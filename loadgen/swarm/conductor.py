"""The master's side of one run: prepares the workers, begins, deals permits anew, drains, and sums up.

Runs in greenlets of the master. Whoever owns the Locust runner (`master`, or the hooks of plain Locust) decides when
each step happens; this knows how. Takes nothing from another run: every message carries the run's id.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from gevent.event import Event
from locust.rpc import Message

from loadgen.arrivals import Schedule, schedule_of
from loadgen.engine.engine import run_plan
from loadgen.engine.order import Deal, DrainOrder, RunOrder, StartOrder, encode_order
from loadgen.errors import ExitCode, LoadgenError, UsageError
from loadgen.metrics import snapshot as snapshots
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.snapshot import Snapshot
from loadgen.scenario.model import Scenario, scenario_to_json
from loadgen.swarm import messages
from loadgen.swarm.dealing import deal_permits
from loadgen.swarm.messages import Note, Ready

# Workloads index their text while preparing: seconds for a large corpus, never minutes.
_PREPARE_TIMEOUT_S = 300.0
# Between the order to start and the start: the order must arrive and every first session be made before it.
_START_DELAY_S = 0.05
_START_DELAY_PER_PERMIT_S = 0.0003
# Workers plan 0.26 s ahead, and the order has to reach them all before that: from then on a new deal holds.
_HAND_OVER_S = 0.5
# How long after the grace time the last reports may take to arrive.
_REPORT_TIMEOUT_S = 5.0
# Nothing but connect failures for this long: the target is lost.
_LOST_TARGET_S = 10.0


class Swarm(Protocol):
    """What is needed of a Locust runner: who is there, with how many permits, and a way to talk to them."""

    def permit_counts(self) -> dict[str, int]:
        """Permits per living worker, as Locust has spread them."""
        ...

    def workers(self) -> set[str]:
        """The workers that are alive, with or without permits."""
        ...

    def send(self, kind: str, data: bytes, worker: str) -> None:
        """Send a message to one worker."""
        ...


class WorkerFailedError(LoadgenError):
    """A worker can't prepare the run, or broke in mid-run; carries the worker's own exit code."""

    def __init__(self, text: str, exit_code: ExitCode) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Conductor:
    """One run, from the workers' preparation to the last snapshot."""

    def __init__(
        self,
        swarm: Swarm,
        scenario: Scenario,
        run_id: str,
        *,
        permit_count: int,
        on_snapshot: Callable[[Snapshot], None],
    ) -> None:
        """on_snapshot: called with each snapshot that counts, after it has been added up."""
        self.run_id = run_id
        self.scenario = scenario
        self.schedule: Schedule = schedule_of(scenario.load)
        self.aggregate = Aggregate(run_plan(run_id, scenario))
        self.start_unix_ns: int | None = None
        self.epoch = 0
        self.bug: str | None = None
        self._swarm = swarm
        self._permit_count = permit_count
        self._on_snapshot = on_snapshot
        self._changed = Event()
        self._ready: dict[str, Ready] = {}
        self._held: dict[str, tuple[int, ...]] = {}
        self._started: set[str] = set()
        self._exhausted: set[str] = set()
        self._target: tuple[str, str] | None = None
        self._refused_since_s: float | None = None
        self._chunks: dict[str, int] = {}
        self._load_ended_s: float | None = None

    # -- messages from workers

    def handlers(self) -> dict[str, Callable[..., None]]:
        """The listener of each message kind, for `register_message`."""
        return {
            messages.READY: self._on_ready,
            messages.SNAPSHOT: self._on_report,
            messages.EXHAUSTED: self._on_exhausted,
            messages.BUG: self._on_bug,
        }

    def _on_ready(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        ready = msgspec.msgpack.decode(msg.data, type=Ready)
        if ready.run_id == self.run_id:
            self._ready[msg.node_id] = ready
            self._changed.set()

    def _on_report(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        report = snapshots.decode(msg.data)
        if not self.aggregate.apply(report):
            return
        self._watch_target(report)
        self._on_snapshot(report)
        self._changed.set()

    def _on_exhausted(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        if msgspec.msgpack.decode(msg.data, type=Note).run_id == self.run_id:
            self._exhausted.add(msg.node_id)
            self._changed.set()

    def _on_bug(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        note = msgspec.msgpack.decode(msg.data, type=Note)
        if note.run_id == self.run_id and self.bug is None:
            self.bug = f"worker {msg.node_id}: {note.text}"
            self._changed.set()

    # -- the steps

    def prepare(self, workers: Iterable[str]) -> None:
        """Have these workers build the run, and wait for them.

        Raises WorkerFailedError where one can't or none is left, UsageError where one takes too long.
        """
        expected = set(workers)
        order = encode_order(RunOrder(self.run_id, scenario_to_json(self.scenario)))
        for worker in expected:
            self._swarm.send(messages.PREPARE, order, worker)

        def answered() -> bool:
            for worker in expected & self._ready.keys():
                if (error := self._ready[worker].error) is not None:
                    code = ExitCode(self._ready.pop(worker).exit_code)
                    raise WorkerFailedError(error, code)
            left = expected & self._swarm.workers()
            if not left:
                raise WorkerFailedError("every worker was lost before the load began", ExitCode.INVALID_RUN)
            return left <= self._ready.keys()

        if not self.wait_for(answered, _PREPARE_TIMEOUT_S):
            missing = ", ".join(sorted(expected - self._ready.keys()))
            raise UsageError(f"not ready after {_PREPARE_TIMEOUT_S:g} s: {missing}")

    def begin(self, base_url: str, model: str) -> None:
        """Deal the permits and start the load a moment from now."""
        self._target = (base_url, model)
        counts = self._counts()
        most = max(counts.values(), default=0)
        delay_s = _START_DELAY_S + (_START_DELAY_PER_PERMIT_S * most if self.schedule.closed else 0.0)
        self.start_unix_ns = time.time_ns() + round(delay_s * 1e9)
        self._send_deal(deal_permits(self._permit_count, counts, {}))

    def redeal(self) -> None:
        """Locust has spread the permits anew: tell the workers which are theirs now."""
        if self._target is None:
            return
        dealt = deal_permits(self._permit_count, self._counts(), self._held)
        if dealt != self._held:
            self.epoch += 1
            self._send_deal(dealt)

    def _counts(self) -> dict[str, int]:
        """Permits per worker that is ready to use them."""
        return {worker: count for worker, count in self._swarm.permit_counts().items() if worker in self._ready}

    def _send_deal(self, dealt: dict[str, tuple[int, ...]]) -> None:
        assert self._target is not None
        assert self.start_unix_ns is not None
        from_s = self.elapsed_s + _HAND_OVER_S if self.epoch else 0.0
        for worker, permits in dealt.items():
            if worker in self._started:
                if permits != self._held.get(worker):
                    self._swarm.send(
                        messages.DEAL, encode_order(Deal(self.run_id, permits, self.epoch, from_s)), worker
                    )
                continue
            start = StartOrder(
                self.run_id, *self._target, self.start_unix_ns, permits, self._permit_count, self.epoch, from_s
            )
            self._swarm.send(messages.START, encode_order(start), worker)
            self._started.add(worker)
        self._exhausted -= {worker for worker in dealt if dealt[worker] != self._held.get(worker)}
        self._held = dealt

    def admit(self, worker: str) -> str | None:
        """A worker that joined in mid-run: have it prepare, and deal it in. Why it can't take part, None if it does."""
        try:
            self.prepare([worker])
        except LoadgenError as error:
            return f"worker {worker} joined and can't take part: {error}"
        self.redeal()
        return None

    def lose(self, worker: str) -> None:
        """A worker is gone."""
        if worker in self._started and worker not in self.aggregate.finished_workers:
            self.aggregate.lose(worker)
            self._changed.set()

    @property
    def begun(self) -> bool:
        """Whether the load has been started."""
        return self._target is not None

    @property
    def worker_count(self) -> int:
        """Workers that took part."""
        return len(self._started)

    def drain(self, grace_s: float) -> None:
        """End the load everywhere and wait for every living worker's last snapshot. A later call may shorten it."""
        if self._load_ended_s is None:
            self._load_ended_s = self.aggregate.elapsed_s if self.deserted else self.elapsed_s
        order = encode_order(DrainOrder(self.run_id, grace_s))
        for worker in self._started & self._swarm.workers():
            self._swarm.send(messages.DRAIN, order, worker)
        self.wait_for(self._all_final, grace_s + _REPORT_TIMEOUT_S)
        for worker in self._started - self.aggregate.finished_workers:
            self.aggregate.lose(worker)

    def _all_final(self) -> bool:
        return self._started & self._swarm.workers() <= self.aggregate.finished_workers

    # -- what the owner asks while it runs

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start; negative before it."""
        return (time.time_ns() - self.start_unix_ns) / 1e9 if self.start_unix_ns is not None else -1.0

    @property
    def load_ended_s(self) -> float:
        """When the load ended and the drain began, in seconds from the start: no measured window is longer."""
        return self.elapsed_s if self._load_ended_s is None else self._load_ended_s

    @property
    def over(self) -> bool:
        """Whether the schedule has been worked through, or nothing is left to do."""
        working = self._started & self._swarm.workers()
        return self.elapsed_s >= self.schedule.total_s or (bool(working) and working <= self._exhausted)

    @property
    def target_lost(self) -> bool:
        """Whether nothing but connect failures has come back for some time."""
        since = self._refused_since_s
        return since is not None and self.aggregate.elapsed_s - since >= _LOST_TARGET_S

    @property
    def deserted(self) -> bool:
        """Whether every worker that had started is gone."""
        return bool(self._started) and not (self._started & self._swarm.workers())

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until the condition holds, looking again at every message; False if it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            self._changed.clear()
            self._changed.wait(min(left_s, 0.25))
        return True

    def _watch_target(self, report: Snapshot) -> None:
        refused = answered = 0
        if report.gauges.chunks > self._chunks.get(report.worker, 0):
            answered = 1  # streams that flow have not ended yet, and are the best of answers
        self._chunks[report.worker] = report.gauges.chunks
        for counters in report.counters:
            connect = counters.failures.get("connect", 0) + counters.failures.get("tls", 0)
            refused += connect
            answered += counters.ok + counters.failed - connect
        if answered:
            self._refused_since_s = None
        elif refused and self._refused_since_s is None:
            self._refused_since_s = report.at_s
