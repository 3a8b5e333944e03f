"""What the recorder and the aggregate must know of a run before it starts: its id, stages and workloads.

Made once by the master from the scenario's schedule and sent to every worker, so that all of them cut time into the
same stages. Knows nothing of what is sent or when; offsets are seconds from the run's start.
"""

from typing import Literal, Protocol

import msgspec


class PlannedStage(msgspec.Struct, frozen=True):
    """One stretch of the load, from `start_s` up to but not including `end_s` (seconds from the run's start)."""

    name: str
    start_s: float
    end_s: float
    measure: bool = True


# The times of a turn that a limit can be on.
LimitedTime = Literal["ttft", "ttfo", "tpot", "e2e", "service_ttft", "service_e2e"]


class TurnLimit(msgspec.Struct, frozen=True):
    """The longest time (ns, inclusive) that a good turn takes; stage and workload are indexes, None for all.

    slo: the objective it is of, as the scenario states it.
    """

    slo: str
    time: LimitedTime
    most_ns: int
    stage: int | None = None
    workload: int | None = None

    def applies_to(self, stage: int | None, workload: int | None) -> bool:
        """Whether any turn of this stage and workload is held against it; None stands for any."""
        return (self.stage is None or stage in (None, self.stage)) and (
            self.workload is None or workload in (None, self.workload)
        )


class _ScheduledStage(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def duration_s(self) -> float: ...
    @property
    def measure(self) -> bool: ...


class _Schedule(Protocol):
    @property
    def stages(self) -> "tuple[_ScheduledStage, ...]": ...


class RunPlan(msgspec.Struct, frozen=True):
    """One run's id, stages (in order, each beginning where the one before ends) and workload names.

    limits: what a good turn meets; none where no objective says.

    Raises ValueError where stages leave a gap, overlap or are missing, for every instant of the run up to the drain
    must belong to exactly one stage.
    """

    run_id: str
    scenario: str
    stages: tuple[PlannedStage, ...]
    workloads: tuple[str, ...]
    limits: tuple[TurnLimit, ...] = ()

    def __post_init__(self) -> None:
        if not self.stages or not self.workloads:
            raise ValueError("a run plan needs at least one stage and one workload")
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if abs(after.start_s - before.end_s) > 1e-6:
                raise ValueError(f"stage {after.name!r} does not begin where {before.name!r} ends")

    @classmethod
    def from_schedule(
        cls,
        schedule: _Schedule,
        *,
        run_id: str,
        scenario: str,
        workloads: tuple[str, ...],
        limits: tuple[TurnLimit, ...] = (),
    ) -> "RunPlan":
        """The plan of a schedule (anything with `stages` of name, start_s, duration_s and measure)."""
        stages = tuple(
            PlannedStage(stage.name, stage.start_s, stage.start_s + stage.duration_s, stage.measure)
            for stage in schedule.stages
        )
        return cls(run_id=run_id, scenario=scenario, stages=stages, workloads=workloads, limits=limits)

    @property
    def measured(self) -> tuple[int, ...]:
        """Indexes of the stages that count."""
        return tuple(index for index, stage in enumerate(self.stages) if stage.measure)

    def stage_at(self, offset_s: float) -> int | None:
        """Index of the stage that holds this offset; None before the start and in the drain."""
        for index, stage in enumerate(self.stages):
            if stage.start_s <= offset_s < stage.end_s:
                return index
        return None
