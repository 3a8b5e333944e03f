"""The master's sum of every worker's snapshots: what the console shows live and the summary reports at the end.

Called from the master's greenlets, one at a time. Memory is constant in the number of requests: one histogram a
metric, stage and workload, and a window of recent snapshots. Takes each snapshot once and nothing of another run.
"""

from collections import deque

import msgspec

from loadgen.metrics.certificate import CPU_RATIO, Evidence
from loadgen.metrics.counters import Counters
from loadgen.metrics.histogram import Histogram
from loadgen.metrics.live import LiveView, Recent, merged_recent, view_of
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.snapshot import CpuSample, Gauges, Metric, SandboxUse, Snapshot

# The longest window anyone asks for: the quantile gauges look back 30 s.
LIVE_RETENTION_S = 30.0


class WorkerState:
    """What the master knows of one worker: its last gauges and how busy its engine thread was."""

    __slots__ = ("busiest_s", "busy_s", "cpu_n", "cpu_now", "cpu_sum", "final", "gauges", "lost", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.gauges = Gauges()
        self.final = False
        self.lost = False
        self.cpu_now: float | None = None
        self.cpu_sum = 0.0
        self.cpu_n = 0
        self.busy_s = 0
        self.busiest_s = 0

    def sample(self, sample: CpuSample, measured: bool) -> None:
        """Take in one second; outside the measured stages it ends a busy stretch and counts for nothing."""
        self.cpu_now = sample.ratio
        if not measured:
            self.busy_s = 0
            return
        self.cpu_sum += sample.ratio
        self.cpu_n += 1
        self.busy_s = self.busy_s + 1 if sample.ratio > CPU_RATIO else 0
        self.busiest_s = max(self.busiest_s, self.busy_s)


class Aggregate:
    """One per run, on the master."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.workers: dict[str, WorkerState] = {}
        self.missing_snapshots = 0
        self.elapsed_s = 0.0
        self._sandboxes = SandboxUse()
        self._histograms: dict[tuple[Metric, int, int], Histogram] = {}
        self._counters: dict[tuple[int, int], Counters] = {}
        self._recent: deque[Recent] = deque()

    def apply(self, snapshot: Snapshot) -> bool:
        """Add a worker's report; False and no effect for another run's, or one no newer than that worker's last.

        The caller keeps `snapshot.records` only where this is True.
        """
        if snapshot.run_id != self.plan.run_id:
            return False
        worker = self.workers.get(snapshot.worker) or WorkerState()
        if snapshot.seq <= worker.seq:
            return False
        self.workers[snapshot.worker] = worker
        self.missing_snapshots += snapshot.seq - worker.seq - 1
        # The window looks at figures only; the records are the caller's to write.
        kept = msgspec.structs.replace(snapshot, records=b"", scored=b"")
        self._recent.append(Recent(kept, snapshot.gauges.chunks - worker.gauges.chunks))
        worker.seq, worker.gauges, worker.final, worker.lost = snapshot.seq, snapshot.gauges, snapshot.final, False
        for sample in snapshot.cpu:
            worker.sample(sample, sample.stage is not None and self.plan.stages[sample.stage].measure)
        for taken in snapshot.sandboxes:
            if taken.stage is not None and self.plan.stages[taken.stage].measure:
                self._sandboxes += taken.use
        for keyed in snapshot.histograms:
            self._histogram(keyed.metric, keyed.stage, keyed.workload).merge(keyed.sparse)
        for counters in snapshot.counters:
            key = (counters.stage, counters.workload)
            self._counters.setdefault(key, Counters(*key)).add(counters)
        self.elapsed_s = max(self.elapsed_s, snapshot.at_s)
        while self._recent and self._recent[0].snapshot.at_s < self.elapsed_s - LIVE_RETENTION_S:
            self._recent.popleft()
        return True

    def _histogram(self, metric: Metric, stage: int, workload: int) -> Histogram:
        return self._histograms.setdefault((metric, stage, workload), Histogram())

    def lose(self, worker: str) -> None:
        """Take note that a worker is gone: its gauges no longer count, what it has reported stays.

        So does what its turns in flight may have cost: they were sent.
        """
        state = self.workers.setdefault(worker, WorkerState())
        state.lost = True
        last = state.gauges
        state.gauges = Gauges(chunks=last.chunks, reads=last.reads, reserved=last.reserved)

    @property
    def lost_workers(self) -> list[str]:
        """Workers that went before their last report."""
        return sorted(name for name, state in self.workers.items() if state.lost and not state.final)

    @property
    def finished_workers(self) -> set[str]:
        """Workers whose final snapshot is in."""
        return {name for name, state in self.workers.items() if state.final}

    def merged(
        self, metric: Metric, *, stage: int | None = None, workload: int | None = None, measured: bool = True
    ) -> Histogram:
        """One metric's sum over the stages and workloads given; by default all workloads, measured stages only.

        measured is ignored where a stage is given.
        """
        total = Histogram()
        for (kind, at, of), histogram in self._histograms.items():
            if kind == metric and self._wanted(at, of, stage, workload, measured):
                total.add(histogram)
        return total

    def counted(self, *, stage: int | None = None, workload: int | None = None, measured: bool = True) -> Counters:
        """The counters' sum, chosen as in `merged`; its own stage and workload are -1."""
        total = Counters(-1, -1)
        for (at, of), counters in self._counters.items():
            if self._wanted(at, of, stage, workload, measured):
                total.add(counters)
        return total

    def _wanted(self, at: int, of: int, stage: int | None, workload: int | None, measured: bool) -> bool:
        if workload is not None and of != workload:
            return False
        return at == stage if stage is not None else not measured or self.plan.stages[at].measure

    def counters(self) -> dict[tuple[int, int], Counters]:
        """The counters by (stage, workload index), where anything was counted; not to be changed."""
        return self._counters

    def histograms(self) -> dict[tuple[Metric, int, int], Histogram]:
        """Every histogram by (metric, stage, workload index), sorted: for the histogram log and Prometheus."""
        return dict(sorted(self._histograms.items()))

    def evidence(self) -> Evidence:
        """What the certificate is judged on."""
        counters = self.counted()
        means = [state.cpu_sum / state.cpu_n for state in self.workers.values() if state.cpu_n]
        return Evidence(
            turns=counters.sent,
            schedule_lag=self.merged("schedule_lag"),
            loop_lag=self.merged("loop_lag"),
            ttft=self.merged("ttft"),
            busiest_s={name: state.busiest_s for name, state in self.workers.items()},
            cpu_ratio=max(means, default=None),
            chunks_per_read=counters.chunks_per_read,
            sandboxes=self._sandboxes if self._sandboxes.runs else None,
        )

    def recent(self, metric: Metric) -> Histogram:
        """One metric of the turns that ended in the last LIVE_RETENTION_S of reports, whatever their stage."""
        return merged_recent(self._recent, metric)

    def recent_loop_lag(self) -> dict[str, Histogram]:
        """Each worker's loop lag in the last LIVE_RETENTION_S of reports."""
        found: dict[str, Histogram] = {}
        for item in self._recent:
            for keyed in item.snapshot.histograms:
                if keyed.metric == "loop_lag":
                    found.setdefault(item.snapshot.worker, Histogram()).merge(keyed.sparse)
        return found

    def live(self, window_s: float = 5.0, now_s: float | None = None) -> LiveView:
        """What is going on, over the last `window_s` (at most LIVE_RETENTION_S); now_s is seconds from the start."""
        return view_of(
            self.plan,
            self._recent,
            [state.gauges for state in self.workers.values()],
            [state.cpu_now for state in self.workers.values() if not state.lost],
            self.counted(measured=False),
            now_s=self.elapsed_s if now_s is None else now_s,
            window_s=window_s,
        )
