"""The generator's own health: whether the figures are the target's, and how late and how busy loadgen itself was."""

import numpy as np

from loadgen.metrics.histogram import Dist
from loadgen.metrics.summary import Generator, Summary
from loadgen.outputs.console import beside, duration, number, percent
from loadgen.outputs.html.bins import bands
from loadgen.outputs.html.cells import Cell, Missing, facts, figure, quantile_cells, seconds, table
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.figure import SECONDS_AXIS, Figure, line, render
from loadgen.outputs.html.markup import Html, el
from loadgen.outputs.html.section import paragraphs, section

_NO_LAG = "no turn was taken up"
_NO_LOOP = "the event loop's lag was not measured"


def certificate(generator: Generator) -> Html:
    """Valid or not, why, and the figures that say so."""
    told = (
        f"schedule lag p99 {duration(_p99(generator.schedule_lag_s))}, loop lag p99 "
        f"{duration(_p99(generator.loop_lag_s))}, engine {percent(generator.cpu_ratio)} of a core, "
        f"{number(generator.chunks_per_read)} chunks a read"
        f"{beside(generator)}"
    )
    word, meaning = (
        ("Certified", f"the generator was not the bottleneck: {told}.")
        if generator.valid
        else ("Not certified", f"the generator was the bottleneck: {told}.")
    )
    return el(
        "div",
        el("p", el("strong", word), ": ", meaning),
        paragraphs([*generator.reasons, *generator.notes]),
        class_="certificate valid" if generator.valid else "certificate invalid",
    )


def generator_section(summary: Summary, course: Course) -> Html:
    """Lag over time and by stage, CPU, chunks per read."""
    generator = summary.generator
    return section(
        "generator",
        "Generator health",
        facts(
            [
                ("valid", "yes" if generator.valid else "no"),
                ("schedule lag p99", seconds(_p99(generator.schedule_lag_s), f"{_NO_LAG}, or fewer than 100 were")),
                ("loop lag p99", seconds(_p99(generator.loop_lag_s), _NO_LOOP)),
                ("engine's share of a core (busiest worker)", _cpu(generator)),
                ("chunks per read", figure(generator.chunks_per_read, "no chunk was read")),
                ("arrivals dropped above max_in_flight", f"{generator.dropped:,}"),
            ]
        ),
        render(_lag(course)) if course else None,
        _by_stage(summary),
    )


def _lag(course: Course) -> Figure:
    intended = course.column("intended_s")
    # A timer that fired early is no lag, as the summary has it.
    found = bands(course.bins, intended, np.maximum(course.column("taken_s") - intended, 0.0))
    x = course.middles
    data = [
        line("p50", x, found.p50, "@0"),
        line("p99", x, found.p99, "@1"),
        line("highest", x, found.highest, "@5", line={"dash": "dot", "width": 1}),
    ]
    rows: list[list[Cell]] = [
        [at, f"{found.n[row]:,}", *(_time(values[row]) for values in (found.p50, found.p99, found.highest))]
        for row, at in enumerate(course.at)
    ]
    worst = float(np.nanmax(found.highest)) if len(course.table) else None
    caption = f"How late turns were taken up, by {course.bin_text}; never more than {duration(worst)}."
    return Figure(
        "Schedule lag over time",
        caption,
        data,
        course.layout(yaxis={"title": {"text": "lag"}, "rangemode": "tozero", **SECONDS_AXIS}),
        ["from", "turns", "p50", "p99", "highest"],
        rows,
    )


def _by_stage(summary: Summary) -> Html:
    rows: list[list[Cell]] = []
    for stage in summary.stages:
        rows.append([f"{stage.name}: schedule lag", *quantile_cells(stage.generator.schedule_lag_s, _NO_LAG)])
        rows.append([f"{stage.name}: loop lag", *quantile_cells(stage.generator.loop_lag_s, _NO_LOOP)])
    return table(["", "mean", "p50", "p90", "p95", "p99", "p99.9", "max", "n"], rows, label="Lag by stage")


def _cpu(generator: Generator) -> Cell:
    return Missing("no worker could sample it") if generator.cpu_ratio is None else percent(generator.cpu_ratio)


def _time(value: float) -> Cell:
    return Missing("too few turns in this time") if np.isnan(value) else duration(float(value))


def _p99(dist: Dist | None) -> float | None:
    return None if dist is None else dist.p99
