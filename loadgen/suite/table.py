"""A suite in one table, a line a part: on the console, in report.md and on the page."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadgen.metrics.summary import Summary
from loadgen.outputs.console import NOT_MEASURED, duration, in_unit, money
from loadgen.suite.model import Suite
from loadgen.suite.results import Result

HEADERS: Final = ("part", "verdict", "requests ok", "failed", "TTFT p50", "TTFT p99", "per 1M tokens out", "took")
_STYLES: Final = {"pass": "green", "fail": "red", "inconclusive": "yellow", "invalid": "bold red", "cut": "red"}


def cells(result: Result) -> list[str]:
    """A part's line; a dash for what it did not measure."""
    part, summary = result.part, result.summary
    return [part.name, part.outcome.replace("_", " "), *_figures(summary, result), duration(part.duration_s)]


def _figures(summary: Summary | None, result: Result) -> list[str]:
    if summary is None:
        return _soak_figures(result)
    ttft, cost = summary.latency.ttft_s, summary.cost
    costs = NOT_MEASURED if cost.currency is None else f"{money(cost.per_1m_output_tokens)} {cost.currency}"
    return [
        f"{summary.requests.ok:,}",
        in_unit(summary.requests.error_rate, "share"),
        *(duration(None if ttft is None else value) for value in ((ttft.p50, ttft.p99) if ttft else (None, None))),
        costs if cost.per_1m_output_tokens is not None else NOT_MEASURED,
    ]


def _soak_figures(result: Result) -> list[str]:
    found = [NOT_MEASURED] * 5
    if (week := result.week) is not None:
        for at, name in ((2, "latency.ttft_s.p50"), (3, "latency.ttft_s.p99"), (4, "cost.per_1m_output_tokens")):
            course = week.courses.get(name)
            if course is not None and (value := course.level().value) is not None:
                found[at] = in_unit(value, course.unit)
    return found


def print_suite(suite: Suite, results: Sequence[Result], console: Console) -> None:
    """Print the parts and what they come to; fits 100 columns."""
    table = Table(box=None, padding=(0, 1))
    for at, header in enumerate(HEADERS):
        table.add_column(header, justify="left" if at < 2 else "right", no_wrap=at < 2)
    for result in results:
        row = [escape(cell) for cell in cells(result)]
        style = _STYLES.get(result.part.outcome, "")
        row[1] = f"[{style}]{row[1]}[/]" if style else row[1]
        table.add_row(*row)
    console.print(table)
    outcome = f"{suite.outcome}: {suite.reason}"
    console.print(outcome, style=_STYLES.get(suite.outcome), markup=False, highlight=False, soft_wrap=True)
    for note in suite.notes:
        console.print(f"Note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)
