"""What Prometheus says of the trial beside its summary.json: two ways from the same snapshots, so they have to agree.
First by queries of its own, then by those of panels that show what the summary has too.

Used by check.py, which prints it, and by the tests.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grafana.filling import answer, expression, values_for
from grafana.promserver import Prometheus
from grafana.reading import Board, boards
from grafana.trial import MEASURED, Trial

# The exporter's buckets grow by at most this factor, so a quantile read from them is off by no more; but for the first,
# which begins at 0. A rate hangs on the seconds at which scrapes fell: more so that of a stage of 8 s.
BUCKET = 1.25
_FIRST_BUCKET_S = 0.001
_SHORT_STAGE = 1.5


@dataclass(frozen=True, slots=True)
class Beside:
    """One figure from both. within: the factor by which they may differ; 1.0 where both are exact."""

    name: str
    unit: str
    prometheus: float
    summary: float
    within: float = 1.0

    @property
    def agree(self) -> bool:
        """Whether they are as near to each other as they can be."""
        if self.within == 1.0:
            return math.isclose(self.prometheus, self.summary, rel_tol=1e-9)
        if self.unit == "s" and max(self.prometheus, self.summary) <= _FIRST_BUCKET_S:
            return True
        return self.summary / self.within <= self.prometheus <= self.summary * self.within


def beside_summary(prometheus: Prometheus, trial: Trial) -> list[Beside]:
    """TTFT's median and p99, the request rate and the count of ok turns, of the measured stages."""
    measured = "|".join(MEASURED)
    chosen = f'run_id="{trial.run_id}", stage=~"{measured}"'
    span = f"[{round(trial.end_s - trial.start_s) + 1}s]"
    bucket = f"loadgen_time_to_first_token_seconds_bucket{{{chosen}}}{span}"
    done, at = (
        f"{name}{{{chosen}}}{span}"
        for name in ("stage:loadgen_requests_ok:total", "stage:loadgen_active:timestamp_seconds")
    )
    rate = (
        f"(max (max_over_time({done})) - min (min_over_time({done})))"
        f" / (max (max_over_time({at})) - min (min_over_time({at})))"
    )

    def asked(expr: str) -> float:
        (found,) = prometheus.at(expr, trial.end_s)
        return found.points[0][1]

    def quantile(q: float) -> float:
        return asked(f"histogram_quantile({q}, sum by (le) (last_over_time({bucket})))")

    summary = trial.summary
    ok = asked(f'sum (last_over_time(loadgen_requests_total{{{chosen}, outcome="ok"}}{span}))')
    ttft = summary["latency"]["ttft_s"]
    return [
        Beside("TTFT p50", "s", quantile(0.5), ttft["p50"], within=BUCKET),
        Beside("TTFT p99", "s", quantile(0.99), ttft["p99"], within=BUCKET),
        Beside("requests", "1/s", asked(rate), summary["throughput"]["requests_per_s"], within=BUCKET),
        Beside("ok turns", "", ok, summary["requests"]["ok"]),
    ]


def panels_beside(prometheus: Prometheus, trial: Trial) -> list[Beside]:
    """What panels show that the summary has as well: of every stage, and of the run as a whole."""
    by_stem = {board.path.stem: board for board in boards()}
    return [
        *_stages_beside(_Panels(by_stem["capacity"], prometheus, trial), trial.summary["stages"]),
        *_whole_beside({stem: _Panels(board, prometheus, trial) for stem, board in by_stem.items()}, trial.summary),
    ]


class _Panels:
    """A dashboard's panels at the end of the trial."""

    def __init__(self, board: Board, prometheus: Prometheus, trial: Trial) -> None:
        self._board = board
        self._prometheus = prometheus
        self._trial = trial
        self._values = values_for(board, prometheus, trial)[0]

    def value(self, title: str, ref: str = "A", **labels: str) -> float:
        """The last value of a panel's query: of the only series that has these labels."""
        (asked,) = (asked for asked in self._board.asked() if (asked.where, asked.ref) == (title, ref))
        found = answer(asked, expression(asked, self._values), self._prometheus, self._trial)
        (series,) = (series for series in found if labels.items() <= series.labels.items())
        return series.points[-1][1]


def _stages_beside(panels: _Panels, stages: list[dict[str, Any]]) -> Iterator[Beside]:
    for stage in stages:
        name = stage["name"]
        ttft, tpot = ((stage["latency"][kind] or {}) for kind in ("ttft_s", "tpot_s"))
        figures = {
            "A": ("requests", "1/s", stage["throughput"]["requests_per_s"], _SHORT_STAGE),
            "B": ("TTFT p50", "s", ttft.get("p50"), BUCKET),
            "C": ("TTFT p99", "s", ttft.get("p99"), BUCKET),
            "D": ("TPOT p50", "s", tpot.get("p50"), BUCKET),
            "E": ("TPOT p99", "s", tpot.get("p99"), BUCKET),
            "F": ("goodput", "", stage["requests"]["goodput"], 1.0),
        }
        for ref, (figure, unit, summary, within) in figures.items():
            # The summary has no p99 of fewer than 100 turns, and the rate of three seconds hangs on where they begin.
            if summary is None or (ref == "A" and name not in MEASURED):
                continue
            shown = panels.value("Stages side by side", ref, stage=name)
            yield Beside(f"{name}: {figure}", unit, shown, summary, within)


def _whole_beside(panels: dict[str, _Panels], summary: dict[str, Any]) -> Iterator[Beside]:
    """Of all stages, warm-up too, as the variables choose them."""
    stages = summary["stages"]
    sent, ok, failed = (sum(stage["requests"][kind] for stage in stages) for kind in ("sent", "ok", "failed"))
    spent = sum(stage["cost"]["total"] for stage in stages)
    output = sum(stage["tokens"]["output_known"] for stage in stages)
    capacity = panels["capacity"]
    for name, shown, expected in (
        ("error rate", panels["live-run"].value("Error rate"), failed / (ok + failed)),
        ("spent USD", panels["sustained-load"].value("Spent so far"), spent),
        ("1,000 requests USD", capacity.value("Cost of 1,000 requests"), 1000 * spent / sent),
        ("tokens per USD", capacity.value("Output tokens per unit of money"), output / spent),
    ):
        yield Beside(name, "", shown, expected)
