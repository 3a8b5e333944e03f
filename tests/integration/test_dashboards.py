"""Every dashboard on a real run and a real Prometheus, and Prometheus' figures beside summary.json's."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from grafana.beside import beside_summary, panels_beside
from grafana.check import check
from grafana.promserver import Prometheus, installed
from grafana.reading import Board, boards
from grafana.trial import MEASURED, Trial, tried

pytestmark = pytest.mark.skipif(
    not installed(), reason="Prometheus is not installed (Debian: apt-get install prometheus)"
)

_Watched = tuple[Prometheus, Trial]
# A run's series are gone after its last scrape.
_LAST = 'last_over_time(loadgen_requests_total{run_id=~"$run"}[$__range])'


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Watched]:
    """One run and the Prometheus that has seen it, for all of these."""
    with tried(Path(tmp_path_factory.mktemp("trial"))) as found:
        yield found


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.path.stem)
def test_a_dashboard_shows_something_everywhere(watched: _Watched, board: Board) -> None:
    prometheus, trial = watched

    assert check(board, prometheus, trial, prometheus.labels())[1] == []


def test_the_verdict_outlasts_the_one_scrape_that_told_it(watched: _Watched) -> None:
    prometheus, trial = watched
    (live,) = (board for board in boards() if board.path.stem == "live-run")

    (tile,) = (shown for shown in check(live, prometheus, trial, {})[0] if shown.asked.where == "Verdict")

    outcomes = ["pass", "fail", "inconclusive", "invalid"]
    assert tile.last == 1 + outcomes.index(trial.summary["verdict"]["outcome"])


@pytest.mark.parametrize(
    ("expr", "told"),
    [
        ("sum (loadgen_requests_totale)", "nobody exports loadgen_requests_totale"),
        ('loadgen_requests_total{run_id=~"$run", workload="none"}', "shows nothing"),
        ("loadgen_requests_total{", "parse error"),
        ('loadgen_requests_total{run_id="$runs"}', "a variable that is not there"),
        ('loadgen_requests_total{run_id=~"$run", workloads=~".*"}', "loadgen_requests_total has no workloads"),
        ('loadgen_requests_total{workload=~"$workload"}', "is not only of the chosen run"),
        ('sum by (outcomes) (loadgen_requests_total{run_id=~"$run"})', "groups by outcomes"),
        (f"sum ({_LAST})", "its series have no run_id, which its legend shows"),
        (_LAST, "can't be told apart"),
        ('sum by (run_id) (loadgen_requests_total{run_id=~"$run"})', "unit 'reqps' of what is measured in turn"),
    ],
)
def test_a_panel_that_lies_is_found(watched: _Watched, expr: str, told: str) -> None:
    """The panel's legend is the run's id, its unit requests a second."""
    prometheus, trial = watched
    whole = boards()[0]
    spoiled = copy.deepcopy(dict(whole.json))
    spoiled["panels"][0]["targets"][0]["expr"] = expr

    faults = check(Board(whole.path, spoiled), prometheus, trial, prometheus.labels())[1]

    assert [fault for fault in faults if told in fault]


def test_the_stage_tile_shows_the_latest_stage_alone(watched: _Watched) -> None:
    prometheus, trial = watched
    (live,) = (board for board in boards() if board.path.stem == "live-run")

    (tile,) = (shown for shown in check(live, prometheus, trial, {})[0] if shown.asked.where == "Stage")

    assert (tile.series, tile.labels["stage"]) == (1, MEASURED[-1])


def test_prometheus_says_what_the_summary_says(watched: _Watched) -> None:
    found = beside_summary(*watched)

    assert [figure.name for figure in found] == ["TTFT p50", "TTFT p99", "requests", "ok turns"]
    assert [figure for figure in found if not figure.agree] == []


def test_panels_say_what_the_summary_says(watched: _Watched) -> None:
    found = panels_beside(*watched)

    assert {figure.name for figure in found} >= {
        *(f"{stage}: {figure}" for stage in MEASURED for figure in ("requests", "TTFT p50", "TPOT p50", "goodput")),
        *("error rate", "spent USD", "1,000 requests USD", "tokens per USD"),
    }
    assert [figure for figure in found if not figure.agree] == []
