"""What an objective is judged on: the counts and histograms of its stages and workloads, and their turns by session."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import CostBasis, cost_block
from loadgen.metrics.counters import Counters
from loadgen.metrics.histogram import Histogram, PendingHistogram
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.snapshot import Metric
from loadgen.metrics.summary import Cost, Quality
from loadgen.metrics.turn_table import Floats, Mask, TurnTable
from loadgen.scenario.slos import Slo

Window = tuple[float, float]
# What a cancelled turn keeps: the times up to its last chunk.
_KEPT_BY_CANCELLED = ("ttft", "ttfo", "itl", "service.ttft", "connect")


@dataclass(frozen=True)
class Evidence:
    """One run's. table: its record log, None where there is none; it may be a sample of the sessions.

    ended_s: how far the load got, in seconds from the start. qualities: by workload and metric.
    """

    aggregate: Aggregate
    table: TurnTable | None
    ended_s: float
    basis: CostBasis
    qualities: Mapping[str, Mapping[str, Quality]]
    # The last choice: objectives mostly are about the same turns, and to copy 100,000 takes a tenth of a second.
    _chosen: dict[tuple[str | None, str | None], TurnTable] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def plan(self) -> RunPlan:
        """The run's stages, workloads and limits."""
        return self.aggregate.plan

    def histogram(self, metric: Metric, slo: Slo) -> Histogram:
        """A metric's values in the objective's stages and workloads."""
        return self.aggregate.merged(metric, stage=self._stage(slo), workload=self._workload(slo))

    def counters(self, slo: Slo) -> Counters:
        """The counts of the objective's stages and workloads."""
        return self.aggregate.counted(stage=self._stage(slo), workload=self._workload(slo))

    def turns(self, slo: Slo) -> TurnTable | None:
        """The turns due in the objective's stages, of its workloads, whatever their outcome."""
        if self.table is None:
            return None
        key = (slo.stage, slo.workload)
        if key not in self._chosen:
            self._chosen.clear()
            self._chosen[key] = self.table.only(_selected(self.table, slo, self.plan))
        return self._chosen[key]

    def windows(self, slo: Slo) -> list[Window]:
        """The stretches of time that the objective is about, as far as the run got; stages that touch as one."""
        found: list[Window] = []
        for index in self.plan.measured if slo.stage is None else (self._stage(slo),):
            stage = self.plan.stages[index or 0]
            start_s, end_s = stage.start_s, min(stage.end_s, self.ended_s)
            if end_s <= start_s:
                continue
            if found and abs(found[-1][1] - start_s) < 1e-6:
                start_s = found.pop()[0]
            found.append((start_s, end_s))
        return found

    def window_s(self, slo: Slo) -> float:
        """How long these stretches are together."""
        return sum(end_s - start_s for start_s, end_s in self.windows(slo))

    def cost(self, slo: Slo) -> Cost:
        """What the objective's stages and workloads cost."""
        alone = slo.workload is None or len(self.plan.workloads) == 1
        return cost_block(self.counters(slo), self.basis, self.window_s(slo), alone=alone)

    def _stage(self, slo: Slo) -> int | None:
        return None if slo.stage is None else [stage.name for stage in self.plan.stages].index(slo.stage)

    def _workload(self, slo: Slo) -> int | None:
        return None if slo.workload is None else self.plan.workloads.index(slo.workload)


@dataclass(frozen=True)
class Cohort(Evidence):
    """The same of a part of the turns: counts and histograms are made from the table, which must not be None."""

    def histogram(self, metric: Metric, slo: Slo) -> Histogram:
        """Of the objective's own metric; of any other, such as the censored ones, nothing."""
        made, turns = Histogram(), self.turns(slo)
        if turns is None or metric != slo.metric.replace(".", "_"):
            return made
        values = times_of(turns, slo)[held_by(turns, slo)]
        pending = PendingHistogram()
        pending.values.frombytes(np.round(values * 1e9).astype(np.int64).tobytes())
        if (sparse := pending.drain()) is not None:
            made.merge(sparse)
        return made

    def counters(self, slo: Slo) -> Counters:
        """Outcomes and good turns only; without arrivals that were dropped, which have no record."""
        counted, turns = Counters(-1, -1), self.turns(slo)
        if turns is not None:
            counted.ok = int(turns.of_outcome("ok").sum())
            counted.cancelled = int(turns.of_outcome("cancelled").sum())
            counted.failed = len(turns) - counted.ok - counted.cancelled
            counted.good = int(good_turns(turns, self.plan).sum())
            # Records don't say which turns these are; as long as there is one, nothing is known of the goodput.
            counted.good_unknown = super().counters(slo).good_unknown
        return counted


def _selected(table: TurnTable, slo: Slo, plan: RunPlan) -> Mask:
    stages = [stage.name for stage in plan.stages if stage.measure] if slo.stage is None else [slo.stage]
    rows = table.of_stage(stages)
    return rows if slo.workload is None else rows & table.of_workload([slo.workload])


def times_of(turns: TurnTable, slo: Slo) -> Floats:
    """Each turn's own time of a latency objective (not of `itl`, of which it has many), NaN where it has none."""
    if slo.metric == "schedule_lag":
        return np.maximum(0.0, turns.numbers["taken_s"] - turns.numbers["intended_s"])
    return turns.numbers[f"{slo.metric.replace('.', '_')}_s"]


def held_by(turns: TurnTable, slo: Slo) -> Mask:
    """Which turns' times the distribution of a latency objective holds."""
    if slo.metric == "schedule_lag":
        return np.ones(len(turns), dtype=np.bool_)
    outcomes = ("ok", "cancelled") if slo.metric in _KEPT_BY_CANCELLED else ("ok",)
    rows = turns.of_outcome(*outcomes)
    return rows if slo.metric == "itl" else rows & ~np.isnan(times_of(turns, slo))


def good_turns(turns: TurnTable, plan: RunPlan) -> Mask:
    """Which turns were ok and met every limit that applies to them; what the records can't tell counts as missed."""
    good = turns.of_outcome("ok")
    for limit in plan.limits:
        applies = np.ones(len(turns), dtype=np.bool_)
        if limit.stage is not None:
            applies &= turns.of_stage([plan.stages[limit.stage].name])
        if limit.workload is not None:
            applies &= turns.of_workload([plan.workloads[limit.workload]])
        times = turns.numbers[f"{limit.time}_s"]
        missing = np.isnan(times)
        # A reply of at most one token has no time per token, and meets any limit on it.
        missed = ~missing if limit.time == "tpot" else np.ones(len(turns), dtype=np.bool_)
        good &= ~(applies & missed & ~(np.round(np.where(missing, np.inf, times) * 1e9) <= limit.most_ns))
    return good
