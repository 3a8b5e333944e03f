"""Runs made by hand, turn by turn, and their verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from msgspec.structs import replace as with_fields

from loadgen.arrivals import Schedule, Stage
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import CostBasis
from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Quality, SloResult, Summary
from loadgen.metrics.turn import TurnMeasurement
from loadgen.metrics.turn_table import TurnTableBuilder
from loadgen.scenario.slos import Slo, parse_slo
from loadgen.verdict.evidence import Evidence
from loadgen.verdict.failure import Failure
from loadgen.verdict.judge import judge
from tests.unit.metrics.making import MS, ORIGIN_NS, PLAN, RUN, snap, turn

SCHEDULE = Schedule(
    "poisson",
    tuple(
        Stage(stage.name, stage.start_s, stage.end_s - stage.start_s, 5.0, 5.0, stage.measure) for stage in PLAN.stages
    ),
)
NO_QUALITIES: dict[str, dict[str, Quality]] = {}


def objectives(*texts: str, abort: bool = False) -> list[Slo]:
    return [replace(parse_slo(text), abort=abort) for text in texts]


def many(
    count: int, *, slow: int = 0, slow_ms: float = 4000, from_s: float = 10.0, to_s: float = 95.0, per_session: int = 1
) -> list[TurnMeasurement]:
    """Turns due evenly in the measured stages with a TTFT of 50 to 150 ms, but for `slow` ones, spread at random."""
    rng = Random(7)
    late = set(rng.sample(range(count), slow))
    made = []
    for index in range(count):
        ttft_ms = slow_ms if index in late else 50 + 100 * rng.random()
        at_s = from_s + (to_s - from_s) * index / count
        # Sessions' turns are far apart in time, so that session and stretch of time are not the same.
        session = f"{index % max(1, count // per_session)}"
        made.append(turn(at_s, session=session, chunks_ms=(ttft_ms, ttft_ms + 20, ttft_ms + 40)))
    return made


def run_of(
    turns: Iterable[TurnMeasurement],
    slos: Sequence[Slo],
    *,
    healthy: bool = True,
    records: bool = True,
    dropped: int = 0,
) -> tuple[Summary, Evidence]:
    """The summary and the evidence of one worker's run of these turns, over its whole schedule."""
    limits = turn_limits(slos, [stage.name for stage in PLAN.stages], PLAN.workloads)
    plan = with_fields(PLAN, limits=limits)
    recorder = Recorder(plan, "w1")
    recorder.begin(ORIGIN_NS)
    for measured in turns:
        recorder.record(measured)
    for _ in range(dropped):
        recorder.dropped("chat", 1)
    if healthy:
        for _ in range(100):
            recorder.loop_lag(MS, 1)
        recorder.cpu(0.3, 1)
    aggregate, builder, snapshot = Aggregate(plan), TurnTableBuilder(), snap(recorder)
    assert aggregate.apply(snapshot)
    if records:
        builder.add_member(snapshot.records)
    table = builder.table()
    summary = summarize(aggregate, RUN, slos=[slo.text for slo in slos], ended_s=100.0)
    return summary, Evidence(aggregate, table if len(table) else None, 100.0, CostBasis(), NO_QUALITIES)


def judged(
    turns: Iterable[TurnMeasurement],
    *texts: str,
    failure: Failure | None = None,
    schedule: Schedule = SCHEDULE,
    healthy: bool = True,
    records: bool = True,
    dropped: int = 0,
) -> Summary:
    """The judged summary of a run of these turns by these objectives."""
    slos = objectives(*texts)
    summary, evidence = run_of(turns, slos, healthy=healthy, records=records, dropped=dropped)
    return judge(summary, slos, evidence, schedule, failure)


def only(summary: Summary) -> SloResult:
    """The one objective's result."""
    (result,) = summary.verdict.slos
    return result
