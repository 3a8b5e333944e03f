"""What holds of the run as a whole: recent quantiles, what is in flight and asked for, workers, limits, its beginning.

Pure functions of the aggregate and of a moment; called once a text.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from loadgen.arrivals import Schedule
from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.certificate import certify
from loadgen.metrics.histogram import Histogram
from loadgen.metrics.snapshot import Metric
from loadgen.metrics.window import Window
from loadgen.outputs.prometheus.text import Family, labels, sample
from loadgen.scenario.slos import Slo

RECENT: Final[tuple[Metric, ...]] = (
    "ttft",
    "ttfo",
    "itl",
    "tpot",
    "e2e",
    "service_ttft",
    "service_e2e",
    "schedule_lag",
)
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


class Subject(msgspec.Struct, frozen=True):
    """What stays the same for a run. start_unix_s: its start, Unix time. currency: of its prices, None for none.

    budget_usd: where the scenario has one.
    """

    run_id: str
    scenario: str
    model: str
    dialect: str
    transport: str
    version: str
    start_unix_s: float
    schedule: Schedule
    slos: tuple[Slo, ...]
    currency: str | None
    usd_per_hour: float | None
    budget_usd: float | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every series has."""
        return {"run_id": self.run_id, "scenario": self.scenario, "model": self.model}


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended: when (Unix time), the verdict's outcome, and whether its certificate is valid."""

    end_unix_s: float
    verdict: str
    valid: bool


class RunGauges:
    """One run's."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._inside = labels(subject.labels)

    def families(self, aggregate: Aggregate, window: Window, now_s: float, outcome: Outcome | None) -> list[Family]:
        """Everything, `now_s` seconds after the start. outcome: once it has ended."""
        subject = self._subject
        gauges = [worker.gauges for worker in aggregate.workers.values()]
        level = None if outcome is not None else subject.schedule.level_at(now_s)
        closed = subject.schedule.closed
        info = labels(
            {
                "dialect": subject.dialect,
                "transport": subject.transport,
                "arrivals": subject.schedule.arrivals,
                "version": subject.version,
            }
        )
        return [
            self._quantiles(window),
            self._one("requests_in_flight", "Turns taken up that have not ended.", sum(of.in_flight for of in gauges)),
            self._one("sessions_active", "Sessions under way.", sum(of.sessions_active for of in gauges)),
            self._one("target_rate", "Sessions a second that the schedule asks for.", None if closed else level),
            self._one("target_users", "Sessions at a time that the schedule asks for.", level if closed else None),
            self._one("hardware_usd_per_hour", "What the target's own hardware costs.", subject.usd_per_hour),
            self._one("budget_usd", "What the scenario lets the run spend.", subject.budget_usd),
            self._stages(aggregate, now_s, outcome),
            *self._workers(aggregate),
            self._one("generator_valid", "The certificate so far.", _valid(aggregate, outcome)),
            self._verdict(outcome),
            *self._limits(),
            self._all("run_info", "The run.", [(info, 1)]),
            self._one("run_start_timestamp_seconds", "When the load began, Unix time.", subject.start_unix_s),
            self._one(
                "run_planned_end_timestamp_seconds",
                "When the load is to end by its schedule, Unix time.",
                subject.start_unix_s + subject.schedule.total_s,
            ),
            self._one(
                "run_end_timestamp_seconds",
                "When the run ended, Unix time.",
                None if outcome is None else outcome.end_unix_s,
            ),
        ]

    def _one(self, name: str, text: str, value: float | None) -> Family:
        return Family(name, "gauge", text, [] if value is None else [sample(name, self._inside, value)])

    def _all(self, name: str, text: str, values: Iterable[tuple[str, float]]) -> Family:
        """values: by the labels beside those of the run."""
        lines = [sample(name, f"{self._inside},{more}", value) for more, value in values]
        return Family(name, "gauge", text, lines)

    def _quantiles(self, window: Window) -> Family:
        return self._all(
            "latency_quantile_seconds",
            "Exact quantiles of the turns that ended in the last 30 s.",
            [
                (f'metric="{metric}",quantile="{quantile}"', value)
                for metric in RECENT
                for quantile, value in zip(_QUANTILES, window.quantiles(metric, _QUANTILES), strict=True)
                if value is not None
            ],
        )

    def _stages(self, aggregate: Aggregate, now_s: float, outcome: Outcome | None) -> Family:
        at = None if outcome is not None else aggregate.plan.stage_at(now_s)
        return self._all(
            "stage_active",
            "1 for the stage the run is in.",
            [
                (labels({"stage": stage.name, "measured": "true" if stage.measure else "false"}), int(index == at))
                for index, stage in enumerate(aggregate.plan.stages)
            ],
        )

    def _workers(self, aggregate: Aggregate) -> list[Family]:
        counts = {"active": 0, "lost": 0, "finished": 0}
        cpu, lag = [], []
        lags = aggregate.recent_loop_lag()
        for name, worker in sorted(aggregate.workers.items()):
            counts["finished" if worker.final else "lost" if worker.lost else "active"] += 1
            if worker.final or worker.lost:
                continue
            inside = labels({"worker": name})
            if worker.cpu_now is not None:
                cpu.append((inside, worker.cpu_now))
            if (p99 := lags.get(name, Histogram()).quantile(0.99)) is not None:
                lag.append((inside, p99))
        return [
            self._all("workers", "Workers, by state.", [(labels({"state": at}), n) for at, n in counts.items()]),
            self._all("worker_event_loop_lag_seconds", "p99 of the last 30 s.", lag),
            self._all("worker_cpu_ratio", "The engine thread's share of a core, last second.", cpu),
        ]

    def _verdict(self, outcome: Outcome | None) -> Family:
        ended = [] if outcome is None else [(labels({"outcome": outcome.verdict}), 1)]
        return self._all("run_verdict", "How the run ended.", ended)

    def _limits(self) -> list[Family]:
        seconds, ratios = {}, {}
        for slo in self._subject.slos:
            inside = labels(_labels_of(slo))
            if slo.kind == "latency":
                seconds[inside] = slo.limit
            elif slo.kind == "share":
                ratios[inside] = slo.limit
        return [
            self._all("slo_limit_seconds", "Limits of SLOs on latencies.", seconds.items()),
            self._all("slo_limit_ratio", "Limits of SLOs on error_rate and goodput.", ratios.items()),
        ]


def _labels_of(slo: Slo) -> Mapping[str, str]:
    named = {
        "slo": slo.text,
        "metric": slo.metric.replace(".", "_"),
        "quantile": None if slo.quantile is None else repr(slo.quantile),
        "workload": slo.workload,
        "stage": slo.stage,
    }
    return {name: value for name, value in named.items() if value is not None}


def _valid(aggregate: Aggregate, outcome: Outcome | None) -> int | None:
    if outcome is not None:
        return int(outcome.valid)
    evidence = aggregate.evidence()
    return int(certify(evidence).valid) if evidence.turns else None
