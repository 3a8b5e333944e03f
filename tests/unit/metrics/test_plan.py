"""A run's stages fill its time without gap or overlap."""

from dataclasses import dataclass

import pytest

from loadgen.metrics.plan import PlannedStage, RunPlan
from tests.unit.metrics.making import PLAN


@dataclass(frozen=True)
class Stage:
    name: str
    start_s: float
    duration_s: float
    measure: bool


@dataclass(frozen=True)
class Schedule:
    stages: tuple[Stage, ...]


def test_a_plan_of_a_schedule_has_its_stages() -> None:
    schedule = Schedule((Stage("warmup", 0, 10, False), Stage("steady", 10, 60, True)))
    plan = RunPlan.from_schedule(schedule, run_id="r", scenario="s", workloads=("chat",))
    assert plan.stages == (PlannedStage("warmup", 0, 10, False), PlannedStage("steady", 10, 70, True))
    assert plan.measured == (1,)


@pytest.mark.parametrize(
    ("offset_s", "stage"), [(-1, None), (0, 0), (9.999, 0), (10, 1), (69.9, 1), (99.9, 2), (100, None)]
)
def test_an_instant_belongs_to_the_stage_that_begins_there(offset_s: float, stage: int | None) -> None:
    assert PLAN.stage_at(offset_s) == stage


@pytest.mark.parametrize("start_s", [9.0, 11.0])
def test_gaps_and_overlaps_are_refused(start_s: float) -> None:
    with pytest.raises(ValueError, match="does not begin where"):
        RunPlan("r", "s", (PlannedStage("a", 0, 10), PlannedStage("b", start_s, 20)), ("chat",))


def test_a_plan_needs_a_stage_and_a_workload() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RunPlan("r", "s", (), ("chat",))
    with pytest.raises(ValueError, match="at least one"):
        RunPlan("r", "s", (PlannedStage("a", 0, 10),), ())
