"""The typed models of sweep.json, schema `loadgen.sweep/1`: the tables and reports of a sweep read it from here.

Plain data, no behaviour. Seconds and tokens as plain numbers; None was not measured and is never 0.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "loadgen.sweep/1"

# rate: new sessions a second (open loop); users: concurrent sessions (closed loop).
Unit = Literal["rate", "users"]
Outcome = Literal["pass", "fail", "inconclusive", "invalid", "none"]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured, and how: a sweep is continued only where all of it is as it was.

    scenario_sha256: of the scenario as resolved (`scenario.yaml` beside sweep.json), without secrets. duration_s: of
    what each step measures. target: without the URL's user part; None for the embedded simulator, which alone has a
    profile. seed: of the first step; each further step has the next, for a text that is sent again is found in the
    target's prefix cache. slos: what the verdicts judge.
    """

    scenario: str
    scenario_sha256: str
    target: str | None
    model: str
    profile: str | None
    unit: Unit
    duration_s: float
    workers: int
    seed: int
    slos: list[str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which levels are measured; may change when a sweep is continued.

    levels: the ones asked for (`--rates`, `--users`), or None where the maximum is searched (`--find-max`): from
    `start` on, never above `highest` nor below `lowest`, until it is known to the share `precision`. max_step_s: how
    long a step may be made where its verdict is inconclusive.
    """

    levels: list[float] | None
    start: float
    lowest: float
    highest: float | None
    precision: float
    max_step_s: float
    cooldown_s: float


class Quantiles(msgspec.Struct, frozen=True):
    """Of a step's latency distribution, in seconds; a quantile is None where the step had too few turns for it."""

    mean: float | None
    p50: float | None
    p90: float | None
    p99: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a step measured, over its measured window.

    sent_per_s: turns sent; requests_per_s: turns that ended ok; total_tokens_per_s: input and output together.
    output_tokens_per_s_per_user: the reading speed of one stream, 1 / (TPOT p50). cost_per_1m_output_tokens: in
    `currency`, by the scenario's prices, else by its hardware; hardware_per_1m_*: in USD, by its hardware alone;
    output_tokens_per_usd: what a dollar buys, by whichever of the two is known in USD. growing: whether the queue grew
    to the step's end. cached_input_share: of the input tokens, as the server tells.
    """

    window_s: float
    sent: int
    ok: int
    failed: int
    cancelled: int
    dropped: int
    error_rate: float | None
    goodput: float | None
    goodput_requests_per_s: float | None
    sent_per_s: float | None
    requests_per_s: float | None
    input_tokens_per_s: float | None
    output_tokens_per_s: float | None
    total_tokens_per_s: float | None
    output_tokens_per_s_per_user: float | None
    ttft_s: Quantiles | None
    tpot_s: Quantiles | None
    itl_s: Quantiles | None
    e2e_s: Quantiles | None
    cached_input_share: float | None
    currency: str | None
    cost_per_1m_output_tokens: float | None
    hardware_per_1m_output_tokens: float | None
    hardware_per_1m_tokens: float | None
    output_tokens_per_usd: float | None
    growing: bool | None


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """One SLO's outcome in one step, as its summary has it."""

    expression: str
    outcome: Literal["pass", "fail", "inconclusive", "not_judged"]
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    limit: float | None
    unit: str | None
    n: int | None
    samples_needed: int | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One whole step. level: sessions a second, or users, by the sweep's unit. folder: its run folder, by name.

    outcome: the run's verdict, but where the queue grew `inconclusive` instead of pass, and `fail` where it grew in an
    earlier step at this level too. reason: in words.
    longer: by which factor its duration should grow for a verdict, as far as `samples_needed` tells.
    """

    number: int
    level: float
    duration_s: float
    folder: str
    run_id: str
    seed: int
    started_at: str
    exit_code: int
    outcome: Outcome
    reason: str
    longer: float | None
    slos: list[Objective]
    figures: Figures


class Knee(msgspec.Struct, frozen=True, kw_only=True):
    """The level with the most throughput for its latency (docs/capacity-planning.md).

    low, high: the measured neighbours that it lies between; None at an end of the curve. text: that in words.
    """

    level: float | None
    low: float | None
    high: float | None
    text: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the steps come to. complete: whether the sweep went to its end.

    kind: found (the maximum is known to the stated precision), at_least (the highest level allowed passes),
    none_passes (not even the lowest), undecided (no verdict between highest_passed and lowest_failed), generator (the
    generator was the bottleneck before the target was), curve (levels measured as asked, nothing searched).
    highest_passed: with every measured level below it passed too. lowest_failed: the lowest that did. undecided:
    levels whose verdict stayed inconclusive. generator_limit: the lowest level at which the generator was the
    bottleneck. precision: lowest_failed / highest_passed - 1, where both are known.
    """

    complete: bool
    kind: Literal["found", "at_least", "none_passes", "undecided", "generator", "curve"]
    exit_code: int
    highest_passed: float | None
    lowest_failed: float | None
    undecided: list[float]
    generator_limit: float | None
    precision: float | None
    text: str
    knee: Knee | None


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A whole sweep. steps: in the order they ran; a level may stand there more than once. result: None before any.

    attempts: runs that were begun, those among them that were cut off and are no step.
    """

    schema: Literal["loadgen.sweep/1"] = SCHEMA
    started_at: str
    version: str
    subject: Subject
    plan: Plan
    attempts: int = 0
    steps: list[Step] = []
    notes: list[str] = []
    result: Result | None = None
