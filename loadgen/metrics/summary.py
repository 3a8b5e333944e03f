"""The typed models of summary.json, schema `loadgen.summary/1`: every output reads the run from here.

Plain data, no behaviour. Seconds, bytes and tokens as plain numbers; None was not measured and is never 0. The JSON
Schema beside the outputs (`outputs/summary.schema.json`) is generated from these.
"""

from typing import Final, Literal

import msgspec

from loadgen.metrics.histogram import Dist
from loadgen.metrics.snapshot import SandboxUse

SCHEMA: Final = "loadgen.summary/1"


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """What was lost with a worker that died, or was cut off for some time (`returned`).

    from_s, to_s: seconds from the run's start between which its share of the load was not played by anybody, or was
    played and never reported. permits: how many it held. arrivals: how many the plan has there for them; None where
    there is no plan of arrivals (closed loop), or a recording has it. sessions: those it had under way when it was last
    heard of, whose ends nobody saw; None where that is not known.
    """

    worker: str
    from_s: float
    to_s: float
    permits: int
    arrivals: int | None
    sessions: int | None
    returned: bool


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which run this is. started_at: ISO 8601, UTC. duration_s: from the run's start to the last turn's end.

    transport: what sent and measured: http11, or aiohttp, whose stamps are those of waking coroutines.
    notes: what a reader must know before trusting the figures. workers_lost: workers that died in mid-run.
    losses: what that cost, and what workers cost that were cut off for some time.
    snapshots_missing: workers' reports that never arrived, so that their turns are in no figure and no record.
    """

    id: str
    scenario: str
    started_at: str
    duration_s: float
    seed: int
    target: str
    model: str
    dialect: str
    transport: str
    workers: int
    version: str
    notes: list[str] = []
    workers_lost: list[str] = []
    losses: list[Loss] = []
    snapshots_missing: int = 0


class SloResult(msgspec.Struct, frozen=True):
    """One service level objective and what became of it.

    estimate, ci_low, ci_high and limit: in `unit` (s, share, 1/s, the cost's currency, or the quality's own unit). A
    bound is None where the sample says nothing on that side. Where the figure is a fact of this run (`max`, a cost) its
    confidence is None. n: what was judged by: turns, gaps, connections, seconds, answers. samples_needed: about how
    many more of them would decide it; None where it is decided, or where no number is known to. reason: why it is
    inconclusive or was not judged, or what else the reader must know.
    """

    expression: str
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    confidence: float | None = None
    n: int | None = None
    outcome: Literal["pass", "fail", "inconclusive", "not_judged"] = "not_judged"
    samples_needed: int | None = None
    reason: str | None = None
    limit: float | None = None
    unit: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """The run's outcome; `invalid` where the generator was the bottleneck, `none` where the scenario states no SLO.

    notes: what bears on it as a whole: a queue that grew, records that were lost, a load that was ended early.
    """

    outcome: Literal["pass", "fail", "inconclusive", "invalid", "none"]
    slos: list[SloResult]
    notes: list[str] = []


class Generator(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate, over the measured stages. cpu_ratio: mean share of a core of the busiest engine thread.

    sandboxes: what code that models wrote took beside the engines; None where none ran.
    """

    valid: bool
    reasons: list[str]
    notes: list[str]
    schedule_lag_s: Dist | None
    loop_lag_s: Dist | None
    cpu_ratio: float | None
    chunks_per_read: float | None
    dropped: int
    sandboxes: SandboxUse | None = None


class PartGenerator(msgspec.Struct, frozen=True, kw_only=True):
    """The generator's figures of one stage or workload; loop_lag_s is None for a workload, a loop serves them all."""

    schedule_lag_s: Dist | None
    loop_lag_s: Dist | None
    chunks_per_read: float | None
    dropped: int


class Censored(msgspec.Struct, frozen=True):
    """Turns cut off before their end (e2e) or before any output (ttft): their times are only known to be longer."""

    ttft: int
    e2e: int


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """scheduled = sent + dropped; sent = ok + failed + cancelled. error_rate = failed / (ok + failed).

    errors: failed turns by outcome class. retries: attempts beyond a turn's first, which count as no turn of their own.
    good: ok turns that met every per-turn limit of the SLOs that applies to them; goodput = good / (scheduled -
    cancelled). Both are None where no limit applies, and where a turn could not be held against one.
    """

    scheduled: int
    sent: int
    ok: int
    failed: int
    cancelled: int
    errors: dict[str, int]
    error_rate: float | None
    reconnects: int
    retries: int
    tool_calls: int
    censored: Censored
    good: int | None = None
    goodput: float | None = None


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Per second of the measured window (`window_s`, as far as the run got).

    sessions_per_s: new sessions whose first turn was due there and was sent, the rate that a scenario states.
    requests_per_s: ok turns that ended there. *_known: what is known where a part is unknown and the rate itself
    therefore None.
    """

    window_s: float
    sessions_per_s: float | None
    requests_per_s: float | None
    input_tokens_per_s: float | None
    input_tokens_per_s_known: float | None
    output_tokens_per_s: float | None
    output_tokens_per_s_known: float | None
    chunks_per_s: float | None
    goodput_requests_per_s: float | None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """From the intended time, over ok turns (and what cancelled turns had already seen)."""

    ttft_s: Dist | None
    ttfo_s: Dist | None
    itl_s: Dist | None
    tpot_s: Dist | None
    e2e_s: Dist | None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """From the send time; connect_s over new connections only."""

    connect_s: Dist | None
    ttft_s: Dist | None
    e2e_s: Dist | None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of the server's usage; None where a turn's part is unknown, and the known part in *_known.

    *_asked: tokens aimed at, over the ok turns that aimed at a size and whose size is known; None for no such turn.
    *_ratio: what those turns got, as a share of it.
    """

    input: int | None
    output: int | None
    cached_input: int | None
    reasoning: int | None
    input_known: int
    output_known: int
    cached_input_known: int
    reasoning_known: int
    input_asked: int | None = None
    input_ratio: float | None = None
    output_asked: int | None = None
    output_ratio: float | None = None


class HardwareCost(msgspec.Struct, frozen=True):
    """What one's own machines cost, in USD, over the measured window and for what came out of them there."""

    total: float
    per_1k_requests: float | None
    per_1m_output_tokens: float | None
    per_1m_tokens: float | None


class Cost(msgspec.Struct, frozen=True):
    """What the run cost, by its prices, else by its hardware; None where neither is known.

    total: None where it is only known to lie between total_low and total_high, as where cached tokens are unknown.
    unknown_turns: turns of unknown cost, which total_low leaves out; with any of them total_high is None.
    """

    currency: str | None = None
    total: float | None = None
    total_low: float | None = None
    total_high: float | None = None
    per_1k_requests: float | None = None
    per_1m_output_tokens: float | None = None
    unknown_turns: int | None = None
    hardware: HardwareCost | None = None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What a workload alone measures: either one figure with its interval, or a table of columns and rows.

    The fields of the other form are absent. (One model, for a union of two would need a tag that the contract
    does not have.) tasks: how many tasks it is known from, where the interval takes each for one observation; more
    answers to the same ones then make it little shorter. Absent where each answer counts.
    """

    value: float | msgspec.UnsetType | None = msgspec.UNSET
    ci_low: float | msgspec.UnsetType | None = msgspec.UNSET
    ci_high: float | msgspec.UnsetType | None = msgspec.UNSET
    n: int | msgspec.UnsetType = msgspec.UNSET
    unit: str | msgspec.UnsetType = msgspec.UNSET
    tasks: int | msgspec.UnsetType = msgspec.UNSET
    columns: list[str] | msgspec.UnsetType = msgspec.UNSET
    rows: list[list[str | float | int | None]] | msgspec.UnsetType = msgspec.UNSET


class Steadiness(msgspec.Struct, frozen=True, kw_only=True):
    """What the search for a steady state found in one measured stage; only where the scenario states SLOs.

    steady: false where the queue grew; None where too few turns ended to tell, or MSER-5 cuts all of them. cut_s,
    cut_turns: how much at the stage's beginning MSER-5 takes for transient (of its end-to-end times, by intended time).
    backlog_per_s: the slope of the turns in flight; growing: whether it is a queue that grows, which only open loop at
    a constant level can tell (else None).
    """

    steady: bool | None
    n: int
    cut_s: float | None
    cut_turns: int | None
    backlog_per_s: float | None
    growing: bool | None


class StageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks of one stage, measured or not."""

    name: str
    measured: bool
    generator: PartGenerator
    requests: Requests
    throughput: Throughput
    latency: Latency
    service: Service
    tokens: Tokens
    cost: Cost
    steady: Steadiness | None = None


class WorkloadSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks of one workload over the measured stages."""

    generator: PartGenerator
    requests: Requests
    throughput: Throughput
    latency: Latency
    service: Service
    tokens: Tokens
    cost: Cost
    quality: dict[str, Quality]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run. The top-level blocks merge the measured stages."""

    schema: Literal["loadgen.summary/1"] = SCHEMA
    run: RunInfo
    verdict: Verdict
    generator: Generator
    requests: Requests
    throughput: Throughput
    latency: Latency
    service: Service
    tokens: Tokens
    cost: Cost
    stages: list[StageSummary]
    workloads: dict[str, WorkloadSummary]
