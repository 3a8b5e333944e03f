"""What Prometheus costs the master: how long it takes to take in a report and to render the text, at full size.

Ten workloads in five stages, of which four have ended, one worker's reports of 50 turns a workload. In CPU time of this
process, for it is the hub that is kept from other work meanwhile.
"""

import time
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np

from benchmarks.numbers import Number
from loadgen.arrivals import Schedule, Stage
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.counters import Counters
from loadgen.metrics.histogram import PendingHistogram, SparseHistogram
from loadgen.metrics.plan import PlannedStage, RunPlan
from loadgen.metrics.snapshot import CpuSample, Gauges, KeyedHistogram, Snapshot, TurnMetric
from loadgen.outputs.prometheus.exposition import Exposition
from loadgen.outputs.prometheus.run_gauges import Subject

_STAGES, _WORKLOADS = 5, 10
_STAGE_S = 40.0
_TURNS, _GAPS = 50, 1000
_TIMED = 20
_MS = 1e3


def exposition(repeat: int, work: Path) -> list[Number]:  # noqa: ARG001 - one face for all cases
    """Rendering and feeding the exposition."""
    taken, rendered, size = zip(*(_once(seed) for seed in range(repeat)), strict=True)
    at = f"{_WORKLOADS} workloads, {_STAGES} stages, {size[0] / 1e6:.1f} MB"
    return [
        Number("exposition", "rendering what a scrape returns, CPU", "ms", list(rendered), 50.0, at),
        Number("exposition", "taking in a report, CPU", "ms", list(taken), 5.0, f"{_WORKLOADS} workloads"),
    ]


def _once(seed: int) -> tuple[float, float, int]:
    """Median ms to take in a report, median ms to render, bytes rendered."""
    noise = np.random.default_rng(seed)
    stages = [(f"stage-{number}", number * _STAGE_S) for number in range(_STAGES)]
    plan = RunPlan(
        "20261123T000000Z-00000000",
        "exposition",
        tuple(PlannedStage(name, start, start + _STAGE_S) for name, start in stages),
        tuple(f"workload-{number}" for number in range(_WORKLOADS)),
    )
    schedule = Schedule("poisson", tuple(Stage(name, start, _STAGE_S, 5.0, 5.0, True) for name, start in stages))
    subject = Subject(
        plan.run_id, plan.scenario, "a/model-of-usual-name", "vllm", "http11", "0", 0.0, schedule, (), "USD", None
    )
    aggregate = Aggregate(plan)
    exposed = Exposition(subject, aggregate)
    taken, rendered, size = [], [], 0
    for second in range(1, int(_STAGES * _STAGE_S)):
        report = _report(noise, plan, second)
        aggregate.apply(report)
        begun = time.process_time()
        exposed.add(report)
        fed = time.process_time()
        size = len(exposed.text(second))
        taken.append((fed - begun) * _MS)
        rendered.append((time.process_time() - fed) * _MS)
    return median(taken[-_TIMED:]), median(rendered[-_TIMED:]), size


def _report(noise: np.random.Generator, plan: RunPlan, second: int) -> Snapshot:
    stage = plan.stage_at(float(second))
    assert stage is not None
    histograms = [
        KeyedHistogram(metric, stage, workload, _values(noise, metric))
        for metric in get_args(TurnMetric)
        for workload in range(_WORKLOADS)
    ]
    counters = [
        Counters(stage, workload, ok=_TURNS, tokens=[5000, 1000, 0, 0], cost_low=0.1, cost_high=0.1)
        for workload in range(_WORKLOADS)
    ]
    return Snapshot(
        plan.run_id, "w1", second, second, False, Gauges(9, 9), counters, histograms, [CpuSample(0.2, stage)], b""
    )


def _values(noise: np.random.Generator, metric: TurnMetric) -> SparseHistogram:
    count, middle_s = (_GAPS, 0.02) if metric == "itl" else (_TURNS, 0.5)
    pending = PendingHistogram()
    pending.values.frombytes((noise.lognormal(0, 1, count) * middle_s * 1e9).astype(np.int64).tobytes())
    drained = pending.drain()
    assert drained is not None
    return drained
