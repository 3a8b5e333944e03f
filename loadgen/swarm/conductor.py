"""The master's side of one run: prepares the workers, begins, deals permits anew, drains, and sums up.

Workers may come, leave in order, die, or be cut off and come back while it runs: `follow`, called several times a
second, notices and deals anew; what the load missed meanwhile is in `losses`.

Runs in greenlets of the master. Whoever owns the Locust runner (`master`, or the hooks of plain Locust) decides when
each step happens; this knows how. Takes nothing from another run: every message carries the run's id.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust.rpc import Message

from loadgen.arrivals import Schedule, arrival_times, schedule_of
from loadgen.engine.engine import run_plan
from loadgen.engine.order import Deal, DrainOrder, Learnt, RunOrder, StartOrder, encode_order
from loadgen.errors import ExitCode, LoadgenError, UsageError
from loadgen.metrics import snapshot as snapshots
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.snapshot import Snapshot
from loadgen.metrics.summary import Loss
from loadgen.scenario.model import Scenario, scenario_to_json
from loadgen.swarm import messages
from loadgen.swarm.clocks import Clocks
from loadgen.swarm.dealing import deal_permits, moved_permits
from loadgen.swarm.losses import Losses
from loadgen.swarm.members import Swarm
from loadgen.swarm.messages import Note, Ready, Returned
from loadgen.swarm.target_watch import TargetWatch

# Workloads index their text while preparing: seconds for a large corpus, never minutes.
_PREPARE_TIMEOUT_S = 300.0
_CLOCKS_TIMEOUT_S = 2.0
# Between the order to start and the start: the order must arrive and every first session be made before it.
_START_DELAY_S = 0.05
_START_DELAY_PER_PERMIT_S = 0.0003
# Workers plan 0.26 s ahead, and the order has to reach them all before that: from then on a new deal holds.
_HAND_OVER_S = 0.5
# How long after the grace time the last reports may take to arrive.
_REPORT_TIMEOUT_S = 5.0

NOTHING_LEARNT = Learnt()


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
        self.failure: WorkerFailedError | None = None
        self._swarm = swarm
        self._permit_count = permit_count
        self._on_snapshot = on_snapshot
        self._changed = Event()
        self._ready: dict[str, Ready] = {}
        self._held: dict[str, tuple[int, ...]] = {}
        self._played: set[int] = set()
        self._told_played_again = False
        self._started: set[str] = set()
        self._gone: set[str] = set()
        self._leaving: set[str] = set()
        self._admitting: set[str] = set()
        self._last_heard_s: dict[str, float] = {}
        self._losses = Losses()
        self._clocks = Clocks(run_id, swarm.send)
        self._spread = 0
        self._load_ended_s: float | None = None
        self.notes: list[str] = []
        self._exhausted: set[str] = set()
        self._target: tuple[str, str] | None = None
        self._dialect = "openai"
        self._learnt = Learnt()
        self._target_watch = TargetWatch()

    # -- messages from workers

    def handlers(self) -> dict[str, Callable[..., None]]:
        """The listener of each message kind, for `register_message`."""
        return {
            messages.READY: self._on_ready,
            messages.SNAPSHOT: self._on_report,
            messages.EXHAUSTED: self._on_exhausted,
            messages.BUG: self._on_bug,
            messages.TOCK: self._on_tock,
            messages.LEAVING: self._on_leaving,
            messages.RETURNED: self._on_returned,
        }

    def _on_ready(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        ready = msgspec.msgpack.decode(msg.data, type=Ready)
        if ready.run_id == self.run_id:
            self._ready[msg.node_id] = ready
            # All workers read the same recordings, and each says the same of them.
            self.notes += [note for note in ready.notes if note not in self.notes]
            self._changed.set()

    def _on_report(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        report = snapshots.decode(msg.data)
        if not self.aggregate.apply(report):
            return
        self._last_heard_s[report.worker] = report.at_s
        self._target_watch.hear(report)
        self._on_snapshot(report)
        self._changed.set()

    def _on_exhausted(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        if msgspec.msgpack.decode(msg.data, type=Note).run_id == self.run_id:
            self._exhausted.add(msg.node_id)
            self._changed.set()

    def _on_bug(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        note = msgspec.msgpack.decode(msg.data, type=Note)
        if note.run_id == self.run_id and self.failure is None:
            text = f"{note.text} (on worker {msg.node_id})"
            if note.exit_code == ExitCode.BUG:
                text = f"this is a bug of loadgen; the run can't be trusted: worker {msg.node_id}: {note.text}"
            self.failure = WorkerFailedError(text, ExitCode(note.exit_code))
            self._changed.set()

    def _on_tock(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        self._clocks.hear(msg.node_id, msg.data)
        self._changed.set()

    def _on_leaving(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        if msgspec.msgpack.decode(msg.data, type=Note).run_id == self.run_id:
            gevent.spawn(self._see_off, msg.node_id)

    def _on_returned(self, environment: object, msg: Message, **_: Any) -> None:  # noqa: ARG002
        returned = msgspec.msgpack.decode(msg.data, type=Returned)
        if returned.run_id != self.run_id or msg.node_id not in self._started:
            return
        # Taken off the books, so that the next deal is sent to it even where it gives back what it had.
        self._losses.came_back(msg.node_id, self._held.pop(msg.node_id, ()), returned.let_go_s)
        if msg.node_id not in self._gone:
            gevent.spawn(self.redeal)

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
                    raise WorkerFailedError(f"{error} (on worker {worker})", code)
            left = expected & self._swarm.workers()
            if not left:
                raise WorkerFailedError("every worker was lost before the load began", ExitCode.INVALID_RUN)
            return left <= self._ready.keys()

        if not self.wait_for(answered, _PREPARE_TIMEOUT_S):
            missing = ", ".join(sorted(expected - self._ready.keys()))
            raise UsageError(f"not ready after {_PREPARE_TIMEOUT_S:g} s: {missing}")
        living = expected & self._swarm.workers()
        self._clocks.ask(living)
        self.wait_for(lambda: self._clocks.answered(living & self._swarm.workers()), _CLOCKS_TIMEOUT_S)
        self.notes += self._clocks.notes(living & self._swarm.workers())

    def begin(self, base_url: str, model: str, dialect: str = "openai", learnt: Learnt = NOTHING_LEARNT) -> None:
        """Deal the permits and start the load a moment from now."""
        self._target, self._dialect, self._learnt = (base_url, model), dialect, learnt
        counts = self._shares()
        most = max(counts.values(), default=0)
        delay_s = _START_DELAY_S + (_START_DELAY_PER_PERMIT_S * most if self.schedule.closed else 0.0)
        self.start_unix_ns = time.time_ns() + round(delay_s * 1e9)
        self._send_deal(deal_permits(self._total(), counts, {}))

    def redeal(self) -> None:
        """Workers have come or gone, or Locust has spread the permits anew: tell everybody which are theirs now."""
        if self._target is None or self._load_ended_s is not None:
            return
        self._lose_missing()  # with what they held until now
        dealt = deal_permits(self._total(), self._shares(), self._held)
        if dealt != self._held:
            self.epoch += 1
            self._note_played_again(moved_permits(dealt, self._held) & self._played)
            self._send_deal(dealt)

    def _note_played_again(self, permits: set[int]) -> None:
        """Who takes over a permit of a closed loop does not know how far its sessions had come, and begins anew."""
        once = [spec.name for spec in self.scenario.workloads if spec.kind == "replay" and not spec.repeat]
        if permits and once and self.schedule.closed and not self._told_played_again:
            # Told once: a worker that comes and goes for a week must not fill the summary.
            self._told_played_again = True
            names, at = ", ".join(once), f"permits changed hands, first at {self.elapsed_s:.1f} s"
            self.notes.append(f"conversations of {names} may have been played twice: {at}")

    def _shares(self) -> dict[str, int]:
        """Permits per worker that is ready to use them: even.

        Locust spreads its users evenly too, but after a worker is gone or back it takes its time, or never does it.
        """
        ready = {worker for worker, answer in self._ready.items() if answer.error is None} - self._leaving
        there = sorted(ready & self._swarm.workers())
        total = self._total()
        return {worker: total // len(there) + (index < total % len(there)) for index, worker in enumerate(there)}

    def _total(self) -> int:
        """How many permits there are to deal.

        In open loop all, for an arrival whose permit nobody holds is not played. In closed loop as many as Locust has
        spread by now, so that its spawn rate and a change of its users mean what they say; those of a worker that is
        gone go to the others at once, whatever Locust makes of it.
        """
        if not self.schedule.closed:
            return self._permit_count
        self._permit_count = self._swarm.wanted()
        self._spread = min(self._permit_count, max(self._spread, sum(self._swarm.permit_counts().values())))
        return self._spread

    def _send_deal(self, dealt: dict[str, tuple[int, ...]]) -> None:
        assert self._target is not None
        assert self.start_unix_ns is not None
        from_s = self._take_over_s()
        for worker in self._held.keys() - dealt.keys():
            self._send_permits(worker, (), from_s)
        for worker, permits in dealt.items():
            if worker in self._started:
                if permits != self._held.get(worker):
                    self._send_permits(worker, permits, from_s)
                continue
            start = StartOrder(
                self.run_id,
                *self._target,
                self.start_unix_ns,
                permits,
                self._permit_count,
                self.epoch,
                from_s,
                self._dialect,
                self._learnt.joining() if self.epoch else self._learnt.share(len(permits) / self._permit_count),
                self._clocks.correction_ns(worker),
            )
            self._swarm.send(messages.START, encode_order(start), worker)
            self._started.add(worker)
            self._last_heard_s[worker] = from_s
        self._exhausted -= {worker for worker in dealt if dealt[worker] != self._held.get(worker)}
        self._held = dealt
        self._played.update(*dealt.values())
        if dealt:
            self._losses.taken_over(from_s)

    def _take_over_s(self) -> float:
        """From when a deal made now holds. Sessions of a closed loop have no plan that others could have begun."""
        if not self.epoch:
            return 0.0
        return self.elapsed_s + (0.0 if self.schedule.closed else _HAND_OVER_S)

    def _send_permits(self, worker: str, permits: tuple[int, ...], from_s: float) -> None:
        deal = Deal(self.run_id, permits, self.epoch, from_s, self._permit_count)
        self._swarm.send(messages.DEAL, encode_order(deal), worker)

    def follow(self) -> None:
        """Look who is there: lose those that are gone, admit those that are new, and deal anew where that is due."""
        living = self._swarm.workers()
        back = self._gone & living
        self._gone -= back
        lost = self._lose_missing()
        for worker in living - self._ready.keys() - self._admitting:
            self._admitting.add(worker)
            gevent.spawn(self.admit, worker)
        spread = sum(map(len, self._held.values()))
        if back or lost or self._total() != spread:
            self.redeal()

    def _lose_missing(self) -> set[str]:
        """Lose the workers that are no longer there; which they are."""
        lost = self._started - self._swarm.workers() - self._gone - self.aggregate.finished_workers
        for worker in lost:
            self.lose(worker)
        return lost

    def admit(self, worker: str) -> None:
        """A worker that joined in mid-run: have it prepare, and deal it in; one that can't is noted and left out."""
        try:
            self.prepare([worker])
        except LoadgenError as error:
            self.notes.append(f"a worker that joined at {self.elapsed_s:.1f} s got no work: {error}")
            return
        self.notes.append(f"worker {worker} joined at {self.elapsed_s:.1f} s")
        self.redeal()

    def lose(self, worker: str) -> None:
        """A worker is gone."""
        if worker in self._started - self._gone and worker not in self.aggregate.finished_workers:
            state = self.aggregate.workers.get(worker)
            sessions = 0 if state is None else state.gauges.sessions_active
            self._gone.add(worker)
            self._losses.open(worker, self._held.pop(worker, ()), self._last_heard_s[worker], sessions)
            self.aggregate.lose(worker)
            self._changed.set()

    def _see_off(self, worker: str) -> None:
        """A worker wants to leave: others take its share, it ends what it has in flight, and reports the last."""
        self._leaving.add(worker)
        if worker in self._started and self._load_ended_s is None:
            permits = self._held.get(worker, ())
            self.redeal()
            self.notes.append(f"worker {worker} left at {self.elapsed_s:.1f} s, in order")
            if not self._held:
                self._losses.open(worker, permits, self.elapsed_s, 0)
            # What it has planned before the others take over still starts there.
            gevent.sleep(_HAND_OVER_S + 0.05)
        if self._load_ended_s is None:
            order = DrainOrder(self.run_id, self.scenario.load.grace_s)
            self._swarm.send(messages.DRAIN, encode_order(order), worker)

    def losses(self) -> list[Loss]:
        """What the load missed with workers that were lost or cut off; once the load has ended."""
        arrivals = None
        if self.schedule.arrivals not in ("closed", "trace"):
            arrivals = arrival_times(self.schedule, self.scenario.seed)
        end_s = self.elapsed_s if self._load_ended_s is None else self._load_ended_s
        return self._losses.told(end_s, arrivals, self._permit_count)

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
            ended_s = self.aggregate.elapsed_s if self.deserted else self.elapsed_s
            self._load_ended_s = min(ended_s, self.schedule.total_s)
        order = encode_order(DrainOrder(self.run_id, grace_s))
        for worker in self._started & self._swarm.workers():
            self._swarm.send(messages.DRAIN, order, worker)
        self.wait_for(self._all_final, grace_s + _REPORT_TIMEOUT_S)
        for worker in self._started - self.aggregate.finished_workers:
            self.lose(worker)

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
        """Whether the schedule has been worked through, or the recordings it plays."""
        if self.elapsed_s >= self.schedule.total_s:
            return True
        # After the last arrival of a rate its schedule goes on: a window cut off there would show a rate too high,
        # by an eighth where 10 a second come for one second.
        working = self._started & self._swarm.workers()
        return self.schedule.arrivals in ("closed", "trace") and bool(working) and working <= self._exhausted

    @property
    def target_lost(self) -> bool:
        """Whether nothing but connect failures has come back for some time."""
        return self._target_watch.lost(self.aggregate.elapsed_s)

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
