"""Hour by day: a soak's cost, cache hits and tails as heat maps, where daily and weekly patterns are seen at once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from loadgen.history.axes import short_days
from loadgen.history.week import DAY_S, HOUR_S, Course, Week
from loadgen.history.words import figure, named, stretches
from loadgen.outputs.html.cells import Cell, Missing
from loadgen.outputs.html.figure import SECONDS_AXIS, Figure, Layout, numbers
from loadgen.stats.clusters import F64

_MOST_DAYS: Final = 8
# In the order in which they are shown; those that a soak has.
_MAPPED: Final = (
    *("cost.per_request", "cost.per_session", "cost.per_solved_task", "cost.per_1m_output_tokens"),
    *("cache.hit_ratio.", "latency."),
)


def mapped(week: Week) -> list[str]:
    """The measures of a soak that have a map; none for less than a day."""
    if week.until_s - week.soak.started_s < DAY_S:
        return []
    found = []
    for start in _MAPPED:
        for name, course in week.courses.items():
            wanted = name == start or (start.endswith(".") and name.startswith(start))
            if wanted and _known(course) and (not name.startswith("latency.") or _is_tail(week, name)):
                found.append(name)
    return found


def _known(course: Course | None) -> bool:
    return course is not None and bool((~np.isnan(course.values)).any())


def _is_tail(week: Week, name: str) -> bool:
    """Whether it is a latency's highest quantile that is known: a p99 takes 100 requests a window."""
    metric, _, quantile = name.rpartition(".")
    return quantile == "p99" or (quantile == "p95" and not _known(week.courses.get(f"{metric}.p99")))


def map_figures(weeks: Sequence[Week]) -> list[Figure]:
    """Every map of these soaks; those of one measure beside each other, in the same colours."""
    names = list(dict.fromkeys(name for week in weeks for name in mapped(week)))
    ordered = [name for start in _MAPPED for name in names if name == start or name.startswith(start)]
    figures = []
    for name in dict.fromkeys(ordered):
        having = [week for week in weeks if name in mapped(week)]
        grids = [_cells(week, week.courses[name]) for week in having]
        for week, cells in zip(having, grids, strict=True):
            title = f"{name} by hour" if len(weeks) == 1 else f"{name} by hour: {named(week)}"
            figures.append(_map(week.courses[name], title, cells, _days(week), _range(week.courses[name], grids)))
    return figures


def _cells(week: Week, course: Course) -> F64:
    """F64[days, rows of a day], NaN where nothing is known."""
    step_s = _row_hours(week) * HOUR_S
    rows = 24 // _row_hours(week)
    edges_s: F64 = _midnight(week).timestamp() + np.arange(rows * len(_days(week)) + 1, dtype=np.float64) * step_s
    return stretches(course, edges_s).reshape(-1, rows)


def _row_hours(week: Week) -> int:
    """How many hours a row has: one, or as many as a window, lest rows stay empty that nobody meant to fill."""
    return next((hours for hours in (1, 2, 3, 4, 6, 8, 12) if hours * HOUR_S >= week.soak.every_s), 24)


def _midnight(week: Week) -> datetime:
    start = datetime.fromtimestamp(week.soak.started_s, UTC)
    return start.replace(hour=0, minute=0, second=0, microsecond=0)


def _days(week: Week) -> list[datetime]:
    first = _midnight(week)
    return [first + timedelta(days=day) for day in range(int((week.until_s - 1 - first.timestamp()) // DAY_S) + 1)]


def _range(course: Course, grids: Sequence[F64]) -> Layout:
    """Shares have all of their scale, so that noise is not shown as a pattern."""
    if course.unit == "ratio":
        return {"zmin": 0, "zmax": 1}
    return {"zmin": float(min(map(np.nanmin, grids))), "zmax": float(max(map(np.nanmax, grids)))}


def _map(course: Course, title: str, cells: F64, dates: Sequence[datetime], scale: Layout) -> Figure:
    """The mean of a measure's known values in each hour of each day, UTC."""
    columns = [f"{date:%a} {date.day} {date:%b}" for date in dates]
    hours = list(range(0, 24, 24 // cells.shape[1]))
    layout: Layout = {
        "xaxis": {"type": "category", "tickangle": 0, **_day_ticks(columns)},
        "yaxis": {
            "type": "category",
            "title": {"text": "hour, UTC"},
            "autorange": "reversed",
            "tickvals": [f"{hour:02d}" for hour in hours if len(hours) <= 12 or hour % 3 == 0],
        },
        "hovermode": "closest",
    }
    trace = {
        "type": "heatmap",
        "x": columns,
        "y": [f"{hour:02d}" for hour in hours],
        "z": [numbers(row) for row in cells.T],
        "text": [[_told(value, course) for value in row] for row in cells.T],
        "hovertemplate": "%{x}, %{y}:00<br>%{text}<extra></extra>",
        "colorscale": "@scale",
        "colorbar": {"thickness": 12, "outlinewidth": 0, **_ticks(course.unit)},
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        **scale,
    }
    rows: list[list[Cell]] = [
        [f"{hour:02d}:00", *(_cell(value, course) for value in row)] for hour, row in zip(hours, cells.T, strict=True)
    ]
    return Figure(title, _caption(course, cells, columns, hours), [trace], layout, ["hour, UTC", *columns], rows)


def _day_ticks(columns: Sequence[str]) -> Layout:
    """Each day in two lines, or of many days as many as have room."""
    shown = columns[:: -(-len(columns) // _MOST_DAYS)]
    return {"tickvals": list(shown), "ticktext": short_days(shown)}


def _ticks(unit: str) -> Layout:
    if unit == "s":
        return {key: value for key, value in SECONDS_AXIS.items() if key != "hoverformat"}
    return {"tickformat": ".0%"} if unit == "ratio" else {"tickformat": "~g"}


def _told(value: float, course: Course) -> str:
    return figure(None if np.isnan(value) else float(value), course.name, course.unit)


def _cell(value: float, course: Course) -> Cell:
    return Missing("nothing was measured, or its value is not known") if np.isnan(value) else _told(value, course)


def _caption(course: Course, cells: F64, columns: list[str], hours: list[int]) -> str:
    least, most = (np.unravel_index(int(find(cells)), cells.shape) for find in (np.nanargmin, np.nanargmax))
    ends = [f"{_told(cells[at], course)} on {columns[at[0]]} at {hours[at[1]]:02d}:00" for at in (least, most)]
    missing = int(np.isnan(cells).sum())
    return (
        f"Mean of {course.name} by hour and day, UTC: least {ends[0]}, greatest {ends[1]}. "
        f"{missing} of {cells.size} fields have no value."
    )
