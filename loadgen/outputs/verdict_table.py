"""The verdict on the console: a table of the objectives, and below it why any of them is undecided."""

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.figures import in_unit, interval

_STYLES: Final = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
    "not_judged": "dim",
    "none": "",
}


def verdict_lines(summary: Summary) -> Iterator[RenderableType]:
    """What to print of the verdict; fits 80 columns where expressions are of usual length."""
    verdict = summary.verdict
    said = Text.assemble("Verdict: ", (verdict.outcome, _STYLES[verdict.outcome]))
    if not verdict.slos:
        yield said + Text(" (the scenario states no SLO)")
        return
    yield said
    yield _table(verdict.slos)
    for slo in verdict.slos:
        if slo.reason is not None:
            yield Text(f"  {slo.expression}: {slo.reason}")
    for note in verdict.notes:
        yield Text(f"  {note}", style="yellow")


def _table(slos: list[SloResult]) -> Table:
    table = Table(box=None, padding=(0, 1))
    table.add_column("SLO", overflow="fold", ratio=1)
    table.add_column("outcome", no_wrap=True)
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column("interval", justify="right")
    table.add_column("n", justify="right", no_wrap=True)
    for slo in slos:
        outcome = Text(slo.outcome.replace("_", " "), style=_STYLES[slo.outcome])
        n = "" if slo.n is None else f"{slo.n:,}"
        table.add_row(escape(slo.expression), outcome, in_unit(slo.estimate, slo.unit), interval(slo), n)
    return table
