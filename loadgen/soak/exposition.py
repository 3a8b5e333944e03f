"""What Prometheus scrapes of a soak: the series of a run, each probe a workload, and the latest measures as gauges.

The requests' series have the names, labels and buckets of a run's (docs/prometheus.md), so that its dashboards show a
soak as well. Rendered once a second at most, never at a scrape.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from loadgen.history.model import Outcome, Probe, Soak
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import Meter
from loadgen.metrics.plan import PlannedStage, RunPlan
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import Gauges, decode
from loadgen.metrics.turn import TurnMeasurement
from loadgen.outputs.prometheus.cells import Cells
from loadgen.outputs.prometheus.text import Family, labels, sample, to_scrape
from loadgen.prices import ModelPrices

_STAGE = "soak"
_WORKER = "soak"
# Beyond any soak.
_END_S = 1e9


class SoakExposition:
    """One soak's, in one process: counts begin at 0 when it does, as Prometheus expects of a process."""

    def __init__(self, soak: Soak, names: Sequence[str], prices: ModelPrices | None) -> None:
        """names: of the probes of a window. prices: as the scenario has them."""
        self._soak = soak
        self._labels = {"run_id": soak.id, "scenario": soak.scenario, "model": soak.model}
        # Under a time scale the hour of a price is not the clock's, and the counters know no other.
        priced = prices if soak.time_scale == 1 else None
        plan = RunPlan(soak.id, soak.scenario, (PlannedStage(_STAGE, 0.0, _END_S),), tuple(names))
        self._recorder = Recorder(plan, _WORKER, lambda _session: False)
        self._aggregate = Aggregate(plan)
        self._cells = Cells(plan, self._labels, None if priced is None else priced.currency)
        self._recorder.begin(time.monotonic_ns(), None if priced is None else Meter(priced, time.time()))
        self._probes: Counter[tuple[str, str]] = Counter()
        for name in names:
            for outcome in get_args(Outcome):
                self._probes[name, outcome] = 0
        self._latest: dict[str, tuple[str, Probe]] = {}

    def observe(self, measured: TurnMeasurement) -> None:
        """Count a request."""
        self._recorder.record(measured)

    def add(self, probe: Probe) -> None:
        """Count a probe, and show what it measured until the next one does."""
        self._probes[probe.name, probe.outcome] += 1
        for name in probe.measures:
            if name not in self._latest or self._latest[name][1].window <= probe.window:
                self._latest[name] = probe.name, probe

    def text(self, next_due_s: float | None) -> bytes:
        """What a scrape returns. next_due_s: when the next probe is due, in the soak's time."""
        walk = self._recorder.snapshot(time.monotonic_ns(), Gauges())
        while True:
            try:
                next(walk)
            except StopIteration as done:
                self._aggregate.apply(decode(done.value))
                break
        return to_scrape([*self._cells.families(self._aggregate), *self._families(next_due_s)])

    def _families(self, next_due_s: float | None) -> list[Family]:
        soak, inside = self._soak, labels(self._labels)
        info = labels({"dialect": soak.dialect, "version": soak.version})
        probes = [
            sample("soak_probes_total", f"{inside},{labels({'probe': name, 'outcome': outcome})}", count)
            for (name, outcome), count in self._probes.items()
        ]
        due = [] if next_due_s is None else [sample("soak_next_due_timestamp_seconds", inside, next_due_s)]
        return [
            Family("soak_info", "gauge", "The soak.", [sample("soak_info", f"{inside},{info}", 1)]),
            Family("soak_probes", "counter", "Probes that have ended, by outcome.", probes),
            Family("soak_next_due_timestamp_seconds", "gauge", "When the next probe is due.", due),
            *(self._measures(bound) for bound in ("value", "low", "high")),
        ]

    def _measures(self, bound: str) -> Family:
        """A gauge for each measure whose value, or bound, is known by its last probe."""
        name = "soak_measure" if bound == "value" else f"soak_measure_{bound}"
        lines = []
        for measure, (probe_name, probe) in sorted(self._latest.items()):
            found = probe.measures[measure]
            value: float | None = getattr(found, bound)
            if value is not None:
                told = labels({"probe": probe_name, "measure": measure, "unit": found.unit})
                lines.append(sample(name, f"{labels(self._labels)},{told}", value))
        text = {"value": "The latest of each measure.", "low": "Its lower bound.", "high": "Its upper bound."}[bound]
        return Family(name, "gauge", text, lines)
