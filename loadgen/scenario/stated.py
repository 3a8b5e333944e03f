"""`slos:` of a scenario: what each entry may be, and how it is held against the rest of the file.

slos:
  - ttft p99 < 2s
  - {slo: error_rate < 1%, abort: true}    # ends the run as soon as it is known to have failed
  - mlperf-llama2-70b                      # the limits of a preset, each an objective of its own
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_validator

from loadgen.scenario.quantities import parse_flag, shown
from loadgen.scenario.sizes import Part
from loadgen.scenario.slos import MLPERF_PREFIX, STREAMED, Slo, mlperf_slos, parse_slo

_ACCEPTED = 'text such as "ttft p99 < 2s", {slo: "ttft p99 < 2s", abort: true}, or mlperf-NAME'


def _readable(text: str) -> str:
    parse_slo(text)
    return text


def _known(name: str) -> str:
    mlperf_slos(name)
    return name


class Statement(Part):
    """One entry of `slos`: an expression or the name of MLPerf's limits (`slos.MLPERF`)."""

    slo: Annotated[str, AfterValidator(_readable)] | None = None
    mlperf: Annotated[str, AfterValidator(_known)] | None = None
    abort: Annotated[bool, BeforeValidator(parse_flag)] = False

    @model_validator(mode="after")
    def _one(self) -> "Statement":
        if (self.slo is None) == (self.mlperf is None):
            raise ValueError(f"states {'nothing' if self.slo is None else 'two things'}; accepted: {_ACCEPTED}")
        return self

    @property
    def objectives(self) -> tuple[Slo, ...]:
        """What is stated: one objective, or those of the preset."""
        texts = (self.slo,) if self.slo is not None else mlperf_slos(self.mlperf or "")
        return tuple(replace(parse_slo(text), abort=self.abort) for text in texts)


def _as_statement(value: Any) -> Any:
    if isinstance(value, str):
        if value.startswith(MLPERF_PREFIX):
            return {"mlperf": value.removeprefix(MLPERF_PREFIX)}
        return {"slo": value}
    if not isinstance(value, Mapping | Part):
        raise ValueError(f"{shown(value)} is no objective; accepted: {_ACCEPTED}")
    return value


SloSpec = Annotated[Statement, BeforeValidator(_as_statement)]


def slo_problems(
    statements: Sequence[Statement],
    *,
    stages: Sequence[str],
    workloads: Sequence[str],
    streamed: bool,
    priced: bool,
    recorded: bool,
) -> Iterator[tuple[int, str]]:
    """What in these entries does not go with the rest of the scenario: the entry's index, and what is wrong.

    stages: the measured ones. streamed: whether replies are. priced: whether anything says what the run costs.
    recorded: whether any turn gets a record line.
    """
    limits = [slo for statement in statements for slo in statement.objectives if slo.is_turn_limit]
    for index, statement in enumerate(statements):
        for slo in statement.objectives:
            yield from ((index, what) for what in _unknown_names(slo, stages, workloads))
            if slo.metric in STREAMED and not streamed:
                yield index, f"{slo.metric} is null without streaming; accepted: request.stream true, or a limit on e2e"
            if slo.metric in ("goodput", "throughput.goodput") and not any(_meet(slo, limit) for limit in limits):
                what = "no objective says what a good turn is; accepted: a limit on ttft, ttfo, tpot or e2e beside it"
                yield index, f"{slo.metric}: {what}"
            if slo.kind == "cost" and not priced:
                yield index, f"{slo.metric}: nothing says what the run costs; accepted: prices or hardware beside it"
            if slo.abort:
                yield from ((index, f"abort: {what}") for what in _not_ending(slo, recorded))


def _meet(one: Slo, other: Slo) -> bool:
    """Whether a turn may be of what both are restricted to."""
    stages, workloads = {one.stage, other.stage} - {None}, {one.workload, other.workload} - {None}
    return len(stages) < 2 and len(workloads) < 2


def _not_ending(slo: Slo, recorded: bool) -> Iterable[str]:
    if not slo.may_end_run:
        yield f"{slo.metric} can't end a run; accepted: error_rate, goodput, and latencies but itl"
    if not recorded:
        yield "what ends a run is read from the record log; accepted: records: {sample: 0.1}"


def _unknown_names(slo: Slo, stages: Sequence[str], workloads: Sequence[str]) -> Iterable[str]:
    workload = slo.quality[0] if slo.kind == "quality" else slo.workload
    if slo.stage is not None and slo.stage not in stages:
        yield f"no measured stage is named {slo.stage!r}; accepted: {', '.join(stages)}"
    if workload is not None and workload not in workloads:
        yield f"no workload is named {workload!r}; accepted: {', '.join(workloads)}"
