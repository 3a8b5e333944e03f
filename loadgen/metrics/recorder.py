"""The recorder: turns the engine's raw stamps into histograms, counts and record lines, on the worker's event loop.

The engine calls `record()` once a turn and, about once a second, walks `snapshot()` a piece a loop turn. Runs between
other people's timestamps, so it must never block, never make a numpy call for a small turn, and never hold more
than what came since the last snapshot. Every definition here is that of docs/metrics.md.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator
from operator import sub
from typing import get_args

import msgspec

from loadgen.metrics.cost import Meter, bears_tokens, count_tokens
from loadgen.metrics.counters import Counters
from loadgen.metrics.gap_bins import Gaps, bins_of_counts, gap_quantiles
from loadgen.metrics.goodput import Judge
from loadgen.metrics.histogram import FOLD_AT, Histogram, PendingHistogram
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.record import Record, RecordLines
from loadgen.metrics.snapshot import (
    A_TOKEN_NS,
    NO_WORKLOAD,
    CpuSample,
    Gauges,
    KeyedHistogram,
    SandboxSample,
    SandboxUse,
    Snapshot,
    TurnMetric,
    encode,
)
from loadgen.metrics.turn import TurnMeasurement
from loadgen.prices import Rates

_ERROR_CHARS = 200
# The gaps of a longer reply wait for the snapshot, a piece at a time: 384,000 of them would hold the loop for 100 ms.
LONG_CHUNKS = 4096
_GAPS_A_PIECE = 2048
_METRICS: tuple[TurnMetric, ...] = get_args(TurnMetric)


class _Cell:
    """What was measured of one (stage, workload) since the last snapshot."""

    __slots__ = (*_METRICS, "counters")

    def __init__(self, stage: int, workload: int) -> None:
        self.counters = Counters(stage, workload)
        self.ttft = PendingHistogram()
        self.ttfo = PendingHistogram()
        self.itl = PendingHistogram()
        self.tpot = PendingHistogram()
        self.e2e = PendingHistogram()
        self.connect = PendingHistogram()
        self.service_ttft = PendingHistogram()
        self.service_e2e = PendingHistogram()
        self.schedule_lag = PendingHistogram()
        self.tool_wait = PendingHistogram()
        self.input_tokens = PendingHistogram()
        self.output_tokens = PendingHistogram()
        self.ttft_censored = PendingHistogram()
        self.e2e_censored = PendingHistogram()

    def pending(self, metric: TurnMetric) -> PendingHistogram:
        histogram: PendingHistogram = getattr(self, metric)
        return histogram

    def fold(self) -> None:
        for metric in _METRICS:
            self.pending(metric).fold()


class _Delta:
    """Everything since the last snapshot. Replaced as a whole, so that sums and records are of the same turns."""

    __slots__ = ("cells", "cpu", "lines", "long", "loop_lag", "sandboxes", "scored")

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], _Cell] = {}
        self.loop_lag: dict[int, PendingHistogram] = {}
        self.cpu: list[CpuSample] = []
        self.sandboxes: list[SandboxSample] = []
        self.lines = RecordLines()
        self.scored = RecordLines()
        self.long: list[tuple[_Cell, TurnMeasurement, float | None]] = []

    def cell(self, stage: int, workload: int) -> _Cell:
        found = self.cells.get((stage, workload))
        if found is None:
            found = self.cells[stage, workload] = _Cell(stage, workload)
        return found


class Recorder:
    """One per worker, on its event loop's thread. `begin()` comes before anything is recorded."""

    def __init__(self, plan: RunPlan, worker: str, writes: Callable[[str], bool] | None = None) -> None:
        """writes: whether the turns of a session get record lines (None: all do); they count in any case."""
        self._plan = plan
        self._writes = writes
        self._worker = worker
        self._workloads = {name: index for index, name in enumerate(plan.workloads)}
        self._judge = Judge(plan) if plan.limits else None
        self._origin_ns = 0
        self._bounds_ns: list[int] = []
        self._delta = _Delta()
        self._seq = 0
        self._json = msgspec.json.Encoder()
        self.begin(0)

    def begin(self, origin_ns: int, meter: Meter | None = None) -> None:
        """Set the run's start: `time.monotonic_ns()` of this worker. Offsets and stage windows count from it.

        meter: what prices turns; None where nothing is known of prices.
        """
        self._origin_ns = origin_ns
        self._meter = meter
        stages = self._plan.stages
        offsets = [stages[0].start_s, *(stage.end_s for stage in stages)]
        self._bounds_ns = [origin_ns + round(offset * 1e9) for offset in offsets]

    def close(self, now_ns: int) -> None:
        """The load ends here, and with it every window that reaches further: what comes after is the drain's."""
        self._bounds_ns = [min(bound, now_ns) for bound in self._bounds_ns]

    def dropped(self, workload: str, stage: int) -> None:
        """Count an arrival that was due in this stage and could not be taken up (max_in_flight)."""
        self._delta.cell(stage, self._workloads[workload]).counters.dropped += 1

    def loop_lag(self, lag_ns: int, stage: int) -> None:
        """Record how late the event loop woke, once a probe."""
        pending = self._delta.loop_lag.get(stage)
        if pending is None:
            pending = self._delta.loop_lag[stage] = PendingHistogram()
        pending.values.append(lag_ns)
        if len(pending.values) >= FOLD_AT:
            pending.fold()

    def cpu(self, ratio: float, stage: int | None) -> None:
        """Record the engine thread's share of one core over the last second (0..1); call once a second."""
        self._delta.cpu.append(CpuSample(ratio, stage))

    def sandboxes(self, use: SandboxUse, stage: int | None) -> None:
        """Record what sandboxes took since the last call; call once a second."""
        self._delta.sandboxes.append(SandboxSample(use, stage))

    def record(self, m: TurnMeasurement) -> None:
        """Take in one finished turn. Raises KeyError for a workload that the plan does not name."""
        workload = self._workloads[m.workload]
        cell = self._delta.cell(m.stage, workload)
        counters = cell.counters
        stamps = m.chunk_stamps
        is_long = len(stamps) > LONG_CHUNKS
        gaps = [] if is_long else list(map(sub, stamps[1:], stamps))
        tpot_ns = time_per_output_token_ns(m)

        counters.chunks += len(stamps)
        counters.reads += m.reads
        counters.tool_calls += m.tool_calls
        if m.tool_calls and m.marks is not None:
            counters.count_calls(m.marks)
        if m.turn == 0 and "+" not in m.session:
            counters.sessions += 1
        counters.reconnects += m.reconnects
        counters.retries += m.attempts - 1
        # A timer that fires early is no lateness.
        cell.schedule_lag.values.append(max(0, m.taken_ns - m.intended_ns))
        if m.tool_wait_ns is not None:
            cell.tool_wait.values.append(m.tool_wait_ns)
        good: bool | None = False
        if m.outcome == "ok":
            counters.ok += 1
            if self._judge is not None:
                good = self._judge.is_good(counters, m, tpot_ns)
            self._times(cell, m, gaps)
            if tpot_ns is not None:
                cell.tpot.values.append(tpot_ns)
            cell.e2e.values.append(m.end_ns - m.intended_ns)
            if m.sent_ns is not None:
                cell.service_e2e.values.append(m.end_ns - m.sent_ns)
        elif m.outcome == "cancelled":
            counters.cancelled += 1
            self._times(cell, m, gaps)
            cell.e2e_censored.values.append(m.end_ns - m.intended_ns)
            if m.streamed and m.first_output_ns is None:
                cell.ttft_censored.values.append(m.end_ns - m.intended_ns)
        else:
            counters.failed += 1
            counters.failures[m.outcome] = counters.failures.get(m.outcome, 0) + 1
        if len(cell.schedule_lag.values) >= FOLD_AT:
            cell.fold()

        token_bearing, cost = bears_tokens(m), None
        if token_bearing:
            if m.input_tokens is not None:
                cell.input_tokens.values.append(m.input_tokens * A_TOKEN_NS)
            if m.output_tokens is not None:
                cell.output_tokens.values.append(m.output_tokens * A_TOKEN_NS)
            cost = count_tokens(counters, m, self._meter, (m.end_ns - self._origin_ns) / 1e9)
        self._attribute(m, workload, token_bearing, good)
        if is_long:
            self._delta.long.append((cell, m, cost))
        else:
            gaps.sort()
            self._write_line(self._delta, m, gap_quantiles(gaps), tpot_ns, cost)

    @staticmethod
    def _times(cell: _Cell, m: TurnMeasurement, gaps: list[int]) -> None:
        """The times up to a turn's last chunk, which a cancelled turn keeps."""
        if m.connect_ns is not None:
            cell.connect.values.append(m.connect_ns)
        # An answer that was not streamed arrives whole: it has no first output and no gaps to speak of.
        if not m.streamed:
            return
        if m.first_output_ns is not None:
            cell.ttft.values.append(m.first_output_ns - m.intended_ns)
            if m.sent_ns is not None:
                cell.service_ttft.values.append(m.first_output_ns - m.sent_ns)
        if m.first_answer_ns is not None:
            cell.ttfo.values.append(m.first_answer_ns - m.intended_ns)
        if gaps:
            itl = cell.itl
            itl.values.fromlist(gaps)
            if len(itl.values) >= FOLD_AT:
                itl.fold()

    def _attribute(self, m: TurnMeasurement, workload: int, token_bearing: bool, good: bool | None) -> None:
        """Throughput: give completion, chunks and tokens to the stages during which they happened."""
        bounds, stamps = self._bounds_ns, m.chunk_stamps
        ended_in = bisect_right(bounds, m.end_ns) - 1
        if m.outcome == "ok" and 0 <= ended_in < len(bounds) - 1:
            ended = self._delta.cell(ended_in, workload).counters
            ended.window_ok += 1
            if good:
                ended.window_good += 1
            elif good is None:
                ended.window_good_unknown += 1
        if not stamps:
            if token_bearing:
                self._share(m, ended_in, workload, 0, 1.0)
            return
        total = len(stamps)
        first_in, last_in = bisect_right(bounds, stamps[0]) - 1, bisect_right(bounds, stamps[-1]) - 1
        if first_in == last_in:
            self._share(m, first_in, workload, total, 1.0)
            return
        start = 0
        for stage in range(first_in, last_in + 1):
            end = bisect_left(stamps, bounds[stage + 1]) if stage + 1 < len(bounds) else total
            if end > start:
                self._share(m, stage, workload, end - start, (end - start) / total)
            start = end

    def _share(self, m: TurnMeasurement, stage: int, workload: int, chunks: int, part: float) -> None:
        """Give one stage its chunks of a turn and that part of its tokens; the drain is no stage."""
        if not 0 <= stage < len(self._bounds_ns) - 1:
            return
        counters = self._delta.cell(stage, workload).counters
        counters.window_chunks += chunks
        if m.input_tokens is None:
            counters.window_input_unknown += 1
        else:
            counters.window_input += m.input_tokens * part
        if m.output_tokens is None:
            counters.window_output_unknown += 1
        else:
            counters.window_output += m.output_tokens * part

    def _write_line(
        self, delta: _Delta, m: TurnMeasurement, gaps: Gaps, tpot_ns: int | None, cost: float | None
    ) -> None:
        """Append the turn's JSON line: to the records where its session is of the sample, and to what was scored.

        Offsets are integer ns over 1e9: the nearest double prints with at most 9 decimals.
        """
        written = self._writes is None or self._writes(m.session)
        if not written and m.marks is None:
            return
        origin, intended, sent = self._origin_ns, m.intended_ns, m.sent_ns
        first = m.first_output_ns if m.streamed else None
        answer = m.first_answer_ns if m.streamed else None
        line = Record(
            run=self._plan.run_id,
            session=m.session,
            turn=m.turn,
            workload=m.workload,
            stage=self._plan.stages[m.stage].name,
            worker=self._worker,
            intended_s=(intended - origin) / 1e9,
            taken_s=(m.taken_ns - origin) / 1e9,
            send_s=None if sent is None else (sent - origin) / 1e9,
            first_output_s=None if first is None else (first - origin) / 1e9,
            end_s=(m.end_ns - origin) / 1e9,
            connect_s=None if m.connect_ns is None else m.connect_ns / 1e9,
            ttft_s=None if first is None else (first - intended) / 1e9,
            ttfo_s=None if answer is None else (answer - intended) / 1e9,
            tpot_s=None if tpot_ns is None else tpot_ns / 1e9,
            e2e_s=(m.end_ns - intended) / 1e9,
            service_ttft_s=None if first is None or sent is None else (first - sent) / 1e9,
            service_e2e_s=None if sent is None else (m.end_ns - sent) / 1e9,
            chunks=len(m.chunk_stamps),
            itl_p50_s=None if gaps.p50 is None else gaps.p50 / 1e9,
            itl_p99_s=None if gaps.p99 is None else gaps.p99 / 1e9,
            itl_max_s=None if gaps.longest is None else gaps.longest / 1e9,
            itl_bins=gaps.bins,
            reads=m.reads,
            input_tokens_asked=m.input_tokens_asked,
            input_tokens=m.input_tokens,
            output_tokens_asked=m.output_tokens_asked,
            output_tokens=m.output_tokens,
            cached_tokens=m.cached_tokens,
            reasoning_tokens=m.reasoning_tokens,
            finish_reason=m.finish_reason,
            outcome=m.outcome,
            status=m.status,
            error=None if m.error is None else m.error[:_ERROR_CHARS],
            tool_calls=m.tool_calls,
            tool_wait_s=None if m.tool_wait_ns is None else m.tool_wait_ns / 1e9,
            reconnects=m.reconnects,
            attempts=m.attempts,
            cost=cost,
            tool_call_s=_call_s(m),
            rates=msgspec.UNSET if m.marks is None else self._rates(m),
            marks=msgspec.UNSET if m.marks is None else m.marks,
        )
        for block in (
            delta.lines.open_block() if written else None,
            None if m.marks is None else delta.scored.open_block(),
        ):
            if block is not None:
                self._json.encode_into(line, block, -1)
                block += b"\n"

    def _rates(self, m: TurnMeasurement) -> Rates | msgspec.UnsetType:
        """The prices that the turn's cost was reckoned by."""
        rates = None if self._meter is None else self._meter.rates_at((m.end_ns - self._origin_ns) / 1e9)
        return msgspec.UNSET if rates is None else rates

    def snapshot(self, now_ns: int, gauges: Gauges, final: bool = False) -> Generator[None, None, bytes]:
        """Encode everything since the last snapshot, in pieces of well under 1 ms; the bytes are the return value.

        What is recorded while this is walked goes into the next one. Walk one to its end before starting another.
        """
        delta, self._delta = self._delta, _Delta()
        self._seq += 1
        seq, at_s = self._seq, (now_ns - self._origin_ns) / 1e9
        for cell, m, cost in delta.long:
            gaps = yield from _long_gaps(cell, m)
            self._write_line(delta, m, gaps, time_per_output_token_ns(m), cost)
        histograms: list[KeyedHistogram] = []
        for (stage, workload), cell in delta.cells.items():
            for metric in _METRICS:
                if sparse := cell.pending(metric).drain():
                    histograms.append(KeyedHistogram(metric, stage, workload, sparse))
                    yield
        for stage, pending in delta.loop_lag.items():
            if sparse := pending.drain():
                histograms.append(KeyedHistogram("loop_lag", stage, NO_WORKLOAD, sparse))
                yield
        records = delta.lines.gzip_member()
        yield
        scored = delta.scored.gzip_member()
        yield
        return encode(
            Snapshot(
                run_id=self._plan.run_id,
                worker=self._worker,
                seq=seq,
                at_s=at_s,
                final=final,
                gauges=gauges,
                counters=[cell.counters for cell in delta.cells.values()],
                histograms=histograms,
                cpu=delta.cpu,
                records=records,
                scored=scored,
                sandboxes=delta.sandboxes,
            )
        )


def _call_s(m: TurnMeasurement) -> float | msgspec.UnsetType:
    """How long the arguments of a turn's tool calls took to be written."""
    if m.first_call_ns is None or m.last_call_ns is None or not m.streamed:
        return msgspec.UNSET
    return (m.last_call_ns - m.first_call_ns) / 1e9


def time_per_output_token_ns(m: TurnMeasurement) -> int | None:
    """(last output - first output) / (output tokens - 1); None where the tokens are unknown or at most 1.

    Tokens are the server's. Where reasoning was hidden its tokens had no chunks, so they are taken off.
    """
    if m.outcome != "ok" or not m.streamed or m.output_tokens is None or not m.chunk_stamps:
        return None
    tokens = m.output_tokens
    if not m.reasoning_streamed and m.reasoning_tokens is not None:
        tokens -= m.reasoning_tokens
    if tokens <= 1:
        return None
    return round((m.chunk_stamps[-1] - m.chunk_stamps[0]) / (tokens - 1))


def _long_gaps(cell: _Cell, m: TurnMeasurement) -> Generator[None, None, Gaps]:
    """Take in the gaps of a long reply a piece at a time; its own quantiles come from a histogram."""
    stamps, own = m.chunk_stamps, PendingHistogram()
    keep = m.outcome in ("ok", "cancelled")
    for start in range(0, len(stamps) - 1, _GAPS_A_PIECE):
        piece = stamps[start : start + _GAPS_A_PIECE + 1]
        gaps = list(map(sub, piece[1:], piece))
        own.values.fromlist(gaps)
        own.fold()
        if keep:
            cell.itl.values.fromlist(gaps)
            if len(cell.itl.values) >= FOLD_AT:
                cell.itl.fold()
        yield
    whole = Histogram()
    if sparse := own.drain():
        whole.merge(sparse)
    return Gaps(whole.quantile_ns(0.5), whole.quantile_ns(0.99), whole.max_ns, bins_of_counts(whole))
