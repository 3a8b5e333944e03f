"""The committed dashboards are what the code makes, are drawn properly, and the checker sees what is not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grafana.build import FOLDER, built, text_of
from grafana.check import NOT_IN_THE_TRIAL
from grafana.filling import filled
from grafana.promql import grouped_in, metrics_in, selectors_in
from grafana.reading import Board, boards, faults_of

_Spoil = Callable[[dict[str, Any]], object]


def test_the_committed_json_is_what_the_code_makes() -> None:
    made = {name: text_of(dashboard) for name, dashboard in built().items()}
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.json")}

    assert committed == made, "make dashboards"


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.path.stem)
def test_a_dashboard_is_drawn_properly(board: Board) -> None:
    assert faults_of(board) == []


def _panel(json: dict[str, Any], index: int) -> dict[str, Any]:
    found: dict[str, Any] = [panel for panel in json["panels"] if panel["type"] != "row"][index]
    return found


def _unit_of(unit: str, other: str) -> _Spoil:
    """Shows the first panel of one unit in another."""

    def spoil(json: dict[str, Any]) -> None:
        defaults = [panel["fieldConfig"]["defaults"] for panel in json["panels"] if "fieldConfig" in panel]
        next(found for found in defaults if found["unit"] == unit)["unit"] = other

    return spoil


def _columns(json: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(panel for panel in json["panels"] if panel["type"] == "table")
    return found


_SPOILED: dict[str, tuple[_Spoil, str]] = {
    "no unit": (lambda json: _panel(json, 0)["fieldConfig"]["defaults"].pop("unit"), "no unit"),
    "seconds as milliseconds": (_unit_of("s", "ms"), "unit 'ms'; accepted: s, percentunit"),
    "a share as percent": (_unit_of("percentunit", "percent"), "unit 'percent'; accepted"),
    "seconds as a share": (_unit_of("s", "percentunit"), "unit 'percentunit' of what is measured in s"),
    "a rate as seconds": (_unit_of("reqps", "s"), "unit 's' of what is measured in turn s^-1"),
    "a column in another unit": (
        lambda json: _columns(json)["fieldConfig"]["overrides"].clear(),
        "unit 's' of what is measured in turn s^-1",
    ),
    "no description": (lambda json: _panel(json, 0).pop("description"), "no description"),
    "no query": (lambda json: _panel(json, 0)["targets"].clear(), "asks nothing"),
    "too wide": (lambda json: _panel(json, 0)["gridPos"].update(w=25), "outside"),
    "over another": (lambda json: _panel(json, 1)["gridPos"].update(x=0), "lies over"),
    "one id twice": (lambda json: _panel(json, 1).update(id=_panel(json, 0)["id"]), "ids"),
    "no stages": (lambda json: json["annotations"]["list"].pop(), "no annotation 'Stages'"),
    "a mark once a minute": (lambda json: json["annotations"]["list"][1].pop("step"), "has no step"),
    "no variables": (lambda json: json["templating"]["list"].clear(), "no variable 'run'"),
    "no links": (lambda json: json["links"].clear(), "no links"),
}


@pytest.mark.parametrize("spoil", _SPOILED.values(), ids=_SPOILED.keys())
def test_what_is_wrong_with_a_dashboard_is_found(spoil: tuple[_Spoil, str]) -> None:
    change, told = spoil
    whole = boards()[0]
    json = copy.deepcopy(dict(whole.json))
    change(json)

    assert any(told in fault for fault in faults_of(Board(whole.path, json)))


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('sum by (le) (rate(a_bucket{x="b", y=~"c.*"}[5m])) > 0', {"a_bucket"}),
        ("a / on (run_id, metric) group_left () (b offset 5m > bool 2)", {"a", "b"}),
        ("histogram_quantile(0.99, run:a:rate5m) or vllm:b unless c", {"run:a:rate5m", "vllm:b", "c"}),
        ("max_over_time((a and on (x) b)[10s:5s]) * 1e3", {"a", "b"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expr: str, names: set[str]) -> None:
    assert metrics_in(expr) == names


def test_the_labels_of_an_expression_are_found() -> None:
    expr = 'sum by (le, stage) (rate(a_bucket{x="}y=", z!~"c.*"}[5m])) / on (run_id) group_left () b'

    assert grouped_in(expr) == {"le", "stage", "run_id"}
    assert [(found.metric, set(found.labels)) for found in selectors_in(expr)] == [
        ("a_bucket", {"x", "z"}),
        ("b", set()),
    ]


def test_variables_are_filled_as_grafana_fills_them() -> None:
    values = {"run": "r1", "__range": "60s"}

    assert filled('a{run_id=~"$run", x="${run:regex}"}[$__range] $other', values) == (
        'a{run_id=~"r1", x="r1"}[60s] $other'
    )


def test_what_the_trial_cannot_show_is_a_series_of_the_exporter_all_the_same() -> None:
    told = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text()

    assert [name for name in NOT_IN_THE_TRIAL if f"`{name}`" not in told] == []
