"""Every dashboard on a real run and a real Prometheus, and Prometheus' figures beside summary.json's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from grafana.check import check
from grafana.promserver import Prometheus, installed
from grafana.reading import Board, boards
from grafana.trial import Trial, tried

pytestmark = pytest.mark.skipif(
    not installed(), reason="Prometheus is not installed (Debian: apt-get install prometheus)"
)

# Buckets grow by at most this.
_BUCKET = 1.25
_MEASURED = "low|high"
_Watched = tuple[Prometheus, Trial]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Watched]:
    """One run and the Prometheus that has seen it, for all of these."""
    with tried(Path(tmp_path_factory.mktemp("trial"))) as found:
        yield found


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.path.stem)
def test_a_dashboard_shows_something_everywhere(watched: _Watched, board: Board) -> None:
    prometheus, trial = watched

    assert check(board, prometheus, trial, prometheus.names())[1] == []


@pytest.mark.parametrize(("q", "key"), [(0.5, "p50"), (0.99, "p99")])
def test_ttft_from_prometheus_is_within_a_bucket_of_the_summary(watched: _Watched, q: float, key: str) -> None:
    prometheus, trial = watched
    buckets = (
        f'loadgen_time_to_first_token_seconds_bucket{{run_id="{trial.run_id}", stage=~"{_MEASURED}"}}'
        f"[{round(trial.end_s - trial.start_s) + 1}s]"
    )
    expr = f"histogram_quantile({q}, sum by (le) (last_over_time({buckets})))"

    (found,) = prometheus.at(expr, trial.end_s)

    exact = trial.summary["latency"]["ttft_s"][key]
    assert exact / _BUCKET <= found.points[0][1] <= exact * _BUCKET


def test_the_request_rate_from_prometheus_is_the_summarys(watched: _Watched) -> None:
    prometheus, trial = watched
    span = f'{{run_id="{trial.run_id}", stage=~"{_MEASURED}"}}[{round(trial.end_s - trial.start_s) + 1}s]'
    done, at = f"stage:loadgen_requests_ok:total{span}", f"stage:loadgen_active:timestamp_seconds{span}"
    expr = (
        f"(max(max_over_time({done})) - min(min_over_time({done})))"
        f" / (max(max_over_time({at})) - min(min_over_time({at})))"
    )

    (found,) = prometheus.at(expr, trial.end_s)

    exact = trial.summary["throughput"]["requests_per_s"]
    assert exact / _BUCKET <= found.points[0][1] <= exact * _BUCKET


def test_the_counts_from_prometheus_are_the_summarys(watched: _Watched) -> None:
    prometheus, trial = watched
    labels = f'run_id="{trial.run_id}", stage=~"{_MEASURED}", outcome="ok"'
    expr = f"sum (last_over_time(loadgen_requests_total{{{labels}}}[{round(trial.end_s - trial.start_s) + 1}s]))"

    (found,) = prometheus.at(expr, trial.end_s)

    assert found.points[0][1] == trial.summary["requests"]["ok"]
