"""A plot, what it says in words, and its numbers as a table: no figure is there without the other two.

Plots are Plotly's JSON as plain dictionaries, drawn by the page's script. Colours are roles (`@0` to `@5`,
`@scale`, ...) that the script replaces by those of the light, the dark and the printed page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.outputs.html.cells import Cell, table
from loadgen.outputs.html.markup import Html, el

Trace = dict[str, Any]
Layout = dict[str, Any]
# d3's SI prefixes on seconds: 50 m and s make 50ms.
SECONDS_AXIS: Final[Layout] = {"tickformat": "~s", "ticksuffix": "s", "hoverformat": ".3~s"}
# Within a decade, coarsest first; Plotly's own ticks of a logarithmic axis of seconds run into each other.
_LADDERS: Final = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
    tuple(round(1 + step / 10, 1) for step in range(90)),
)
_MOST_TICKS = 8
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot. caption: its key numbers in a sentence or two. headers, rows: its data as a table."""

    title: str
    caption: str
    data: Sequence[Trace]
    layout: Layout
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str | None = field(default=None)


def render(figure: Figure) -> Html:
    """The figure as markup: heading, plot with its text alternative, caption, data."""
    spec = {"data": list(figure.data), "layout": figure.layout}
    return el(
        "figure",
        el("h3", figure.title),
        el("div", class_="plot", role="img", aria_label=f"{figure.title}. {figure.caption}"),
        el("figcaption", figure.caption, f" {figure.note}" if figure.note else None),
        el("details", el("summary", "Data"), table(figure.headers, figure.rows, label=f"Data: {figure.title}")),
        _script(spec),
        class_="chart",
    )


def grid(figures: Iterable[Figure]) -> Html:
    """Figures beside each other where there is room."""
    return el("div", *(render(figure) for figure in figures), class_="grid")


def _script(spec: dict[str, Any]) -> Html:
    return Html(f'<script type="application/json">{as_json(spec)}</script>')


def as_json(value: Any) -> str:
    """JSON that no text within can end a script element by."""
    encoded = msgspec.json.encode(value).decode()
    return encoded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def label(name: str) -> str:
    """Text for a plot: Plotly takes tags in names and hover texts for formatting, so they are escaped there too."""
    return escape(name, quote=False)


def numbers(values: npt.NDArray[Any] | Sequence[float]) -> list[float | None]:
    """Numbers for a plot, 5 digits of each; NaN is null, which Plotly leaves a gap for."""
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in map(float, values)]


def seconds_axis(*values: npt.NDArray[Any], title: str = "latency") -> Layout:
    """An axis of latencies: logarithmic, from the least to the most of the values that are known and above 0."""
    known = [float(one) for array in values for one in array[np.isfinite(array) & (array > 0)].flat]
    named: Layout = {"title": {"text": title}, **SECONDS_AXIS}
    if not known:
        return named
    low, high = min(known) * 0.93, max(known) * 1.07
    ticks = _ticks(low, high)
    shown: Layout = {"tickvals": ticks, "ticktext": [_short(tick) for tick in ticks]}
    return {**named, "type": "log", "range": [float(np.log10(low)), float(np.log10(high))], **shown}


def _ticks(low: float, high: float) -> list[float]:
    """The coarsest ladder with at least four steps in the range, thinned where that is too many."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: list[float] = []
    for ladder in _LADDERS:
        ticks = [float(f"{step}e{decade}") for decade in decades for step in ladder]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 4:
            break
    return ticks[:: -(-len(ticks) // _MOST_TICKS) or 1]


def _short(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * (1 - 1e-9):
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e6:.4g} µs"


def line(
    name: str,
    x: npt.NDArray[Any] | Sequence[float],
    y: npt.NDArray[Any] | Sequence[float],
    color: str,
    **more: Any,
) -> Trace:
    """A line; points that stand alone between unknowns are seen by their markers, where there are few."""
    marked = len(x) <= 60
    return {
        "type": "scatter",
        "mode": "lines+markers" if marked else "lines",
        "name": label(name),
        "x": numbers(x),
        "y": numbers(y),
        "line": {"color": color, "width": 2, **more.pop("line", {})},
        "marker": {"color": color, "size": 4},
        **more,
    }


def stepped(name: str, x: npt.NDArray[Any], y: npt.NDArray[Any], color: str, **more: Any) -> Trace:
    """A histogram's outline: y[i] from x[i] on, filled to 0."""
    shape = {"shape": "hv", "color": color, "width": 1.5}
    return {
        **line(name, x, y, color, **more),
        "mode": "lines",
        "line": shape,
        "fill": "tozeroy",
    }


def bar(name: str, x: npt.NDArray[Any], y: npt.NDArray[Any], color: str, **more: Any) -> Trace:
    """Bars, stacked where the layout says so."""
    return {"type": "bar", "name": label(name), "x": numbers(x), "y": numbers(y), "marker": {"color": color}, **more}


def heatmap(x: npt.NDArray[Any], y: npt.NDArray[Any], counts: npt.NDArray[np.float64], unit: str) -> Trace:
    """Counts by time (first axis) and value, coloured by the square root of their share of their time's.

    The root lets a tail of 1 % be seen beside a middle of 50 %; empty cells stay empty.
    """
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(counts > 0, counts / totals, np.nan)
    return {
        "type": "heatmap",
        "x": numbers(x),
        "y": numbers(y),
        "z": [numbers(row) for row in np.sqrt(shares).T],
        "customdata": [numbers(row) for row in (100 * shares).T],
        "hovertemplate": f"%{{x}}<br>%{{y}}<br>%{{customdata:.3~g}} % of {unit}<extra></extra>",
        "colorscale": "@scale",
        "showscale": False,
        "zmin": 0,
        "zmax": 1,
        "hoverongaps": False,
    }
