"""`loadgen trace`: what is in a recording, as a table with plots of block characters, or as JSON.

Takes figures and prints them; knows nothing of how recordings are read.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadgen.trace_figures import Arrivals, Spread, TraceFigures

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLOT_LINES = 6


def to_json(figures: TraceFigures) -> str:
    """The figures with their own names; what the recording does not give is null."""
    return json.dumps({"schema": "loadgen.trace/1", **asdict(figures)}, indent=2)


def show(figures: TraceFigures, console: Console) -> None:
    """Print the table and, where there is a clock, requests over time."""
    console.print(f"[bold]{figures.path}[/bold]: format {figures.format}", highlight=False, soft_wrap=True)
    console.print(_counts(figures), highlight=False, soft_wrap=True)
    rows = [(name, spread, unit) for name, spread, unit in _rows(figures) if spread is not None]
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in ("n", "mean", "p50", "p90", "p99", "max", "CV"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, spread, unit in rows:
        table.add_row(name, *_cells(spread, unit))
    console.print(table)
    console.print(_distributions(rows))
    console.print(_reuse(figures), highlight=False, soft_wrap=True)
    if figures.arrivals is not None and len(figures.arrivals.counts) > 1:
        _plot(figures.arrivals, console)
    for line in _remarks(figures):
        console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


def _distributions(rows: Sequence[tuple[str, Spread, str]]) -> Table:
    """A line of blocks for each quantity that varies. A logarithm has no 0: how many there are stands beside it."""
    table = Table(box=None, pad_edge=False)
    for column in ("distribution (log)", "from", "", "to", "zeros"):
        table.add_column(column, no_wrap=True, justify="right" if column in ("from", "zeros") else "left")
    for name, spread, unit in rows:
        if spread.least is not None and spread.max > spread.min:
            zeros = f"{spread.zeros:,}" if spread.zeros else ""
            line = Text(sparkline(spread.bars), style="cyan")
            table.add_row(name, _value(spread.least, unit), line, _value(spread.max, unit), zeros)
    return table


def _rows(figures: TraceFigures) -> tuple[tuple[str, Spread | None, str], ...]:
    """Name, figures and unit of each quantity."""
    return (
        ("requests a session", figures.turns, ""),
        ("input tokens", figures.input_tokens, ""),
        ("output tokens", figures.output_tokens, ""),
        ("prompt bytes", figures.prompt_bytes, ""),
        ("gap of sessions", figures.gaps_s, "s"),
        ("wait in a session", figures.waits_s, "s"),
    )


def _counts(figures: TraceFigures) -> str:
    parts = [f"{figures.sessions:,} sessions", f"{figures.requests:,} requests"]
    if figures.sub_agents:
        parts.append(f"{figures.sub_agents:,} sub-agents beside them")
    if figures.duration_s is not None:
        parts.append(f"over {_value(figures.duration_s, 's')}")
        if figures.duration_s > 0:
            parts.append(f"{figures.requests / figures.duration_s:.3g} requests/s")
    return ", ".join(parts)


def _cells(spread: Spread, unit: str) -> tuple[str, ...]:
    values = (spread.mean, spread.p50, spread.p90, spread.p99, spread.max)
    cv = "–" if spread.cv is None else f"{spread.cv:.2f}"
    return (f"{spread.n:,}", *(_value(value, unit) for value in values), cv)


def _reuse(figures: TraceFigures) -> str:
    reuse = figures.reuse
    if reuse is None:
        return "prefix reuse: not in this recording"
    blocks = ""
    if reuse.distinct_blocks is not None:
        blocks = f" ({reuse.distinct_blocks:,} different blocks of {reuse.block_tokens} tokens)"
    return f"prefix reuse: a cache that forgets nothing hits {reuse.hit_rate:.1%} of the prompts' {reuse.by}{blocks}"


def _remarks(figures: TraceFigures) -> list[str]:
    lines = list(figures.notes)
    if figures.quantum_s is not None:
        quantum = f"{figures.quantum_s:.3g}s"
        lines.append(f"timestamps come in steps of about {quantum}: `jitter: {quantum}` spreads them over it")
    if figures.arrivals is None:
        lines.append("no common clock: `arrivals: trace` can't be used, any other arrivals can")
    if figures.empty:
        lines.append(f"{figures.empty:,} records ask nothing and are not played")
    if figures.skipped:
        lines.append(f"{figures.skipped:,} bad lines, which stop a run unless `on_bad_line: skip`; the first:")
        lines += [f"  {mistake}" for mistake in figures.first_mistakes]
    return lines


def _plot(arrivals: Arrivals, console: Console) -> None:
    """A column of blocks for each step, several lines high."""
    top = max(arrivals.counts)
    console.print(
        f"requests in each {_value(arrivals.step_s, 's')} (top of the scale: {top:,}, {top / arrivals.step_s:.3g}/s)",
        highlight=False,
        soft_wrap=True,
    )
    for line in range(_PLOT_LINES - 1, -1, -1):
        filled = [count / top * _PLOT_LINES - line for count in arrivals.counts]
        row = "".join(_BLOCKS[max(0, min(8, round(share * 8)))] for share in filled)
        console.print(Text(f"│{row}", style="cyan"))
    console.print(Text("└" + "─" * len(arrivals.counts)))


def sparkline(counts: Sequence[int]) -> str:
    """One character a count; what is above 0 is never blank."""
    top = max(counts, default=0)
    return "".join(_BLOCKS[max(1, round(count / top * 8)) if count else 0] for count in counts)


def _value(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:.3g} {name}"
    if 0 < value < 0.001:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1000:.3g} ms" if 0 < value < 1 else f"{value:.3g} s"
