"""Which turns were good, by the limits that a run's own scenario states; and which would be, had all been slower."""

import math
from dataclasses import dataclass

import msgspec
from pydantic import TypeAdapter, ValidationError

from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.plan import PlannedStage, RunPlan
from loadgen.metrics.summary import Summary
from loadgen.metrics.turn_table import Mask, TurnTable
from loadgen.scenario.stated import SloSpec
from loadgen.verdict.evidence import good_turns

# What is made of good turns.
OF_GOOD = ("goodput", "throughput.good_requests")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on a turn's own times: a run's stages and workloads with them, as far as judging takes a plan."""

    plan: RunPlan
    key: frozenset[tuple[str, int, str | None, str | None]]

    @classmethod
    def of(cls, summary: Summary, stated: object) -> "Limits | None":
        """From `slos` as the scenario states them; None where they can't be read, or there are none."""
        try:
            statements = TypeAdapter(tuple[SloSpec, ...]).validate_python(stated or ())
        except ValidationError:
            return None
        slos = tuple(slo for one in statements for slo in one.objectives if slo.is_turn_limit)
        stages, workloads = [stage.name for stage in summary.stages], list(summary.workloads)
        try:
            limits = turn_limits(slos, stages, workloads)
        except ValueError:
            return None
        if not limits:
            return None
        planned = tuple(PlannedStage(name, float(at), float(at + 1)) for at, name in enumerate(stages))
        plan = RunPlan(summary.run.id, summary.run.scenario, planned, tuple(workloads), limits)
        return cls(plan, frozenset((slo.metric, slo.turn_limit_ns, slo.stage, slo.workload) for slo in slos))

    def good(self, turns: TurnTable, slower: float = 1.0) -> Mask:
        """Which turns were ok and met every limit, had each of their times been longer by this factor."""
        limits = tuple(
            msgspec.structs.replace(limit, most_ns=math.floor(limit.most_ns / slower)) for limit in self.plan.limits
        )
        return good_turns(turns, msgspec.structs.replace(self.plan, limits=limits))
