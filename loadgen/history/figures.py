"""The plots of a history: each measure's course, its drifts drawn in with day and size; several soaks on one axis."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from loadgen.history.axes import days_since, edges_of, time_axis
from loadgen.history.week import Course, Week, drift_of
from loadgen.history.words import change, drift_size, drift_when, figure, level, moment, named, stretches
from loadgen.outputs.html.cells import Cell, Missing
from loadgen.outputs.html.figure import SECONDS_AXIS, Figure, Layout, Trace, line, numbers
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drift

_COLOURS: Final = 6
_LIFETIME: Final = "cache.lifetime_s"


def course_figure(weeks: Sequence[Week], name: str) -> Figure:
    """One measure of one soak or of several; those that know nothing of it are left out."""
    having = [week for week in weeks if name in week.courses and week.courses[name].known]
    unit = having[0].courses[name].unit
    traces: list[Trace] = []
    layout: Layout = {
        "xaxis": time_axis(having),
        "yaxis": _value_axis(having, name, unit),
        "shapes": [],
        "annotations": [],
    }
    for at, week in enumerate(having):
        colour = f"@{weeks.index(week) % _COLOURS}"
        course = week.courses[name]
        title = named(week) if len(weeks) > 1 else name
        traces += (
            _lifetime(week, course, title, colour) if name == _LIFETIME else _line(week, course, title, colour, at)
        )
        layout["shapes"] += _gap_shapes(week) if len(weeks) == 1 else []
        for drift in drift_of(week, name):
            traces += _levels(week, drift, title)
            layout["shapes"] += _drift_shapes(week, drift)
            layout["annotations"] += _drift_notes(week, drift, layout["xaxis"]["range"][1])
    captions = [_caption(week, name, alone=len(weeks) == 1) for week in having]
    headers, rows = _table(having, name)
    return Figure(name, " ".join(captions), traces, layout, headers, rows)


def _delays(weeks: Sequence[Week]) -> Layout:
    """Ticks at the delays after which the cache was asked; logarithmic, unless a prefix was gone by the first."""
    courses = [week.courses[_LIFETIME] for week in weeks]
    known = np.unique(np.concatenate([np.concatenate([course.lows, course.highs]) for course in courses]))
    ticks = [float(one) for one in known if np.isfinite(one)]
    shown: Layout = {"tickvals": ticks, "ticktext": [figure(tick, _LIFETIME, "s") for tick in ticks]}
    return shown if not ticks or ticks[0] <= 0 else {**shown, "type": "log"}


def _value_axis(weeks: Sequence[Week], name: str, unit: str) -> Layout:
    if name == _LIFETIME:
        return {"title": {"text": "lifetime"}, "rangemode": "tozero", "hoverformat": "~g", **_delays(weeks)}
    if unit == "s":
        return {**SECONDS_AXIS, "title": {"text": "seconds"}, "rangemode": "tozero"}
    if unit == "ratio":
        top = {} if name.startswith("errors.") or name.endswith("_rate") else {"range": [-0.02, 1.04]}
        return {"tickformat": ".0%", "rangemode": "tozero", "title": {"text": "share"}, **top}
    return {"title": {"text": unit}}


def _line(week: Week, course: Course, title: str, colour: str, at: int) -> list[Trace]:
    """The values, and the range between their bounds where these are known; broken where something is missing."""
    x, (values, lows, highs) = _broken(week, course, course.values, course.lows, course.highs)
    hover = {"text": _moments(week, x), "hovertemplate": "%{text}<br>%{y}<extra>%{fullData.name}</extra>"}
    traces = [line(title, x, values, colour, **hover, showlegend=True)]
    if at < 2 and (~np.isnan(lows) & ~np.isnan(highs)).any():
        traces = [*_band(x, lows, highs, f"@band{at}"), *traces]
    return traces


def _band(x: F64, lows: F64, highs: F64, colour: str) -> list[Trace]:
    """The area between bounds; each stretch without a break an area of its own, for a fill would cross the break."""
    known = ~(np.isnan(lows) | np.isnan(highs))
    found: list[Trace] = []
    for part in _runs(known):
        around: Trace = {
            "type": "scatter",
            "mode": "lines",
            "x": numbers(np.concatenate([x[part], x[part][::-1]])),
            "y": numbers(np.concatenate([lows[part], highs[part][::-1]])),
            "fill": "toself",
            "fillcolor": colour,
            "line": {"width": 0, "color": colour},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        found.append(around)
    return found


def _runs(known: np.ndarray[Any, np.dtype[np.bool_]]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [slice(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _lifetime(week: Week, course: Course, title: str, colour: str) -> list[Trace]:
    """What is known of a lifetime: it is longer than what still hit and shorter than what did not."""
    x, (lows, highs) = _broken(week, course, course.lows, course.highs)
    hover = {"text": _moments(week, x), "hovertemplate": "%{text}<br>%{y}<extra>%{fullData.name}</extra>"}
    step = {"line": {"shape": "hv"}}
    return [
        *_band(x, lows, highs, "@band0"),
        line(f"{title}: longest that still hit", x, lows, colour, **step, **hover),
        line(f"{title}: shortest that did not", x, highs, colour, line={"shape": "hv", "dash": "dot"}, **hover),
    ]


def _broken(week: Week, course: Course, *columns: F64) -> tuple[F64, list[F64]]:
    """Days and columns with a break in each gap: what was not measured is not drawn across."""
    breaks = [gap.from_s + 0.5 * (gap.to_s - gap.from_s) for gap in week.gaps]
    # A measure may be missing where the window as a whole is not.
    spans = np.diff(course.times_s)
    if len(spans):
        usual = float(np.median(spans))
        wide = spans > 2.5 * max(usual, week.soak.every_s)
        breaks += [float(at) for at in (course.times_s[:-1] + 0.5 * spans)[wide]]
    times = np.concatenate([course.times_s, np.array(breaks, dtype=np.float64)])
    order = np.argsort(times, kind="stable")
    nothing = np.full(len(breaks), np.nan)
    return days_since(week, times[order]), [np.concatenate([column, nothing])[order] for column in columns]


def _moments(week: Week, x: F64) -> list[str]:
    return [moment(week.soak.started_s + float(day) * 86_400) for day in x]


def _gap_shapes(week: Week) -> list[dict[str, Any]]:
    return [_area(week, gap.from_s, gap.to_s, "@unmeasured") for gap in week.gaps]


def _area(week: Week, from_s: float, to_s: float, colour: str) -> dict[str, Any]:
    x0, x1 = (float(day) for day in days_since(week, np.array([from_s, to_s])))
    place = {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1, "layer": "below"}
    return {**place, "fillcolor": colour, "line": {"width": 0}}


def _levels(week: Week, drift: Drift, title: str) -> list[Trace]:
    """The level before a drift and the one after it, seasons taken out; of a trend the line between them."""
    start, end = week.soak.started_s, week.until_s
    if drift.kind == "trend":
        times, levels = [drift.at_low_s, drift.at_high_s], [drift.before, drift.after]
    else:
        times, levels = [start, drift.at_s, drift.at_s, end], [drift.before] * 2 + [drift.after] * 2
    x = days_since(week, np.array(times))
    made = line(f"{title}: the drift", x, levels, "@3", line={"dash": "dash"}, hoverinfo="skip")
    return [{**made, "mode": "lines"}]


def _drift_shapes(week: Week, drift: Drift) -> list[dict[str, Any]]:
    shapes = [_area(week, drift.at_low_s, drift.at_high_s, "@band1")] if drift.kind == "step" else []
    x = float(days_since(week, np.array([drift.at_s]))[0])
    place = {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1}
    return [*shapes, {**place, "line": {"color": "@3", "width": 2, "dash": "dot"}}] if drift.kind == "step" else shapes


def _drift_notes(week: Week, drift: Drift, until: float) -> list[dict[str, Any]]:
    """The size at its place, above the plot; the page's script leaves it out where it has no room."""
    x = float(days_since(week, np.array([drift.at_s]))[0])
    size = change(drift.size, drift, week.courses[drift.series].unit)
    texts = [f"{size} on {moment(drift.at_s)}", size]
    place = {"x": x, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
    return [{**place, "until": until, "texts": texts}]


def _caption(week: Week, name: str, *, alone: bool) -> str:
    """The key numbers in a sentence or two."""
    course = week.courses[name]
    who = "" if alone else f"{named(week)}: "
    whole = course.level()
    over = f"over {whole.windows} window{'' if whole.windows == 1 else 's'}"
    if (days := week.days) is not None:
        first, last = (level(course.between(*day), name, course.unit) for day in days)
        said = f"{who}Median {first} on the first day and {last} on the last, {over}."
    else:
        said = f"{who}Median {level(whole, name, course.unit)} {over}."
    known = course.values[~np.isnan(course.values)]
    if len(known):
        least, most = (figure(float(one), name, course.unit) for one in (known.min(), known.max()))
        said += f" From {least} to {most}."
    for drift in drift_of(week, name):
        said += f" A {drift.kind} of {drift_size(drift, course.unit)}, {drift_when(drift, week.soak.started_s)}."
    return said


def _table(weeks: Sequence[Week], name: str) -> tuple[list[str], list[list[Cell]]]:
    """The data by stretches of whole windows: their means, or the bounds where only these are known."""
    if len(weeks) == 1:
        week = weeks[0]
        edges = edges_of(week)
        starts = [moment(float(edge)) for edge in edges[:-1]]
        return ["from (UTC)", "mean"], [
            [start, cell] for start, cell in zip(starts, _means(week, name, edges), strict=True)
        ]
    columns = [list(_means(week, name, edges_of(week))) for week in weeks]
    each_s = [float(np.diff(edges_of(week)[:2])[0]) for week in weeks]
    headers = [
        "stretch",
        *(f"{named(week)}, {step / 3600:.3g} h each" for week, step in zip(weeks, each_s, strict=True)),
    ]
    most = max(map(len, columns))
    nothing = Missing("it had ended by then")
    rows: list[list[Cell]] = [
        [str(at + 1), *(column[at] if at < len(column) else nothing for column in columns)] for at in range(most)
    ]
    return headers, rows


def _means(week: Week, name: str, edges: F64) -> list[Cell]:
    course = week.courses[name]
    means = stretches(course, edges)
    found: list[Cell] = []
    for at, mean in enumerate(means):
        if not np.isnan(mean):
            found.append(figure(float(mean), name, course.unit))
            continue
        bounds = course.between(float(edges[at]), float(edges[at + 1]))
        told = level(bounds, name, course.unit)
        found.append(told if bounds.windows else Missing("nothing was measured, or its value is not known"))
    return found


def spread_figure(week: Week, prompts: str) -> Figure | None:
    """Output tokens of one class of prompts: their mean, and a standard deviation to either side; None without both."""
    mean, sd = (week.courses.get(f"output.tokens.{part}.{prompts}") for part in ("mean", "sd"))
    if mean is None or sd is None:
        return None
    at = dict(zip(sd.windows.tolist(), sd.values.tolist(), strict=True))
    spread = np.array([at.get(window, np.nan) for window in mean.windows.tolist()])
    x, (means, lows, highs) = _broken(week, mean, mean.values, mean.values - spread, mean.values + spread)
    traces = [*_band(x, lows, highs, "@band0"), line("mean", x, means, "@0", text=_moments(week, x))]
    p95 = week.courses.get(f"output.tokens.p95.{prompts}")
    if p95 is not None:
        tail_x, (tail,) = _broken(week, p95, p95.values)
        traces.append(line("p95", tail_x, tail, "@1", line={"dash": "dash"}, text=_moments(week, tail_x)))
    layout: Layout = {
        "xaxis": time_axis([week]),
        "yaxis": {"title": {"text": "output tokens"}, "rangemode": "tozero"},
        "shapes": _gap_shapes(week),
    }
    edges = edges_of(week)
    rows: list[list[Cell]] = [
        [moment(float(edges[row])), one, other]
        for row, (one, other) in enumerate(
            zip(_means(week, mean.name, edges), _means(week, sd.name, edges), strict=True)
        )
    ]
    caption = (
        f"Output tokens of the same prompts ({prompts}), asked again and again: the area is one standard deviation to "
        f"either side of the mean. Median mean {level(mean.level(), mean.name, mean.unit)}, median standard deviation "
        f"{level(sd.level(), sd.name, sd.unit)}."
    )
    return Figure(f"Output tokens: {prompts}", caption, traces, layout, ["from (UTC)", "mean", "sd"], rows)
