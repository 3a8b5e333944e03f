"""Throughput and load: requests and tokens a second, what was offered against what was done, and turns in flight."""

import numpy as np

from loadgen.metrics.summary import Summary, Throughput
from loadgen.metrics.turn_table import Floats
from loadgen.outputs.console import duration, number
from loadgen.outputs.html.bins import in_flight, per_second, spread
from loadgen.outputs.html.cells import Cell, Missing, facts, figure, seconds, share
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.figure import Figure, grid, line
from loadgen.outputs.html.markup import Html
from loadgen.outputs.html.section import section

_UNKNOWN = "the usage of some turns is unknown"


def throughput_section(summary: Summary, course: Course) -> Html:
    """The measured window's rates, and their course."""
    return section(
        "throughput",
        "Throughput and load",
        facts(_rates(summary)),
        grid([_requests(course), _tokens(course), _load(course)]) if course else None,
    )


def _rates(summary: Summary) -> list[tuple[str, Cell]]:
    throughput, requests = summary.throughput, summary.requests
    nothing = "no measured window"
    return [
        ("measured window", seconds(throughput.window_s)),
        ("requests/s (ok, ended in the window)", figure(throughput.requests_per_s, nothing)),
        ("input tokens/s", figure(throughput.input_tokens_per_s, _why(throughput.input_tokens_per_s_known))),
        ("output tokens/s", figure(throughput.output_tokens_per_s, _why(throughput.output_tokens_per_s_known))),
        ("chunks/s", figure(throughput.chunks_per_s, nothing)),
        ("goodput", share(requests.goodput, "no limit on single turns is stated, or a turn could not be held to one")),
        ("good requests/s", figure(throughput.goodput_requests_per_s, "as goodput")),
        *_counts(summary),
    ]


def _why(known: float | None) -> str:
    return f"{_UNKNOWN}; at least {number(known)}/s" if known else _UNKNOWN


def _counts(summary: Summary) -> list[tuple[str, Cell]]:
    requests = summary.requests
    return [
        ("scheduled", f"{requests.scheduled:,}"),
        ("sent", f"{requests.sent:,}"),
        ("ok", f"{requests.ok:,}"),
        ("failed", f"{requests.failed:,}"),
        ("cut off by us", f"{requests.cancelled:,}"),
        ("dropped", f"{summary.generator.dropped:,}"),
        ("retries", f"{requests.retries:,}"),
        ("reconnects", f"{requests.reconnects:,}"),
    ]


def _requests(course: Course) -> Figure:
    bins, scale = course.bins, course.scale
    due, ends = course.column("intended_s"), course.column("end_s")
    offered = per_second(bins, due) * scale
    done = per_second(bins, ends[course.ok]) * scale
    failed = per_second(bins, ends[~course.seen]) * scale
    data = [
        line("offered: turns due", course.middles, offered, "@5", line={"dash": "dot"}),
        line("done: ended ok", course.middles, done, "@0"),
        line("failed", course.middles, failed, "@1", line={"dash": "dash"}),
    ]
    total = bins.count * bins.width_s
    caption = (
        f"Turns a second, offered against done, by {course.bin_text}: {offered.sum() * bins.width_s:,.0f} came due and "
        f"{done.sum() * bins.width_s:,.0f} ended ok within {duration(total)}; at most {number(float(offered.max()))} "
        f"offered and {number(float(done.max()))} done a second. Dropped arrivals are in no record, and not here."
    )
    return _figure(course, "Requests offered and done", caption, data, [offered, done, failed], "per second")


def _tokens(course: Course) -> Figure:
    first = np.where(np.isnan(course.column("first_output_s")), course.column("end_s"), course.column("first_output_s"))
    rows = course.seen
    rates = [
        _sum(course, first[rows], course.column("end_s")[rows], course.column(name)[rows]) for name in _TOKEN_COLUMNS
    ]
    data = [
        line(name, course.middles, rate, color, yaxis=axis)
        for (name, color, axis), rate in zip(_TOKEN_LINES, rates, strict=True)
    ]
    known = [float(np.nanmax(rate)) if not np.all(np.isnan(rate)) else None for rate in rates]
    caption = (
        f"Tokens a second by the server's usage, each turn's spread evenly from its first output to its end: at most "
        f"{number(known[1])} output and {number(known[0])} input tokens a second. A gap is a time in which a turn's "
        f"usage is unknown."
    )
    second = {"overlaying": "y", "side": "right", "title": {"text": "input tokens/s"}, "showgrid": False}
    return _figure(
        course, "Tokens a second", caption, data, rates, "output tokens/s", ["input/s", "output/s"], yaxis2=second
    )


_TOKEN_COLUMNS = ("input_tokens", "output_tokens")
_TOKEN_LINES = (("input (right)", "@2", "y2"), ("output", "@0", "y"))


def _sum(course: Course, starts: Floats, ends: Floats, weights: Floats) -> Floats:
    """Per second. A turn whose tokens are unknown makes the time of its output unknown."""
    return spread(course.bins, starts, ends, weights) / course.bins.width_s * course.scale


def _load(course: Course) -> Figure:
    mean = in_flight(course.bins, course.column("taken_s"), course.column("end_s")) * course.scale
    most = int(np.argmax(mean))
    caption = (
        f"Turns in flight, mean of each {course.bin_text}: at most {number(float(mean[most]))}, at "
        f"{course.at[most]}. A number that keeps growing in a steady stage is a queue that is never steady."
    )
    data = [line("in flight", course.middles, mean, "@0", fill="tozeroy", fillcolor="@band0", showlegend=False)]
    return _figure(course, "Turns in flight", caption, data, [mean], "turns", ["in flight"])


def _figure(
    course: Course,
    title: str,
    caption: str,
    data: list[dict[str, object]],
    columns: list[Floats],
    unit: str,
    headers: list[str] | None = None,
    **axes: object,
) -> Figure:
    names = headers or [str(trace["name"]) for trace in data]
    rows: list[list[Cell]] = [[at, *(_number(column[row]) for column in columns)] for row, at in enumerate(course.at)]
    layout = course.layout(yaxis={"title": {"text": unit}, "rangemode": "tozero"}, **axes)
    return Figure(title, caption, data, layout, ["from", *names], rows, course.note)


def _number(value: float) -> Cell:
    return Missing("a turn of this time has no known tokens") if np.isnan(value) else number(float(value))


def throughput_of(throughput: Throughput) -> list[tuple[str, Cell]]:
    """The rates of one stage or workload."""
    return [
        ("requests/s", figure(throughput.requests_per_s, "no measured window")),
        ("input tokens/s", figure(throughput.input_tokens_per_s, _why(throughput.input_tokens_per_s_known))),
        ("output tokens/s", figure(throughput.output_tokens_per_s, _why(throughput.output_tokens_per_s_known))),
    ]
