"""What a person sees: progress while the run lasts, and the table at its end.

Called from the master's greenlets. Starts no thread of its own (a refresh thread would share the master's interpreter
with gevent's hub): the caller calls `update()`. Where the output is no terminal, a plain line every 5 s instead.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from loadgen.metrics.histogram import Dist
from loadgen.metrics.live import LiveView
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.summary import (
    Cost,
    Generator,
    Latency,
    Quality,
    SloResult,
    Summary,
    Throughput,
    Tokens,
    Verdict,
    WorkloadSummary,
)

PLAIN_EVERY_S = 5.0
NOT_MEASURED = "–"
LATENCIES = (("ttft_s", "TTFT"), ("ttfo_s", "TTFO"), ("itl_s", "ITL"), ("tpot_s", "TPOT"), ("e2e_s", "E2E"))


_STYLES = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
    "not_judged": "dim",
    "none": "",
}


class ReportConsole(Console):
    """A console whose reader may leave (`loadgen run ... | head`): the run goes on, and its exit code stays its own."""

    def on_broken_pipe(self) -> None:
        """Say nothing more, instead of ending the process as rich would."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class LiveConsole:
    """A context manager; `update()` shows a view. Times are counted by the view's own clock."""

    def __init__(self, plan: RunPlan, console: Console | None = None) -> None:
        self._total_s = plan.stages[-1].end_s
        self._console = console or ReportConsole(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._next_line_s = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """A line that stays, above the view."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, view: LiveView) -> None:
        """Show this view: redrawn in place on a terminal, else a line if 5 s have passed since the last."""
        if self._console.is_terminal:
            self._live.update(self._panel(view), refresh=True)
        elif view.elapsed_s >= self._next_line_s:
            self._next_line_s = view.elapsed_s + PLAIN_EVERY_S
            self._console.print(" | ".join(self._parts(view)), soft_wrap=True, markup=False, highlight=False)

    def _parts(self, view: LiveView) -> list[str]:
        errors = f"{view.failed} failed" + (f" ({counts(view.failures)})" if view.failures else "")
        return [
            f"{view.elapsed_s:.0f}/{self._total_s:.0f} s {view.stage or ('drain' if view.elapsed_s > 0 else 'start')}",
            f"{view.requests_per_s:.1f} req/s, {view.in_flight} in flight, {view.sessions_active} sessions",
            f"TTFT p50 {duration(view.ttft_p50_s)} p99 {duration(view.ttft_p99_s)}",
            f"ITL p50 {duration(view.itl_p50_s)} p99 {duration(view.itl_p99_s)}",
            f"{number(view.tokens_per_s)} tokens/s, {number(view.chunks_per_s)} chunks/s",
            f"{view.ok} ok, {errors}, {view.dropped} dropped",
            f"generator lag p99 {duration(view.schedule_lag_p99_s)}, loop p99 {duration(view.loop_lag_p99_s)}, "
            f"cpu {percent(view.cpu_ratio)}, {workers(view.workers)}",
        ]

    def _panel(self, view: LiveView) -> Group:
        parts = self._parts(view)
        done = min(1.0, max(0.0, view.elapsed_s / self._total_s)) if self._total_s else 1.0
        filled = round(30 * done)
        bar = Text("━" * filled, style="green") + Text("━" * (30 - filled), style="dim")
        lines = [Text(f"{parts[0]}  ", style="bold") + bar, Text(parts[1]), Text("  ".join(parts[2:4])), Text(parts[4])]
        lines.append(Text(parts[5], style="red" if view.failed or view.dropped else ""))
        lines.append(Text(parts[6], style="dim"))
        return Group(*lines)


def print_summary(summary: Summary, console: Console, folder: Path | None = None) -> None:
    """Print the run's figures, the certificate and the verdict; fits 100 columns."""
    run = summary.run
    console.print(
        f"\n[bold]{escape(run.scenario)}[/] · {escape(run.model)} at {escape(run.target)} · "
        f"{run.duration_s:.1f} s · {workers(run.workers)} · seed {run.seed}",
        highlight=False,
    )
    console.print(_request_table(summary))
    console.print(_latency_table(summary))
    if summary.requests.errors:
        console.print(f"Failed: {counts(summary.requests.errors)}", style="red", markup=False, highlight=False)
    if retries := summary.requests.retries:
        console.print(
            f"Retries: {retries}, within the turns above; latency runs from their intended times", style="yellow"
        )
    for name, workload in summary.workloads.items():
        if rows := quality_rows(workload):
            console.print(_quality_table(name, rows))
    for line in (*_session_lines(summary.throughput), *_size_lines(summary.tokens), *_cost_lines(summary.cost)):
        console.print(line, markup=False, highlight=False)
    for line in _certificate_lines(summary):
        console.print(line, style=_style(line), markup=False, highlight=False)
    for part in _verdict_parts(summary.verdict):
        console.print(part, highlight=False)
    for note in run.notes:
        console.print(f"Note: {note}", style="yellow", markup=False, highlight=False)
    if folder is not None:
        console.print(f"Run folder: {folder}", markup=False, highlight=False, soft_wrap=True)


def parts_of(summary: Summary) -> list[tuple[str, Summary | WorkloadSummary]]:
    """The workloads and their total; a workload that is alone is the total."""
    named: list[tuple[str, Summary | WorkloadSummary]] = list(summary.workloads.items())
    return [*named, ("total", summary)] if len(named) > 1 else [(name, summary) for name, _ in named]


def _request_table(summary: Summary) -> Table:
    table = Table(box=None, padding=(0, 1), title="Requests in the measured stages", title_justify="left")
    table.add_column("workload", overflow="fold", max_width=24)
    for header in ("sent", "ok", "failed", "cut off", "dropped", "req/s", "tokens/s in", "tokens/s out"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, part in parts_of(summary):
        requests, throughput = part.requests, part.throughput
        table.add_row(
            escape(name),
            *map(str, (requests.sent, requests.ok, requests.failed, requests.cancelled, part.generator.dropped)),
            number(throughput.requests_per_s),
            rate(throughput.input_tokens_per_s, throughput.input_tokens_per_s_known),
            rate(throughput.output_tokens_per_s, throughput.output_tokens_per_s_known),
        )
    return table


def _latency_table(summary: Summary) -> Table:
    table = Table(box=None, padding=(0, 1), title="Latency from the intended time", title_justify="left")
    table.add_column("workload", overflow="fold", max_width=24)
    table.add_column("", no_wrap=True)
    for header in ("mean", "p50", "p90", "p99", "max", "n"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, part in parts_of(summary):
        for row, (label, dist) in enumerate(dists(part.latency)):
            table.add_row(escape(name) if row == 0 else "", label, *_cells(dist))
    return table


QUALITY_COLUMNS = ("value", "interval", "n")


def quality_rows(part: WorkloadSummary) -> list[tuple[str, str, str, str]]:
    """What a workload alone measures, figure by figure: name, value, interval and n. Tables are left to the report."""
    rows = []
    for name, one in part.quality.items():
        if one.columns is not msgspec.UNSET:
            continue
        unit, n = one.unit or None, NOT_MEASURED if one.n is msgspec.UNSET else f"{one.n:,}"
        value, low, high = (in_unit(None if found is msgspec.UNSET else found, unit) for found in _bounds(one))
        between = NOT_MEASURED if low == high == NOT_MEASURED else f"{low} to {high}"
        rows.append((name.replace("_", " "), value, between, n))
    return rows


def _bounds(one: Quality) -> tuple[float | msgspec.UnsetType | None, ...]:
    return one.value, one.ci_low, one.ci_high


def _quality_table(name: str, rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 1), title=f"Quality of {escape(name)}", title_justify="left")
    table.add_column("", overflow="fold", max_width=32)
    for header in QUALITY_COLUMNS:
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def dists(latency: Latency) -> Iterable[tuple[str, Dist | None]]:
    """Each latency's short name and distribution, in the order in which they are always shown."""
    return ((label, getattr(latency, field)) for field, label in LATENCIES)


def _cells(dist: Dist | None) -> list[str]:
    if dist is None:
        return [NOT_MEASURED] * 5 + ["0"]
    return [*map(duration, (dist.mean, dist.p50, dist.p90, dist.p99, dist.max)), str(dist.n)]


def _session_lines(throughput: Throughput) -> list[str]:
    """The rate that a scenario's `rate` means; nothing where the rate of requests says the same."""
    begun = number(throughput.sessions_per_s)
    return [] if begun in (NOT_MEASURED, number(throughput.requests_per_s)) else [f"New sessions: {begun}/s"]


def _size_lines(tokens: Tokens) -> list[str]:
    """What was got of the sizes that were asked for; nothing where no size was."""
    parts = [
        f"{kind} {ratio:.1%} of {asked:,} asked"
        for kind, ratio, asked in (
            ("in", tokens.input_ratio, tokens.input_asked),
            ("out", tokens.output_ratio, tokens.output_asked),
        )
        if ratio is not None and asked is not None
    ]
    return [f"Token sizes: {', '.join(parts)}"] if parts else []


def _cost_lines(cost: Cost) -> list[str]:
    """Nothing where neither prices nor hardware are known."""
    lines = []
    if cost.currency is not None:
        unknown = f", {cost.unknown_turns} turns of unknown cost" if cost.unknown_turns else ""
        each = f"{money(cost.per_1k_requests)} per 1,000 requests, {money(cost.per_1m_output_tokens)} per million out"
        lines.append(f"Cost: {total(cost)} {cost.currency}; {each}{unknown}")
    if cost.hardware is not None and cost.unknown_turns is not None:
        lines.append(
            f"Hardware: {money(cost.hardware.total)} USD; {money(cost.hardware.per_1m_tokens)} per million tokens"
        )
    return lines


def total(cost: Cost) -> str:
    """What the run cost, or between what and what, without its currency."""
    if cost.total is not None:
        return money(cost.total)
    return f"{money(cost.total_low)} to {money(cost.total_high)}"


def money(value: float | None) -> str:
    """An amount with 4 digits, or to the cent from 100 on; a dash where it is not known."""
    return NOT_MEASURED if value is None else f"{value:,.2f}" if value >= 100 else f"{value:.4g}"


def beside(generator: Generator) -> str:
    """What sandboxes took beside the engine, to follow the generator's other figures; nothing where none ran."""
    use = generator.sandboxes
    if use is None:
        return ""
    in_line = duration(use.queued_s / use.runs)
    return f", {use.runs:,} sandbox runs taking {use.cpu_s:.1f} s of CPU, {in_line} in line each"


def _certificate_lines(summary: Summary) -> list[str]:
    generator = summary.generator
    figures = (
        f"  schedule lag p99 {_p99(generator.schedule_lag_s)}, loop lag p99 {_p99(generator.loop_lag_s)}, "
        f"engine {percent(generator.cpu_ratio)} of a core, {number(generator.chunks_per_read)} chunks a read"
        f"{beside(generator)}"
    )
    outcome = "Generator: valid" if generator.valid else "Generator: INVALID, these figures are not the target's alone"
    return [outcome, *(f"  {line}" for line in (*generator.reasons, *generator.notes)), figures]


def _p99(dist: Dist | None) -> str:
    return duration(None if dist is None else dist.p99)


def _verdict_parts(verdict: Verdict) -> Iterator[Text | Table]:
    """A table of the SLOs, and below it why any of them is undecided."""
    said = Text.assemble("Verdict: ", (verdict.outcome, _STYLES[verdict.outcome]))
    if not verdict.slos:
        yield said + Text(" (the scenario states no SLO)")
        return
    yield said
    table = Table(box=None, padding=(0, 1))
    table.add_column("SLO", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column("interval")
    table.add_column("n", justify="right", no_wrap=True)
    for slo in verdict.slos:
        outcome = Text(slo.outcome.replace("_", " "), style=_STYLES[slo.outcome])
        n = "" if slo.n is None else f"{slo.n:,}"
        table.add_row(escape(slo.expression), outcome, in_unit(slo.estimate, slo.unit), interval(slo), n)
    yield table
    # Of an invalid run the certificate above has said why nothing is judged.
    told = [slo for slo in verdict.slos if slo.reason is not None and slo.outcome != "not_judged"]
    yield from (Text(f"  {slo.expression}: {slo.reason}") for slo in told)
    yield from (Text(f"  Note: {note}", style="yellow") for note in verdict.notes)


def _style(line: str) -> str:
    return "bold red" if "INVALID" in line else ""


def workers(count: int) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count} worker" if count == 1 else f"{count} workers"


def rate(value: float | None, known: float | None) -> str:
    """A rate, or what it is at least where a part of it is unknown."""
    if value is None and known:
        return f"≥{number(known)}"
    return number(value)


def counts(found: dict[str, int]) -> str:
    """`name number, ...`, by name."""
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items()))


def number(value: float | None) -> str:
    """A plain figure of at most 3 decimals' worth; a dash where it was not measured."""
    if value is None:
        return NOT_MEASURED
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percent(ratio: float | None) -> str:
    """A share as a percentage; a dash where it was not measured."""
    return NOT_MEASURED if ratio is None else f"{ratio:.0%}"


def in_unit(value: float | None, unit: str | None) -> str:
    """A figure of an SLO in its unit (s, share, 1/s, a currency); a dash where it was not measured."""
    if value is None:
        return NOT_MEASURED
    if unit == "s":
        return duration(value) if value >= 0 else f"-{duration(-value)}"
    if unit == "share":
        if 0 < abs(value) < 1e-5:
            return "<0.001%"
        # Two decimals tell 99.95% from 100%; a small error rate needs its own digits.
        return f"{100 * value:.3g}%" if abs(value) < 0.01 else f"{value:.2%}"
    if unit == "1/s":
        return f"{number(value)}/s"
    if unit == "difference of shares":
        return f"{100 * value:+.1f} points"
    if unit == "tokens":
        return f"{number(value)} tokens"
    if unit in ("ratio", "exponent"):
        return f"{value:.3g}"
    return f"{money(value)} {unit or ''}".rstrip()


def interval(slo: SloResult) -> str:
    """The interval of an SLO's figure; a side on which the sample says nothing is left open."""
    if slo.confidence is None or (slo.ci_low is None and slo.ci_high is None):
        return NOT_MEASURED
    low, high = in_unit(slo.ci_low, slo.unit), in_unit(slo.ci_high, slo.unit)
    if slo.ci_low is None or slo.ci_high is None:
        between = f"at most {high}" if slo.ci_low is None else f"at least {low}"
    else:
        between = f"{low} to {high}"
    return f"{between} ({100 * slo.confidence:.3g}%)"


def duration(seconds: float | None) -> str:
    """A duration with 3 digits and its unit; a dash where it was not measured."""
    if seconds is None:
        return NOT_MEASURED
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    value, unit = (seconds * 1e3, "ms") if seconds < 1 else (seconds, "s")
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"
