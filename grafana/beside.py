"""What Prometheus says of the trial beside its summary.json: two ways from the same snapshots, so they have to agree.

Used by check.py, which prints it, and by the tests.
"""

from dataclasses import dataclass

from grafana.promserver import Prometheus
from grafana.trial import MEASURED, Trial

# The exporter's buckets grow by at most this factor, so a quantile read from them is off by no more.
BUCKET = 1.25


@dataclass(frozen=True, slots=True)
class Beside:
    """One figure from both; bucketed: Prometheus knows it to within a bucket."""

    name: str
    unit: str
    prometheus: float
    summary: float
    bucketed: bool

    @property
    def agree(self) -> bool:
        """Whether they are as near to each other as they can be. A rate hangs on seconds at which scrapes fell."""
        if not self.bucketed:
            return self.prometheus == self.summary
        return self.summary / BUCKET <= self.prometheus <= self.summary * BUCKET


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
        Beside("TTFT p50", "s", quantile(0.5), ttft["p50"], bucketed=True),
        Beside("TTFT p99", "s", quantile(0.99), ttft["p99"], bucketed=True),
        Beside("requests", "1/s", asked(rate), summary["throughput"]["requests_per_s"], bucketed=True),
        Beside("ok turns", "", ok, summary["requests"]["ok"], bucketed=False),
    ]
