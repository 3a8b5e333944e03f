"""The sweep's table: one line a step, the same cells on the console and in sweep.md."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadgen.outputs.console import NOT_MEASURED, duration, money, number
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.model import Figures, Quantiles, Step, Sweep, Unit

_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "invalid": "bold red", "none": ""}


@dataclass(frozen=True, slots=True)
class Column:
    """short: its heading on the console, None where it has no room there. long: in sweep.md."""

    short: str | None
    long: str
    cell: Callable[[Step], str]


def columns(sweep: Sweep) -> list[Column]:
    """The columns for this sweep: those of goodput, cost and caches only where a step has them."""
    have = [step.figures for step in sweep.steps]
    found = [
        Column(_level_name(sweep.subject.unit), _level_title(sweep.subject.unit), lambda step: f"{step.level:g}"),
        Column("for", "measured for", lambda step: format_duration(step.duration_s)),
        Column("verdict", "verdict", lambda step: step.outcome),
        Column("req/s", "requests/s", _of(lambda f: number(f.requests_per_s))),
        Column("tok/s", "output tokens/s", _of(lambda f: number(f.output_tokens_per_s))),
        Column("a user", "output tokens/s a user", _of(lambda f: number(f.output_tokens_per_s_per_user))),
        Column("TTFT p50", "TTFT p50", _of(lambda f: _p50(f.ttft_s))),
        Column("p99", "TTFT p99", _of(lambda f: _p99(f.ttft_s))),
        Column("TPOT p50", "TPOT p50", _of(lambda f: _p50(f.tpot_s))),
        Column(None, "TPOT p99", _of(lambda f: _p99(f.tpot_s))),
        Column(None, "E2E p50", _of(lambda f: _p50(f.e2e_s))),
        Column(None, "E2E p99", _of(lambda f: _p99(f.e2e_s))),
        Column("failed", "failed", _of(lambda f: _share(f.error_rate))),
    ]
    if any(figures.goodput is not None for figures in have):
        found.append(Column("goodput", "goodput", _of(lambda f: _share(f.goodput))))
    if any(figures.cached_input_share is not None for figures in have):
        found.append(Column(None, "cached input", _of(lambda f: _share(f.cached_input_share))))
    currency = next((figures.currency for figures in have if figures.currency is not None), None)
    if currency is not None:
        title = f"{currency} per 1M output tokens"
        found.append(Column(f"{currency}/1M", title, _of(lambda f: money(f.cost_per_1m_output_tokens))))
    return found


def print_sweep(sweep: Sweep, console: Console) -> None:
    """Print the table, the answer and the notes; fits 100 columns."""
    shown = [(column.short, column) for column in columns(sweep) if column.short is not None]
    table = Table(box=None, padding=(0, 1), title="Steps", title_justify="left")
    for heading, _ in shown:
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    for step in sweep.steps:
        cells = [escape(column.cell(step)) for _, column in shown]
        style = _STYLES[step.outcome]
        table.add_row(*(f"[{style}]{cell}[/]" if style and cell == step.outcome else cell for cell in cells))
    console.print(table)
    if sweep.result is not None:
        console.print(sweep.result.text, markup=False, highlight=False, soft_wrap=True, style="bold")
        if sweep.result.knee is not None:
            console.print(sweep.result.knee.text, markup=False, highlight=False, soft_wrap=True)
    for note in sweep.notes:
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True, style="yellow")


def rows(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    """All columns' titles, and a row of cells for each step."""
    shown = columns(sweep)
    return [column.long for column in shown], [[column.cell(step) for column in shown] for step in sweep.steps]


def _level_name(unit: Unit) -> str:
    return "rate" if unit == "rate" else "users"


def _level_title(unit: Unit) -> str:
    return "sessions/s" if unit == "rate" else "users"


def _of(cell: Callable[[Figures], str]) -> Callable[[Step], str]:
    return lambda step: cell(step.figures)


def _p50(quantiles: Quantiles | None) -> str:
    return duration(None if quantiles is None else quantiles.p50)


def _p99(quantiles: Quantiles | None) -> str:
    return duration(None if quantiles is None else quantiles.p99)


def _share(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.1%}"
