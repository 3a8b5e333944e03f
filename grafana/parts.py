"""The house style of the dashboards: how a panel, a row, a variable and an annotation look here.

Used by boards/. The SDK sets no panel ids and lets a row overflow the 24 columns, so positions and ids are set here and
a row that does not fill the width is an error where it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, table, timeseries, xychart
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.xychart import SeriesMapping, XYShowMode

COLUMNS = 24
TAG = "loadgen"
SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
# What a limit is drawn as, beside what it limits: so that the line comes from the scenario and not from a dashboard.
LIMIT = "SLO"

GREEN, YELLOW, RED, BLUE, GREY = "green", "#EAB839", "red", "blue", "text"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and how its series are named. instant: only its value now; heat: buckets of a heat map."""

    expr: str
    legend: str = ""
    instant: bool = False
    heat: bool = False

    def built(self, ref_id: str) -> prometheus.Dataquery:
        """As the SDK has it."""
        query = prometheus.Dataquery().expr(self.expr).ref_id(ref_id).legend_format(self.legend).datasource(SOURCE)
        query.format(PromQueryFormat.HEATMAP if self.heat else PromQueryFormat.TIME_SERIES)
        return query.instant() if self.instant else query.range()


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold: from this value on, this colour."""

    value: float
    color: str


class Panel(Protocol):
    """What the SDK's panel builders have in common."""

    def build(self) -> dashboard.Panel:
        """The panel."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels of one height beside each other, with their widths; under a heading where there is a title."""

    panels: Sequence[tuple[Panel, int]]
    height: int
    title: str | None = None


def _thresholds(base: str, steps: Sequence[Step]) -> builders.ThresholdsConfig:
    all_steps = [dashboard.Threshold(value=None, color=base)]
    all_steps += [dashboard.Threshold(value=step.value, color=step.color) for step in steps]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(all_steps)


def _refs(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    return [query.built(chr(ord("A") + index)) for index, query in enumerate(queries)]


def words(texts: dict[str, tuple[str, str]]) -> list[dashboard.ValueMapping]:
    """A mapping of values to (text, colour)."""
    results = {
        value: dashboard.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [dashboard.ValueMap(options=results)]


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Sequence[Step] = (),
    base: str = GREEN,
    mappings: list[dashboard.ValueMapping] | None = None,
    names: bool = False,
    decimals: int | None = None,
) -> stat.Panel:
    """The last value, big. steps: colours from a value on. names: show the series' name, not its value."""
    mode = common.BigValueColorMode.BACKGROUND if steps or mappings else common.BigValueColorMode.VALUE
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .targets(list(_refs(queries)))
        .color_mode(mode)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.NAME if names else common.BigValueTextMode.AUTO)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(base if steps or mappings else GREY, steps))
        # An absent series is unknown; a dash says so where 0 would be a statement.
        .no_value("–")
    )
    if mappings:
        panel.mappings(mappings)
    if decimals is not None:
        panel.decimals(decimals)
    return panel


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Sequence[Step] = (),
    stacked: bool = False,
    logarithmic: bool = False,
    maximum: float | None = None,
) -> timeseries.Panel:
    """Curves over time. A series whose name begins with SLO is drawn as a limit: red, dashed."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .targets(list(_refs(queries)))
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.AUTO)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .override_by_regexp(
            f"/^{LIMIT}/",
            [
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": RED}),
                dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
                dashboard.DynamicConfigValue("custom.fillOpacity", 0),
            ],
        )
    )
    if not logarithmic:
        panel.axis_soft_min(0)
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if logarithmic:
        panel.scale_distribution(common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10))
    if maximum is not None:
        panel.max(maximum)
    if steps:
        panel.thresholds(_thresholds("transparent", steps)).thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def heat(title: str, description: str, unit: str, query: Query) -> heatmap.Panel:
    """How many fell into which bucket, over time. The unit is the buckets'."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .unit("short")
        .datasource(SOURCE)
        .targets([query.built("A")])
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Spectral")
            .reverse(True)
            .steps(64)
        )
        .tooltip(heatmap.HeatmapTooltip().mode(common.TooltipDisplayMode.SINGLE))
    )


def grid(
    title: str, description: str, unit: str, *queries: tuple[str, Query], units: dict[str, str] | None = None
) -> table.Panel:
    """A table: one row a set of labels, one column a query, named as told. units: those that differ."""
    refs = [chr(ord("A") + index) for index in range(len(queries))]
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .targets(
            [query.built(ref).format(PromQueryFormat.TABLE) for ref, (_, query) in zip(refs, queries, strict=True)]
        )
        .no_value("–")
        .transformations(_columns([f"Value #{ref}" for ref in refs], [name for name, _ in queries]))
    )
    for name, other in (units or {}).items():
        panel.override_by_name(name, [dashboard.DynamicConfigValue("unit", other)])
    return panel


def cloud(title: str, description: str, across: tuple[str, str, Query], up: tuple[str, str, Query]) -> xychart.Panel:
    """One point a set of labels: the two queries' values as (name, unit, query). Both must be instant."""
    (x_name, x_unit, x), (y_name, y_unit, y) = across, up
    return (
        xychart.Panel()
        .title(title)
        .description(description)
        .unit(y_unit)
        .datasource(SOURCE)
        .targets([query.built(ref).format(PromQueryFormat.TABLE) for ref, query in (("A", x), ("B", y))])
        .mapping(SeriesMapping.AUTO)
        .show(XYShowMode.POINTS)
        .transformations(_columns(["Value #A", "Value #B"], [x_name, y_name]))
        .override_by_name(x_name, [dashboard.DynamicConfigValue("unit", x_unit)])
    )


def _columns(values: Sequence[str], names: Sequence[str]) -> list[dashboard.DataTransformerConfig]:
    """The queries' tables joined by their labels, each value under its name."""
    hidden = {"Time": True, "__name__": True, "instance": True, "job": True}
    renamed = dict(zip(values, names, strict=True))
    return [
        dashboard.DataTransformerConfig(id_val="merge", options={}),
        dashboard.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden, "renameByName": renamed}),
    ]


def placed(rows: Sequence[Row]) -> list[dashboard.Panel | dashboard.RowPanel]:
    """The rows' panels with ids and positions. Raises ValueError for a row that is not 24 columns wide."""
    out: list[dashboard.Panel | dashboard.RowPanel] = []
    y = 0
    for row in rows:
        if row.title is not None:
            heading = builders.Row(row.title).id(len(out) + 1)
            out.append(heading.grid_pos(dashboard.GridPos(h=1, w=COLUMNS, x=0, y=y)).build())
            y += 1
        x = 0
        for panel, width in row.panels:
            built = panel.build()
            built.id_val = len(out) + 1
            built.grid_pos = dashboard.GridPos(h=row.height, w=width, x=x, y=y)
            out.append(built)
            x += width
        if x != COLUMNS:
            raise ValueError(f"the row of {row.panels[0][0].build().title!r} is {x} columns wide, not {COLUMNS}")
        y += row.height
    return out
