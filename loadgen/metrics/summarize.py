"""From the aggregate to the summary: a pure function, called by the master once the last snapshot is in.

Every figure is computed here and nowhere else; the outputs only show them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypedDict

import msgspec

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.certificate import certify
from loadgen.metrics.cost import CostBasis, cost_block
from loadgen.metrics.counters import TOKEN_KINDS, Counters
from loadgen.metrics.histogram import Dist
from loadgen.metrics.snapshot import Metric
from loadgen.metrics.summary import (
    Censored,
    Cost,
    Generator,
    Latency,
    PartGenerator,
    Quality,
    Requests,
    RunInfo,
    Service,
    SloResult,
    StageSummary,
    Summary,
    Throughput,
    Tokens,
    Verdict,
    WorkloadSummary,
)

NO_COSTS = CostBasis()
NO_QUALITY: Mapping[str, dict[str, Quality]] = MappingProxyType({})


class _Blocks(TypedDict):
    requests: Requests
    throughput: Throughput
    latency: Latency
    service: Service
    tokens: Tokens
    cost: Cost


class SoFar(msgspec.Struct, frozen=True, kw_only=True):
    """The measured stages of a run that goes on: what the summary would say of them now."""

    requests: Requests
    throughput: Throughput
    latency: Latency
    generator: Generator


class _Part:
    """One selection of the aggregate: the measured stages, one stage, or one workload in the measured stages."""

    def __init__(
        self, aggregate: Aggregate, basis: CostBasis, window_s: float, stage: int | None, workload: int | None
    ) -> None:
        self._aggregate = aggregate
        self._basis = basis
        self._window_s = window_s
        self._alone = workload is None or len(aggregate.plan.workloads) == 1
        self._stage, self._workload = stage, workload
        self._limited = any(limit.applies_to(stage, workload) for limit in aggregate.plan.limits)
        self.counters = aggregate.counted(stage=stage, workload=workload)

    def dist(self, metric: Metric) -> Dist | None:
        return self._aggregate.merged(metric, stage=self._stage, workload=self._workload).dist()

    def _count(self, metric: Metric) -> int:
        return self._aggregate.merged(metric, stage=self._stage, workload=self._workload).n

    def blocks(self) -> _Blocks:
        return {
            "requests": _requests(
                self.counters, Censored(self._count("ttft_censored"), self._count("e2e_censored")), self._limited
            ),
            "throughput": _throughput(self.counters, self._window_s, self._limited),
            "latency": Latency(
                ttft_s=self.dist("ttft"),
                ttfo_s=self.dist("ttfo"),
                itl_s=self.dist("itl"),
                tpot_s=self.dist("tpot"),
                e2e_s=self.dist("e2e"),
            ),
            "service": Service(
                connect_s=self.dist("connect"), ttft_s=self.dist("service_ttft"), e2e_s=self.dist("service_e2e")
            ),
            "tokens": _tokens(self.counters),
            "cost": cost_block(self.counters, self._basis, self._window_s, alone=self._alone),
        }

    def generator(self) -> PartGenerator:
        return PartGenerator(
            schedule_lag_s=self.dist("schedule_lag"),
            loop_lag_s=self.dist("loop_lag"),
            chunks_per_read=self.counters.chunks_per_read,
            dropped=self.counters.dropped,
        )


def summarize(
    aggregate: Aggregate,
    run: RunInfo,
    *,
    slos: Sequence[str] = (),
    ended_s: float,
    invalid: Sequence[str] = (),
    costs: CostBasis = NO_COSTS,
    quality: Mapping[str, dict[str, Quality]] = NO_QUALITY,
) -> Summary:
    """The summary of a run that ended `ended_s` after its start (a measured window counts only as far as it got).

    invalid: reasons for which the generator failed beyond what it could measure of itself. Workers lost and reports
    missing are added to `run`. quality: what the workloads alone measure, by their names. The SLOs are listed,
    not judged.
    """
    plan = aggregate.plan
    reached = _reached(aggregate, ended_s)
    window_s = sum(reached[index] for index in plan.measured)
    whole = _Part(aggregate, costs, window_s, None, None)
    generator = _certified(aggregate, whole, invalid)
    return Summary(
        run=msgspec.structs.replace(
            run,
            notes=[*run.notes, *_notes(aggregate)],
            workers_lost=sorted({*run.workers_lost, *aggregate.lost_workers}),
            snapshots_missing=aggregate.missing_snapshots,
        ),
        verdict=Verdict("none" if generator.valid else "invalid", [SloResult(expression) for expression in slos]),
        generator=generator,
        stages=[
            _stage(_Part(aggregate, costs, reached[index], index, None), stage.name, stage.measure)
            for index, stage in enumerate(plan.stages)
        ],
        workloads={
            name: _workload(_Part(aggregate, costs, window_s, None, index), quality.get(name, {}))
            for index, name in enumerate(plan.workloads)
        },
        **whole.blocks(),
    )


def so_far(aggregate: Aggregate, now_s: float) -> SoFar:
    """What the measured stages have shown `now_s` seconds after the start, by the summary's own definitions."""
    reached = _reached(aggregate, now_s)
    part = _Part(aggregate, NO_COSTS, sum(reached[index] for index in aggregate.plan.measured), None, None)
    blocks = part.blocks()
    return SoFar(
        requests=blocks["requests"],
        throughput=blocks["throughput"],
        latency=blocks["latency"],
        generator=_certified(aggregate, part, ()),
    )


def _reached(aggregate: Aggregate, ended_s: float) -> list[float]:
    """How many seconds of each stage the run got through."""
    return [max(0.0, min(stage.end_s, ended_s) - stage.start_s) for stage in aggregate.plan.stages]


def _stage(part: _Part, name: str, measured: bool) -> StageSummary:
    return StageSummary(name=name, measured=measured, generator=part.generator(), **part.blocks())


def _workload(part: _Part, quality: dict[str, Quality]) -> WorkloadSummary:
    return WorkloadSummary(generator=part.generator(), quality=quality, **part.blocks())


def _notes(aggregate: Aggregate) -> list[str]:
    notes = []
    if lost := aggregate.lost_workers:
        notes.append(f"lost in mid-run, with what they had not yet reported: {', '.join(lost)}")
    if aggregate.missing_snapshots:
        notes.append(f"{aggregate.missing_snapshots} reports of workers never arrived; their turns are not counted")
    return notes


def _certified(aggregate: Aggregate, whole: _Part, invalid: Sequence[str]) -> Generator:
    evidence = aggregate.evidence()
    certificate = certify(evidence)
    return Generator(
        valid=certificate.valid and not invalid,
        reasons=[*invalid, *certificate.reasons],
        notes=certificate.notes,
        schedule_lag_s=evidence.schedule_lag.dist(),
        loop_lag_s=evidence.loop_lag.dist(),
        cpu_ratio=evidence.cpu_ratio,
        chunks_per_read=evidence.chunks_per_read,
        dropped=whole.counters.dropped,
        sandboxes=evidence.sandboxes,
    )


def _requests(counters: Counters, censored: Censored, limited: bool) -> Requests:
    judged, wanted = counters.ok + counters.failed, counters.ok + counters.failed + counters.dropped
    good = counters.good if limited and not counters.good_unknown else None
    return Requests(
        scheduled=counters.sent + counters.dropped,
        sent=counters.sent,
        ok=counters.ok,
        failed=counters.failed,
        cancelled=counters.cancelled,
        errors=dict(sorted(counters.failures.items())),
        error_rate=counters.failed / judged if judged else None,
        reconnects=counters.reconnects,
        retries=counters.retries,
        tool_calls=counters.tool_calls,
        censored=censored,
        good=good,
        goodput=None if good is None else _ratio(good, wanted),
    )


def _throughput(counters: Counters, window_s: float, limited: bool) -> Throughput:
    def rate(total: float, unknown: int = 0) -> float | None:
        return total / window_s if window_s > 0 and not unknown else None

    return Throughput(
        window_s=window_s,
        sessions_per_s=rate(counters.sessions),
        requests_per_s=rate(counters.window_ok),
        input_tokens_per_s=rate(counters.window_input, counters.window_input_unknown),
        input_tokens_per_s_known=rate(counters.window_input),
        output_tokens_per_s=rate(counters.window_output, counters.window_output_unknown),
        output_tokens_per_s_known=rate(counters.window_output),
        chunks_per_s=rate(counters.window_chunks),
        goodput_requests_per_s=rate(counters.window_good, counters.window_good_unknown) if limited else None,
    )


def _tokens(counters: Counters) -> Tokens:
    known = dict(zip(TOKEN_KINDS, counters.tokens, strict=True))
    unknown = dict(zip(TOKEN_KINDS, counters.unknown_tokens, strict=True))

    def total(kind: str) -> int | None:
        return None if unknown[kind] else known[kind]

    return Tokens(
        input=total("input"),
        output=total("output"),
        cached_input=total("cached_input"),
        reasoning=total("reasoning"),
        input_known=known["input"],
        output_known=known["output"],
        cached_input_known=known["cached_input"],
        reasoning_known=known["reasoning"],
        input_asked=counters.input_asked or None,
        input_ratio=_ratio(counters.input_got, counters.input_asked),
        output_asked=counters.output_asked or None,
        output_ratio=_ratio(counters.output_got, counters.output_asked),
    )


def _ratio(got: int, asked: int) -> float | None:
    return got / asked if asked else None
