"""Latency: quantiles, their course over the run, percentile curves, heat maps and histograms."""

import numpy as np
import numpy.typing as npt

from loadgen.metrics.summary import Summary
from loadgen.metrics.turn_table import Floats, Mask
from loadgen.outputs.console import duration
from loadgen.outputs.html.bins import (
    GAP_EDGES_S,
    Bands,
    Grid,
    bands,
    gap_grid,
    grid_quantile,
    heat,
    log_edges,
)
from loadgen.outputs.html.cells import Cell, Missing, count
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.curves import Counted, histogram, merged, percentile_curves
from loadgen.outputs.html.figure import Figure, Trace, grid, heatmap, line, seconds_axis
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.section import latency_table, section

_ROWS = 36
# Column of the records, metric of the histograms, name, colour.
_METRICS = (
    ("ttft_s", "ttft", "TTFT", "@0"),
    ("ttfo_s", "ttfo", "TTFO", "@4"),
    ("itl", "itl", "ITL", "@3"),
    ("tpot_s", "tpot", "TPOT", "@2"),
    ("e2e_s", "e2e", "E2E", "@1"),
)
_FEW = "too few values in this time (p90 takes 10, p99 100)"


def latency_section(summary: Summary, course: Course) -> Html:
    """All of it, for the run as a whole."""
    stages = measured_stages(summary)
    counted = counted_metrics(course, stages)
    gaps = gap_grid(course.bins, course.table.only(course.seen)) if course and len(course.table.gap_turn) else None
    return section(
        "latency",
        "Latency",
        latency_table("Latency and service time", summary.latency, summary.service),
        el("p", _censored(summary), class_="notes"),
        el("h3", "Over time", class_="part"),
        grid(over_time(course, gaps)) if course else el("p", "No turn is in the records.", class_="notes"),
        _percentiles(course, counted, stages),
        el("h3", "Heat maps", class_="part") if course else None,
        grid(heat_maps(course, gaps)) if course else None,
        el("h3", "Histograms", class_="part") if counted else None,
        grid(histogram(name, one, color, _noun(name)) for name, color, one in counted),
    )


def measured_stages(summary: Summary) -> list[str]:
    """The stages that the top-level figures are of."""
    return [stage.name for stage in summary.stages if stage.measured]


def counted_metrics(course: Course, stages: list[str], workload: str | None = None) -> list[tuple[str, str, Counted]]:
    """(name, colour, values) of the latencies that were measured."""
    found = [
        (name, color, merged(course.material.histograms, metric, stages, workload))
        for _, metric, name, color in _METRICS
    ]
    ttft = found[0][2]
    # Without reasoning the two are one, and a second picture of it would only be looked at for a difference.
    return [
        (name, color, one)
        for name, color, one in found
        if one is not None and (name != "TTFO" or not one.same_as(ttft))
    ]


def _noun(name: str) -> str:
    return "gaps between chunks" if name == "ITL" else "turns"


def _censored(summary: Summary) -> str:
    cut = summary.requests.censored
    text = "Over the measured stages. Latency from the intended time, service time from the send time."
    if not cut.e2e:
        return text
    return (
        f"{text} {cut.e2e:,} turns were cut off before their end ({cut.ttft:,} of them before any output): their "
        "end-to-end times are only known to be longer and not among these; the TTFT and gaps already seen are."
    )


def _percentiles(course: Course, counted: list[tuple[str, str, Counted]], stages: list[str]) -> Html:
    if not counted:
        return Html("")
    figures = [latency_percentiles("Percentiles", counted)]
    if len(stages) > 1:
        figures += [
            percentile_curves(f"{name} percentiles by stage", by_stage)
            for _, metric, name, _ in _METRICS
            if name in ("TTFT", "E2E") and (by_stage := _by_stage(course, metric, stages))
        ]
    return join([el("h3", "Percentile curves", class_="part"), grid(figures)])


def latency_percentiles(title: str, counted: list[tuple[str, str, Counted]]) -> Figure:
    """The percentile curves of `counted_metrics`, each in its own colour."""
    return percentile_curves(title, [(name, one) for name, _, one in counted], [color for _, color, _ in counted])


def _by_stage(course: Course, metric: str, stages: list[str]) -> list[tuple[str, Counted]]:
    found = [(stage, merged(course.material.histograms, metric, [stage])) for stage in stages]
    return [(stage, one) for stage, one in found if one is not None]


def over_time(course: Course, gaps: Grid | None, only: Mask | None = None) -> list[Figure]:
    """The course of each latency; by the turns' intended times. only: of these turns."""
    figures = []
    for field, _, name, _ in _METRICS:
        if field == "itl":
            if gaps is not None:
                figures.append(_gaps_over_time(course, gaps))
            continue
        rows = (course.seen if field in ("ttft_s", "ttfo_s") else course.ok) & (True if only is None else only)
        values = course.column(field)[rows]
        same = name == "TTFO" and np.array_equal(values, course.column("ttft_s")[rows], equal_nan=True)
        if not same and not np.all(np.isnan(values)):
            found = bands(course.bins, course.column("intended_s")[rows], values)
            figures.append(_bands_figure(course, name, found))
    return figures


def _bands_figure(course: Course, name: str, found: Bands) -> Figure:
    columns = (found.p50, found.p90, found.p99, found.highest)
    tail = _spoken(found.p99, ", p99") or " (a p99 takes 100 turns)"
    return Figure(
        f"{name} over time",
        f"{name} of the turns due in each {course.bin_text}: {_spoken(found.p50, 'p50')}{tail}; never more than "
        f"{duration(float(np.nanmax(found.highest)))}.",
        _band_traces(course, *columns),
        course.layout(yaxis=seconds_axis(*columns)),
        ["from", "turns", "p50", "p90", "p99", "max"],
        [
            [
                at,
                count(int(found.n[row])),
                *(_time(one[row]) for one in columns),
            ]
            for row, at in enumerate(course.at)
        ],
        course.note,
    )


def _gaps_over_time(course: Course, gaps: Grid) -> Figure:
    edges = np.array(GAP_EDGES_S)
    p50, p90, p99 = (grid_quantile(gaps, edges, q) for q in (0.5, 0.9, 0.99))
    rows: list[list[Cell]] = [
        [at, count(round(float(gaps[row].sum()))), *(_time(one[row]) for one in (p50, p90, p99))]
        for row, at in enumerate(course.at)
    ]
    return Figure(
        "ITL over time",
        f"Gaps between chunks in each {course.bin_text}, to the upper edge of bins 19 % wide, each turn's spread "
        f"evenly over its output: {_spoken(p50, 'p50')}{_spoken(p99, ', p99')}.",
        _band_traces(course, p50, p90, p99, None),
        course.layout(yaxis=seconds_axis(p50, p90, p99)),
        ["from", "gaps", "p50", "p90", "p99"],
        rows,
        course.note,
    )


def _band_traces(course: Course, p50: Floats, p90: Floats, p99: Floats, highest: Floats | None) -> list[Trace]:
    x = course.middles
    traces = [
        line("p50", x, p50, "@0"),
        line("p90", x, p90, "@2", line={"dash": "dash"}, **_filled(p50, p90, "@band0")),
        line("p99", x, p99, "@1", line={"dash": "dashdot"}, **_filled(p90, p99, "@band1")),
    ]
    if highest is not None:
        traces.append({**line("max", x, highest, "@5"), "mode": "markers"})
    return traces


def _filled(lower: Floats, upper: Floats, color: str) -> Trace:
    """The band below a line. Plotly fills across a gap as if there were none: only where neither line has one."""
    known = np.flatnonzero(~np.isnan(upper))
    gapless = len(known) > 0 and known[-1] - known[0] + 1 == len(known)
    same = np.array_equal(np.isnan(lower), np.isnan(upper))
    return {"fill": "tonexty", "fillcolor": color} if gapless and same else {}


def _spoken(values: Floats, name: str) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return ""
    low, high = duration(float(known.min())), duration(float(known.max()))
    return f"{name} {low}" if low == high else f"{name} {low} to {high}"


def _time(value: float) -> Cell:
    return Missing(_FEW) if np.isnan(value) else duration(float(value))


def heat_maps(course: Course, gaps: Grid | None) -> list[Figure]:
    """Time against latency: TTFT, ITL and E2E."""
    figures = []
    for field, rows, name in (("ttft_s", course.seen, "TTFT"), ("e2e_s", course.ok, "E2E")):
        values = course.column(field)[rows]
        if not np.all(np.isnan(values)):
            edges = log_edges(values[~np.isnan(values)], _ROWS)
            cells = heat(course.bins, course.column("intended_s")[rows], values, edges)
            figures.append(_heat_figure(course, name, cells, edges, "turns"))
    if gaps is not None and gaps.sum() > 0:
        used = np.flatnonzero(gaps.sum(axis=0))
        low, high = int(used[0]), min(int(used[-1]), len(GAP_EDGES_S) - 1)
        # The first bin reaches down to 0, which a logarithmic axis does not: it is drawn as wide as the others.
        edges = np.array([GAP_EDGES_S[low] / 2**0.25, *GAP_EDGES_S[low : high + 1]])
        figures.insert(1, _heat_figure(course, "ITL", gaps[:, low : high + 1], edges, "gaps between chunks"))
    return figures


def _heat_figure(course: Course, name: str, cells: Grid, edges: npt.NDArray[np.float64], noun: str) -> Figure:
    totals = cells.sum(axis=0)
    rows: list[list[Cell]] = [
        [f"{duration(float(edges[at]))} to {duration(float(edges[at + 1]))}", count(round(float(totals[at])))]
        for at in np.flatnonzero(totals)
    ]
    most = int(np.argmax(totals))
    sides = np.append(course.bins.starts_s, course.bins.count * course.bins.width_s)
    trace = heatmap(np.array(course.times(sides), dtype=np.float64), edges, cells, noun)
    caption = (
        f"Of the {noun} in each {course.bin_text}, the share by {name}: the stronger the colour, the more; most lie "
        f"between {duration(float(edges[most]))} and {duration(float(edges[most + 1]))}."
    )
    return Figure(
        f"{name} by time",
        caption,
        [trace],
        course.layout(yaxis=seconds_axis(edges)),
        [f"{name}, from, to", noun],
        rows,
        course.note,
    )
