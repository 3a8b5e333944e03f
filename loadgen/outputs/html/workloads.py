"""A page for each workload: its own requests, latency, tokens and cost, and what it alone measures."""

import msgspec

from loadgen.metrics.summary import Quality, Summary, WorkloadSummary
from loadgen.outputs.console import in_unit, number
from loadgen.outputs.html.bins import gap_grid
from loadgen.outputs.html.cells import Cell, Missing, count, facts, share, table
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.figure import grid
from loadgen.outputs.html.latency import counted_metrics, latency_percentiles, measured_stages, over_time
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.section import latency_table, section
from loadgen.outputs.html.throughput import throughput_of
from loadgen.outputs.html.tokens import cost_facts, token_facts


def anchor(at: int) -> str:
    """The anchor of the at-th workload: its name may hold what an anchor may not."""
    return f"workload-{at + 1}"


def workload_sections(summary: Summary, course: Course) -> Html:
    """Every workload, in the scenario's order."""
    alone = len(summary.workloads) == 1
    return join(
        _workload(summary, course, at, name, part, alone) for at, (name, part) in enumerate(summary.workloads.items())
    )


def _workload(summary: Summary, course: Course, at: int, name: str, part: WorkloadSummary, alone: bool) -> Html:
    requests = part.requests
    return section(
        anchor(at),
        f"Workload: {name}",
        quality_tables(part.quality),
        el("p", "The run's only workload: its figures are the run's, above.", class_="notes")
        if alone
        else join(
            [
                facts(
                    [
                        ("sent", count(requests.sent)),
                        ("ok", count(requests.ok)),
                        ("failed", count(requests.failed)),
                        ("error rate", share(requests.error_rate, "no turn ended")),
                        ("goodput", share(requests.goodput, "no limit on single turns applies to it")),
                        ("tool calls", count(requests.tool_calls)),
                        *throughput_of(part.throughput),
                    ]
                ),
                latency_table(f"Latency of {name}", part.latency, part.service),
                _figures(summary, course, name),
                facts([*token_facts(part.tokens), *cost_facts(part.cost)]),
            ]
        ),
    )


def _figures(summary: Summary, course: Course, name: str) -> Html:
    counted = counted_metrics(course, measured_stages(summary), name)
    figures = [latency_percentiles(f"Percentiles of {name}", counted)]
    mine = course.table.of_workload([name])
    if mine.any():
        own = course.table.only(mine & course.seen)
        gaps = gap_grid(course.bins, own) if len(own.gap_turn) else None
        figures += over_time(course, gaps, mine)
    return grid(figures) if counted else el("p", "No turn of it ended ok.", class_="notes")


def quality_tables(quality: dict[str, Quality]) -> Html:
    """What only this workload measures: figures with their intervals in one table, then each table."""
    values: list[list[Cell]] = [_value_row(name, one) for name, one in quality.items() if one.columns is msgspec.UNSET]
    parts = [table(["what it measures", "value", "interval", "n"], values, label="Quality")] if values else []
    for name, one in quality.items():
        if one.columns is not msgspec.UNSET and one.rows is not msgspec.UNSET:
            rows = [[_cell(value) for value in row] for row in one.rows]
            words = {0, *(at for row in one.rows for at, value in enumerate(row) if isinstance(value, str))}
            parts += [el("h3", _words(name)), table([*map(_words, one.columns)], rows, label=_words(name), words=words)]
    return join(parts)


def _value_row(name: str, one: Quality) -> list[Cell]:
    value, low, high = (None if bound is msgspec.UNSET else bound for bound in (one.value, one.ci_low, one.ci_high))
    unit = None if one.unit is msgspec.UNSET else one.unit
    interval: Cell = Missing("no interval is known")
    if low is not None or high is not None:
        interval = f"{in_unit(low, unit)} to {in_unit(high, unit)}"
    return [
        _words(name),
        in_unit(value, unit) if value is not None else Missing("nothing to measure it on"),
        interval,
        Missing("not counted") if one.n is msgspec.UNSET else count(one.n),
    ]


def _cell(value: str | float | int | None) -> Cell:
    if value is None:
        return Missing("there is none, or nothing to measure it on")
    if isinstance(value, float):
        # Three digits at least: what a turn costs is some 0.0003, and not nought.
        return number(value) if abs(value) >= 10 else f"{value:.3g}"
    return value if isinstance(value, str) else f"{value:,}"


def _words(name: str) -> str:
    return name.replace("_", " ")
