"""The committed dashboards as a checker sees them: panels, queries and variables out of the JSON, and what is wrong
with the JSON by itself.

Reads what Grafana reads, not the code that wrote it, so that a hand-edited or exported file is held to the same.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from grafana.dimensions import misfit

FOLDER = Path(__file__).parent / "dashboards"
COLUMNS = 24
_NEEDED_VARIABLES = ("run", "scenario", "workload", "model", "stage")
_NEEDED_ANNOTATIONS = ("Run start", "Run end", "Stages")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a dashboard. where: the panel's or annotation's name, for people. ref: its letter in the panel.

    kind: the panel's type, or annotation. unit: of what it shows, so of a table's column or a heat map's buckets.
    """

    where: str
    kind: str
    expr: str
    instant: bool = False
    unit: str = ""
    legend: str = ""
    ref: str = ""

    @property
    def coarse(self) -> bool:
        """Whether Grafana asks at few points: for a mark on the time axis, for a tile that shows its last value."""
        return self.kind in ("annotation", "stat")

    @property
    def names_series(self) -> bool:
        """Whether the legend is what tells its series apart."""
        return bool(self.legend) and self.kind in ("timeseries", "stat", "annotation")


@dataclass(frozen=True, slots=True)
class Variable:
    """A query variable: the values of `label` in the series of `selector`."""

    name: str
    selector: str
    label: str
    several: bool


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    path: Path
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.json["title"])

    @property
    def panels(self) -> list[Mapping[str, Any]]:
        """Its panels, without the headings of rows."""
        return [panel for panel in self.json["panels"] if panel["type"] != "row"]

    def variables(self) -> list[Variable]:
        """Its query variables, in order: a later one may use an earlier one's value."""
        return [_variable(found) for found in self.json["templating"]["list"] if found["type"] == "query"]

    def asked(self) -> Iterator[Asked]:
        """Every query of its panels and annotations."""
        for panel in self.panels:
            for target in panel.get("targets", ()):
                yield Asked(
                    panel.get("title", ""),
                    panel["type"],
                    target["expr"],
                    bool(target.get("instant")),
                    _unit(panel, target["refId"]),
                    target.get("legendFormat", ""),
                    target["refId"],
                )
        for annotation in self.json["annotations"]["list"]:
            if not annotation.get("builtIn"):
                shown = " ".join(annotation.get(part, "") for part in ("titleFormat", "textFormat"))
                yield Asked(f"annotation {annotation['name']}", "annotation", annotation["expr"], legend=shown)


def boards() -> list[Board]:
    """The committed dashboards, by file name."""
    return [Board(path, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def _unit(panel: Mapping[str, Any], ref: str) -> str:
    """What the values of one of a panel's queries are shown in."""
    if panel["type"] == "heatmap":
        return str(panel["options"]["yAxis"].get("unit", ""))
    config = panel["fieldConfig"]
    columns = {
        column
        for step in panel.get("transformations", ())
        for value, column in step["options"].get("renameByName", {}).items()
        if value == f"Value #{ref}"
    }
    overridden = [
        str(change["value"])
        for override in config.get("overrides", ())
        if override["matcher"]["id"] == "byName" and override["matcher"]["options"] in columns
        for change in override["properties"]
        if change["id"] == "unit"
    ]
    return overridden[-1] if overridden else str(config["defaults"].get("unit", ""))


def _variable(found: Mapping[str, Any]) -> Variable:
    query = str(found["query"])
    inside = query.removeprefix("label_values(").removesuffix(")")
    selector, comma, label = inside.rpartition(",")
    if inside == query or not comma:
        raise ValueError(f"variable {found['name']}: {query!r} is no label_values(selector, label)")
    return Variable(found["name"], selector.strip(), label.strip(), bool(found.get("includeAll")))


def faults_of(board: Board) -> list[str]:
    """What is wrong with a dashboard, without asking Prometheus; in words, empty where nothing is."""
    found = [f"{board.title}: {fault}" for panel in board.panels for fault in _panel_faults(panel)]
    found += [f"{board.title}: {fault}" for fault in _layout_faults(board.json["panels"])]
    found += [f"{board.title}, {asked.where}: {fault}" for asked in board.asked() for fault in _unit_faults(asked)]
    names = {variable["name"] for variable in board.json["templating"]["list"]}
    found += [f"{board.title}: no variable {name!r}" for name in _NEEDED_VARIABLES if name not in names]
    marks = {annotation["name"]: annotation for annotation in board.json["annotations"]["list"]}
    found += [f"{board.title}: no annotation {name!r}" for name in _NEEDED_ANNOTATIONS if name not in marks]
    found += [
        f"{board.title}: annotation {name!r} has no step, so that Grafana asks for it once a minute"
        for name, mark in marks.items()
        if not mark.get("builtIn") and not mark.get("step")
    ]
    if not board.json.get("links"):
        found.append(f"{board.title}: no links to the other dashboards")
    return found


def _panel_faults(panel: Mapping[str, Any]) -> Iterator[str]:
    name = panel.get("title") or f"panel {panel.get('id')}"
    if not panel.get("title"):
        yield f"{name}: no title"
    if not panel.get("description"):
        yield f"{name}: no description"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield f"{name}: no unit"
    if not panel.get("targets"):
        yield f"{name}: asks nothing"
    refs = [target["refId"] for target in panel.get("targets", ())]
    if len(refs) != len(set(refs)):
        yield f"{name}: two queries of one refId"


def _unit_faults(asked: Asked) -> Iterator[str]:
    if asked.kind == "annotation" or not asked.unit:
        return
    # A heat map shows counts; its unit is that of the buckets into which they fell.
    expr = f"histogram_quantile(0.5, {asked.expr})" if asked.kind == "heatmap" else asked.expr
    if (fault := misfit(expr, asked.unit)) is not None:
        yield fault


def _layout_faults(panels: list[Mapping[str, Any]]) -> Iterator[str]:
    ids = [panel.get("id") for panel in panels]
    if None in ids or len(ids) != len(set(ids)):
        yield "panel ids are missing or not unique"
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] < 0 or at["y"] < 0 or at["w"] < 1 or at["h"] < 1 or at["x"] + at["w"] > COLUMNS:
            yield f"{panel['title']}: outside of the {COLUMNS} columns"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']} lies over {other['title']}"


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (apart_x or apart_y)
