"""Throughput and load: requests and tokens a second, what was offered against what was done, and turns in flight."""

import numpy as np

from loadgen.metrics.summary import Summary, Throughput
from loadgen.metrics.turn_table import Floats
from loadgen.outputs.console import duration, number
from loadgen.outputs.html.bins import in_flight, per_second, spread
from loadgen.outputs.html.cells import Cell, facts, figure, seconds, share
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
        ("input tokens/s", figure(throughput.input_tokens_per_s, _UNKNOWN, throughput.input_tokens_per_s_known)),
        ("output tokens/s", figure(throughput.output_tokens_per_s, _UNKNOWN, throughput.output_tokens_per_s_known)),
        ("chunks/s", figure(throughput.chunks_per_s, nothing)),
        ("goodput", share(requests.goodput, "no limit on single turns is stated, or a turn could not be held to one")),
        ("good requests/s", figure(throughput.goodput_requests_per_s, "as goodput")),
        *_counts(summary),
    ]


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
    caption = (
        f"Turns a second, offered against done, by {course.bin_text}: {offered.sum() * bins.width_s:,.0f} came due and "
        f"{done.sum() * bins.width_s:,.0f} ended ok within {duration(course.total_s)}; at most "
        f"{number(float(offered.max()))} offered and {number(float(done.max()))} done a second. "
        "Dropped arrivals are in no record, and not here."
    )
    return _figure(course, "Requests offered and done", caption, data, [offered, done, failed], "per second")


def _tokens(course: Course) -> Figure:
    first, end = course.column("first_output_s"), course.column("end_s")
    starts = np.where(np.isnan(first), end, first)
    given, got = (_known(course, starts, end, course.column(name)) for name in ("input_tokens", "output_tokens"))
    data = [
        line("output", course.middles, got, "@0"),
        line("input (right)", course.middles, given, "@2", line={"dash": "dash"}, yaxis="y2"),
    ]
    unknown = int((np.isnan(course.column("output_tokens")) & ~np.isnan(first)).sum())
    left_out = f" {unknown:,} turns whose usage is unknown are left out: it was more than that." if unknown else ""
    caption = (
        f"Tokens a second by the server's usage, each turn's spread evenly from its first output to its end: at most "
        f"{number(float(got.max()))} output and {number(float(given.max()))} input tokens a second.{left_out}"
    )
    # Ticks of its own: those at the left axis' heights would be odd numbers.
    axis = {
        "overlaying": "y",
        "side": "right",
        "title": {"text": "input tokens/s"},
        "rangemode": "tozero",
        "showgrid": False,
        "tickmode": "auto",
    }
    headers = ["output/s", "input/s"]
    unit = "known output tokens/s" if unknown else "output tokens/s"
    return _figure(course, "Tokens a second", caption, data, [got, given], unit, headers, yaxis2=axis)


def _known(course: Course, starts: Floats, ends: Floats, tokens: Floats) -> Floats:
    """Known tokens per second."""
    known = ~np.isnan(tokens)
    return spread(course.bins, starts[known], ends[known], tokens[known]) / course.bins.width_s * course.scale


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
    rows: list[list[Cell]] = [
        [at, *(number(float(column[row])) for column in columns)] for row, at in enumerate(course.at)
    ]
    layout = course.layout(yaxis={"title": {"text": unit}, "rangemode": "tozero"}, **axes)
    return Figure(title, caption, data, layout, ["from", *names], rows, course.note)


def throughput_of(throughput: Throughput) -> list[tuple[str, Cell]]:
    """The rates of one stage or workload."""
    return [
        ("requests/s", figure(throughput.requests_per_s, "no measured window")),
        ("input tokens/s", figure(throughput.input_tokens_per_s, _UNKNOWN, throughput.input_tokens_per_s_known)),
        ("output tokens/s", figure(throughput.output_tokens_per_s, _UNKNOWN, throughput.output_tokens_per_s_known)),
    ]
