"""Percentile curves on HDR's axis and histograms, from the run's HdrHistograms: every value counted, none sampled."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from loadgen.outputs.console import duration
from loadgen.outputs.hlog import Logged
from loadgen.outputs.html.cells import Cell, Missing, count
from loadgen.outputs.html.figure import Figure, Layout, line, seconds_axis, stepped

_POINTS = 120
_COLUMNS = 60
_TABLED: Final = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Values in seconds, ascending, and how many there are of each."""

    values_s: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    def same_as(self, other: "Counted | None") -> bool:
        """Whether both hold the same values."""
        return (
            other is not None
            and np.array_equal(self.values_s, other.values_s)
            and np.array_equal(self.counts, other.counts)
        )

    @property
    def n(self) -> int:
        """How many there are in all."""
        return int(self.counts.sum())

    def at(self, q: float) -> float | None:
        """The q-quantile by nearest rank; None where n < 1 / (1 - q)."""
        if self.n < 1 / (1 - q) - 1e-9:
            return None
        rank = max(1, int(np.ceil(round(q * self.n, 6))))
        return float(self.values_s[np.searchsorted(np.cumsum(self.counts), rank)])


def merged(
    logged: Iterable[Logged], metric: str, stages: Collection[str], workload: str | None = None
) -> Counted | None:
    """The sum of a metric's histograms over stages, and over workloads unless one is named; None where empty."""
    wanted = [
        one
        for one in logged
        if one.metric == metric and one.stage in stages and (workload is None or one.workload == workload)
    ]
    if not sum(int(one.counts.sum()) for one in wanted):
        return None
    values, place = np.unique(np.concatenate([one.values_s for one in wanted]), return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([one.counts for one in wanted]))
    return Counted(values, counts.astype(np.int64))


def percentile_curves(
    title: str, named: Sequence[tuple[str, Counted]], colors: Sequence[str] = ("@0", "@1", "@2", "@3", "@4", "@5")
) -> Figure:
    """Latency against percentile, on HDR's axis: 1 / (1 - q), logarithmic, so that each nine has the same room."""
    traces = []
    for (name, counted), color in zip(named, cycle(colors), strict=False):
        x, y = _curve(counted)
        # The first point stands for the whole left end: a marker on it would mean nothing.
        traces.append({**line(name, x, y, color), "mode": "lines", "text": _shares(x), "hovertemplate": _HOVER})
    most = max((counted.n for _, counted in named), default=1)
    headers = ["percentile", *(name for name, _ in named)]
    rows: list[list[Cell]] = [
        [f"p{100 * q:g}", *(_tabled(counted, q) for _, counted in named)] for q in _TABLED if most >= 1 / (1 - q)
    ]
    rows.append(["values", *(count(counted.n) for _, counted in named)])
    return Figure(title, f"{_spoken(named)}.", traces, _percentile_layout(named, most), headers, rows)


_HOVER = "%{text}<br>%{y}<extra>%{fullData.name}</extra>"


def _curve(counted: Counted) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points at equal distances on the axis, as far as n values reach: the last is the highest value's."""
    x = np.geomspace(1.0, max(counted.n, 1), _POINTS)
    rank = np.clip(np.ceil(np.round((1 - 1 / x) * counted.n, 6)), 1, counted.n)
    return x, counted.values_s[np.searchsorted(np.cumsum(counted.counts), rank)]


def _shares(x: npt.NDArray[np.float64]) -> list[str]:
    return [f"p{100 * (1 - 1 / one):.4g}" for one in x]


def _percentile_layout(named: Sequence[tuple[str, Counted]], most: int) -> Layout:
    nines = [(2.0, "50%"), *((10.0**digits, f"{100 * (1 - 0.1**digits):.6g}%") for digits in range(1, 8))]
    shown = [(value, text) for value, text in nines if value <= most] or nines[:1]
    ticks = {"tickvals": [value for value, _ in shown], "ticktext": [text for _, text in shown]}
    return {
        "xaxis": {"type": "log", "title": {"text": "percentile"}, **ticks},
        "yaxis": seconds_axis(*(counted.values_s[[0, -1]] for _, counted in named)),
    }


def _tabled(counted: Counted, q: float) -> Cell:
    value = counted.at(q)
    return duration(value) if value is not None else Missing("a quantile takes at least 1 / (1 - q) values")


def _spoken(named: Sequence[tuple[str, Counted]]) -> str:
    parts = []
    for name, counted in named:
        told = [f"p{100 * q:g} {duration(counted.at(q))}" for q in (0.5, 0.99) if counted.at(q) is not None]
        parts.append(f"{name} {', '.join(told) or 'has too few values'} ({counted.n:,} values)")
    return "; ".join(parts)


def histogram(title: str, counted: Counted, color: str, noun: str) -> Figure:
    """How many values lie where, on a logarithmic axis of latency. noun: what is counted."""
    above = counted.values_s[counted.values_s > 0]
    low = float(above[0]) if len(above) else 1e-6
    # Histogram values are whole microseconds: finer columns would only show the gaps between them.
    edges = np.geomspace(low * 0.999, max(float(counted.values_s[-1]), low * 1.05) * 1.001, _COLUMNS + 1)
    column = np.clip(np.searchsorted(edges, counted.values_s, side="right") - 1, 0, _COLUMNS - 1)
    heights = np.bincount(column, weights=counted.counts, minlength=_COLUMNS)
    trace: dict[str, Any] = stepped(title, edges, np.append(heights, heights[-1]), color, showlegend=False)
    layout = {
        "xaxis": seconds_axis(edges),
        "yaxis": {"title": {"text": noun}, "rangemode": "tozero"},
    }
    rows: list[list[Cell]] = [
        [f"{duration(float(edges[at]))} to {duration(float(edges[at + 1]))}", count(int(heights[at]))]
        for at in np.flatnonzero(heights)
    ]
    most = int(np.argmax(heights))
    middle = counted.at(0.5)
    known = f", half of them at or below {duration(middle)}" if middle is not None else ""
    caption = (
        f"{counted.n:,} {noun}{known}; most between {duration(float(edges[most]))} and "
        f"{duration(float(edges[most + 1]))}, none above {duration(float(counted.values_s[-1]))}."
    )
    return Figure(title, caption, [trace], layout, ["from, to", noun], rows)
