"""Expositions of small runs."""

from typing import Any

import msgspec

from loadgen.arrivals import Schedule, Stage
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import Meter
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.turn import TurnMeasurement
from loadgen.outputs.prometheus.exposition import Exposition
from loadgen.outputs.prometheus.run_gauges import Outcome, Subject
from tests.support.series import Series, scraped
from tests.unit.metrics.making import MS, ORIGIN_NS, PLAN, new_recorder, snap

OUTCOME = Outcome(end_unix_s=1_795_000_100.25, verdict="pass", valid=True)
SUBJECT = Subject(
    run_id="run-1",
    scenario="quick start",
    model="m",
    dialect="openai",
    transport="http11",
    version="0.1.0",
    start_unix_s=1_795_000_000.25,
    schedule=Schedule(
        "poisson",
        tuple(Stage(stage.name, stage.start_s, stage.end_s - stage.start_s, 2.0, 2.0, True) for stage in PLAN.stages),
    ),
    slos=(),
    currency=None,
    usd_per_hour=None,
)


def exposed(
    *turns: TurnMeasurement, plan: RunPlan = PLAN, meter: Meter | None = None, **subject: Any
) -> tuple[Exposition, Aggregate]:
    """One worker's turns, as exposed."""
    aggregate = Aggregate(plan)
    exposition = Exposition(msgspec.structs.replace(SUBJECT, **subject), aggregate)
    recorder = new_recorder(plan=plan)
    recorder.begin(ORIGIN_NS, meter)
    for measured in turns:
        recorder.record(measured)
    for _ in range(100):
        recorder.loop_lag(MS, 1)
    recorder.cpu(0.3, 1)
    report = snap(recorder, 30.0)
    assert aggregate.apply(report)
    exposition.add(report)
    return exposition, aggregate


def shown(*turns: TurnMeasurement, now_s: float = 30.0, **changes: Any) -> Series:
    """What a scrape sees of these turns."""
    return scraped(exposed(*turns, **changes)[0].text(now_s))
