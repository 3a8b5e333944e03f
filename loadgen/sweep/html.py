"""report.html of a sweep: the answer, the capacity curve with its knee, and every step. A pure function of the sweep.

Made of the same parts as a run's report, and as self-contained.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from loadgen.outputs.console import duration, money, number
from loadgen.outputs.html.cells import Cell, Missing, facts, percentage, table
from loadgen.outputs.html.figure import Figure, Layout, Trace, grid, line, seconds_axis
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.page import page
from loadgen.outputs.html.section import paragraphs, section
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.conclusion import points_of, shown
from loadgen.sweep.folder import write_whole
from loadgen.sweep.model import Figures, Quantiles, Step, Sweep
from loadgen.sweep.table import rows

Floats = npt.NDArray[np.float64]
_NAME = "report.html"
_MARKS = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive", "invalid": "! invalid", "none": "–"}


def write_sweep_report(folder: Path, sweep: Sweep) -> Path:
    """Write report.html; its path. Raises UsageError where the disk would not take it."""
    write_whole(folder, _NAME, sweep_report(sweep).encode())
    return folder / _NAME


def sweep_report(sweep: Sweep) -> str:
    """The whole page."""
    subject = sweep.subject
    target = subject.target or f"the embedded simulator, profile {subject.profile}"
    points = points_of(sweep.steps)
    started = sweep.started_at[:19].replace("T", " ")
    return page(
        title=f"{subject.scenario}: sweep",
        heading=f"{subject.scenario}: sweep",
        below=f"{subject.model} at {target}, started {started} UTC, {len(sweep.steps)} steps",
        contents=[("answer", "Answer"), ("curve", "Capacity curve"), ("steps", "Steps"), ("run", "What was measured")],
        body=join([_answer(sweep), _curves(sweep, points), _steps(sweep), _subject(sweep, target)]),
        foot=f"loadgen {sweep.version}. One file, complete in itself: it loads nothing.",
    )


def _answer(sweep: Sweep) -> Html:
    result = sweep.result
    if result is None:
        return section("answer", "Answer", el("p", "No step has come to its end yet."))
    outcome = {"found": "pass", "at_least": "pass", "none_passes": "fail", "generator": "invalid", "curve": "none"}
    return section(
        "answer",
        "Answer",
        el("p", el("strong", result.text), class_=f"badge {outcome.get(result.kind, 'inconclusive')}"),
        el("p", result.knee.text) if result.knee is not None else None,
        None if result.complete else el("p", "The sweep did not come to its end; these are the steps so far."),
        paragraphs(sweep.notes, "told"),
    )


def _curves(sweep: Sweep, points: Sequence[Step]) -> Html:
    if not points:
        return section("curve", "Capacity curve", el("p", "No step with a sound generator has been measured."))
    figures = [_latency(sweep, points, "TTFT", lambda f: f.ttft_s), _latency(sweep, points, "E2E", lambda f: f.e2e_s)]
    figures += [_speeds(points), _sent(points, _level(sweep))]
    for title, noun, value in (
        ("Cost against load", "per million output tokens", _cost),
        ("Throughput per dollar", "output tokens per USD", lambda figures: figures.output_tokens_per_usd),
        ("Goodput against load", "goodput", lambda figures: figures.goodput),
    ):
        figures += _against_load(sweep, points, title, noun, value)
    return section("curve", "Capacity curve", grid(figures))


def _column(points: Sequence[Step], value: Callable[[Figures], float | None]) -> Floats:
    found = [value(step.figures) for step in points]
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)


def _quantile(points: Sequence[Step], of: Callable[[Figures], Quantiles | None], name: str) -> Floats:
    def value(figures: Figures) -> float | None:
        found = of(figures)
        return None if found is None else getattr(found, name)

    return _column(points, value)


def _requests(points: Sequence[Step]) -> Floats:
    return _column(points, lambda figures: figures.requests_per_s)


def _latency(sweep: Sweep, points: Sequence[Step], name: str, of: Callable[[Figures], Quantiles | None]) -> Figure:
    """Throughput against latency: the capacity curve itself, its knee marked."""
    x = _requests(points)
    p50, p90, p99 = (_quantile(points, of, name) for name in ("p50", "p90", "p99"))
    unit = sweep.subject.unit
    levels = [shown(step.level, unit) for step in points]
    data = [
        _marked(line("p50", x, p50, "@0"), levels),
        _marked(line("p90", x, p90, "@2", line={"dash": "dash"}), levels),
        _marked(line("p99", x, p99, "@1", line={"dash": "dashdot"}), levels),
    ]
    layout: Layout = {
        "xaxis": {"title": {"text": "requests/s done"}, "rangemode": "tozero"},
        "yaxis": seconds_axis(p50, p90, p99, title=name),
        "hovermode": "closest",
    }
    knee = sweep.result.knee if sweep.result is not None else None
    said = ""
    if knee is not None and knee.level is not None:
        at = next(row for row, step in enumerate(points) if step.level == knee.level)
        layout["shapes"] = [_knee_line(x[at])]
        said = f" The knee, the dotted line, is at {levels[at]} ({number(float(x[at]))} requests/s)."
    caption = f"{name} against the requests done a second, a point a level: {_ends(levels, x, p50, p99)}.{said}"
    table_rows: list[list[Cell]] = [
        [levels[row], _number(x[row]), *(_time(one[row]) for one in (p50, p90, p99))] for row in range(len(points))
    ]
    headers = ["level", "requests/s", "p50", "p90", "p99"]
    return Figure(f"{name} against throughput", caption, data, layout, headers, table_rows)


def _marked(trace: Trace, levels: list[str]) -> Trace:
    hover = "%{text}<br>%{x:.4~g}/s<br>%{y}<extra>%{fullData.name}</extra>"
    return {**trace, "text": levels, "hovertemplate": hover, "marker": {**trace["marker"], "size": 7}}


def _knee_line(x: float) -> dict[str, object]:
    place = {"type": "line", "xref": "x", "yref": "paper", "x0": float(x), "x1": float(x), "y0": 0, "y1": 1}
    return {**place, "line": {"color": "@3", "width": 2, "dash": "dot"}}


def _ends(levels: list[str], x: Floats, p50: Floats, p99: Floats) -> str:
    told = []
    for row in sorted({0, len(levels) - 1}):
        tail = "" if np.isnan(p99[row]) else f", p99 {duration(float(p99[row]))}"
        middle = "no p50" if np.isnan(p50[row]) else f"p50 {duration(float(p50[row]))}"
        rate = "an unknown number of" if np.isnan(x[row]) else number(float(x[row]))
        told.append(f"at {levels[row]} {rate} requests/s, {middle}{tail}")
    return "; ".join(told)


def _speeds(points: Sequence[Step]) -> Figure:
    """What one user gets against what all get."""
    total = _column(points, lambda figures: figures.output_tokens_per_s)
    each = _column(points, lambda figures: figures.output_tokens_per_s_per_user)
    caption = (
        "Output tokens a second that one stream reads (1 / TPOT p50) against those of all, a point a level: "
        f"from {_number_text(each[0])} a user at {_number_text(total[0])} in all to {_number_text(each[-1])} at "
        f"{_number_text(total[-1])}."
    )
    layout: Layout = {
        "xaxis": {"title": {"text": "output tokens/s, all"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "output tokens/s a user"}, "rangemode": "tozero"},
    }
    table_rows: list[list[Cell]] = [
        [f"{step.level:g}", _number(total[row]), _number(each[row])] for row, step in enumerate(points)
    ]
    data = [line("a user", total, each, "@0", showlegend=False)]
    return Figure(
        "Speed of one against throughput of all", caption, data, layout, ["level", "all", "a user"], table_rows
    )


def _level(sweep: Sweep) -> str:
    return "new sessions/s" if sweep.subject.unit == "rate" else "users"


def _sent(points: Sequence[Step], level: str) -> Figure:
    """What was offered against what was done: where they part, the target is full."""
    levels = np.array([step.level for step in points])
    sent, done = _column(points, lambda figures: figures.sent_per_s), _requests(points)
    data = [
        line("sent", levels, sent, "@5", line={"dash": "dot"}),
        line("done", levels, done, "@0"),
    ]
    caption = (
        f"Requests sent and done a second against the level: at most {_number_text(np.nanmax(done, initial=0))} were "
        "done. Where the two part, the target is full."
    )
    layout: Layout = {
        "xaxis": {"title": {"text": level}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "requests/s"}, "rangemode": "tozero"},
    }
    table_rows: list[list[Cell]] = [
        [f"{step.level:g}", _number(sent[row]), _number(done[row])] for row, step in enumerate(points)
    ]
    return Figure("Sent and done against load", caption, data, layout, ["level", "sent/s", "done/s"], table_rows)


def _against_load(
    sweep: Sweep, points: Sequence[Step], title: str, noun: str, value: Callable[[Figures], float | None]
) -> list[Figure]:
    """One figure of the value by requests/s; none where no step has it."""
    x, y = _requests(points), _column(points, value)
    if np.all(np.isnan(y)):
        return []
    share = noun == "goodput"
    currency = next((step.figures.currency for step in points if step.figures.currency), "USD")
    noun = noun if share or "USD" in noun else f"{currency} {noun}"
    known = y[~np.isnan(y)]

    def told(one: float) -> str:
        if share:
            return percentage(one)
        return number(one) if noun.startswith("output tokens") else money(one)

    caption = (
        f"{noun[0].upper()}{noun[1:]} against the requests done a second: from {told(known[0])} to {told(known[-1])}."
    )
    layout: Layout = {
        "xaxis": {"title": {"text": "requests/s done"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": noun}, "rangemode": "tozero", **({"tickformat": ".0%"} if share else {})},
    }
    table_rows: list[list[Cell]] = [
        [shown(step.level, sweep.subject.unit), Missing("not known") if np.isnan(y[row]) else told(float(y[row]))]
        for row, step in enumerate(points)
    ]
    return [Figure(title, caption, [line(noun, x, y, "@1", showlegend=False)], layout, ["level", noun], table_rows)]


def _cost(figures: Figures) -> float | None:
    return figures.cost_per_1m_output_tokens


def _number(value: float) -> Cell:
    return Missing("unknown in this step") if np.isnan(value) else number(float(value))


def _number_text(value: float) -> str:
    return number(None if np.isnan(value) else float(value))


def _time(value: float) -> Cell:
    return Missing("too few turns in this step") if np.isnan(value) else duration(float(value))


def _steps(sweep: Sweep) -> Html:
    titles, cells = rows(sweep)
    # The reason beside the verdict: at the table's end nobody would scroll to it.
    at = titles.index("verdict") + 1
    linked = [
        [
            el("a", str(step.number), href=f"{step.folder}/report.html"),
            *row[:at],
            el("span", step.reason, class_="why"),
            *row[at:],
        ]
        for step, row in zip(sweep.steps, cells, strict=True)
    ]
    headers = ["step", *titles[:at], "because", *titles[at:]]
    shown_rows = [[_MARKS.get(cell, cell) if not isinstance(cell, Html) else cell for cell in row] for row in linked]
    note = "A step's number leads to its own report. A dash was not measured."
    return section(
        "steps",
        "Steps",
        table(headers, shown_rows, label="Steps", words=(0, at, at + 1), stacked=True) if linked else None,
        el("p", note, class_="notes"),
    )


def _subject(sweep: Sweep, target: str) -> Html:
    subject, plan = sweep.subject, sweep.plan
    return section(
        "run",
        "What was measured",
        facts(
            [
                ("scenario", subject.scenario),
                ("target", target),
                ("model", subject.model),
                ("SLOs", ", ".join(subject.slos) or Missing("the scenario states none")),
                ("a step lasts", f"{format_duration(subject.duration_s)} to {format_duration(plan.max_step_s)}"),
                ("workers", str(subject.workers)),
                ("seeds from", str(subject.seed)),
                ("loadgen", sweep.version),
            ]
        ),
    )
