"""What a comparison found, schema `loadgen.comparison/1`: `--format json` is this, the other formats show it.

Plain data. Shares and ratios as plain numbers (0.05 is 5 %); None is not known and never 0.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "loadgen.comparison/1"

MetricOutcome = Literal["regression", "improvement", "no_change", "not_worse", "cannot_tell", "not_judged"]
Outcome = Literal["regression", "no_regression", "cannot_tell"]
Unit = Literal["run", "run_pair", "session", "session_pair"]
# Latencies, rates and costs change by a ratio; shares (errors, goodput, quality) by a difference.
Scale = Literal["ratio", "difference"]


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that took part. path: its folder, as it was named. valid: what its certificate says of its generator."""

    path: str
    id: str
    started_at: str
    version: str
    target: str
    model: str
    seed: int
    workers: int
    valid: bool


class MetricResult(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both sides and what became of it.

    name: `ttft.p99`, `throughput.requests`, `error_rate`, ... workload: None for the whole run. unit: `s`, `1/s`,
    `share`, a currency, or a quality's own. baseline, candidate: over the side's runs, the geometric mean of what
    changes by a ratio, else the mean. change: (candidate / baseline) - 1, or candidate - baseline, by `scale`. ci_low,
    ci_high: of this figure alone. adjusted_low, adjusted_high: of all figures of its family together. runs_needed: how
    many runs a side it would take to tell at the spread seen, None where over 100, or not known, or where it is told.
    """

    name: str
    workload: str | None
    scale: Scale
    better: Literal["lower", "higher"] | None
    unit: str
    baseline: float | None
    candidate: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    adjusted_low: float | None
    adjusted_high: float | None
    outcome: MetricOutcome
    reason: str | None
    runs_needed: int | None


class Difference(msgspec.Struct, frozen=True):
    """Something that should be the same in all runs and is not: why they were refused, unless forced."""

    what: str
    baseline: str
    candidate: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides and every figure.

    unit: what was taken for independent. confidence: of the intervals, two-sided. min_effect: the least relative change
    that counts; min_points: the least difference of shares. rule_out: what no figure is worse by where there is no
    regression (shares: min_points). run_noise: the run-to-run standard deviation that had to be
    assumed (one run a side), None where it was measured. runs_needed: the most that any undecided figure needs.
    """

    schema: Literal["loadgen.comparison/1"] = SCHEMA
    outcome: Outcome
    exit_code: int
    unit: Unit
    confidence: float
    min_effect: float
    min_points: float
    rule_out: float
    run_noise: float | None
    runs_needed: int | None
    baseline: list[ComparedRun]
    candidate: list[ComparedRun]
    differences: list[Difference]
    notes: list[str]
    metrics: list[MetricResult]
