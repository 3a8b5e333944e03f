"""A comparison as text: the table of a terminal, Markdown fit for a pull request's comment, JSON.

In Markdown, whatever comes from outside (paths, models, notes) stands in code spans, as in report.md.
"""

import re
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadgen.comparison.result import ComparedRun, Comparison, MetricOutcome, MetricResult
from loadgen.outputs.console import NOT_MEASURED, duration, number
from loadgen.outputs.markdown import code

_WORDS: dict[MetricOutcome, str] = {
    "regression": "REGRESSION",
    "improvement": "improvement",
    "no_change": "no change",
    "not_worse": "not worse",
    "cannot_tell": "can't tell",
    "not_judged": "not judged",
}
_STYLES: dict[MetricOutcome, str] = {
    "regression": "bold red",
    "improvement": "green",
    "no_change": "",
    "not_worse": "",
    "cannot_tell": "yellow",
    "not_judged": "dim",
}
# A unit may come from a scenario or a workload, and be anything.
_PLAIN = re.compile(r"[\w .,%/+–-]*")
# Room for the longest name of a figure and every column.
_WIDTH = 100


def to_json(comparison: Comparison) -> str:
    """The whole of it, schema `loadgen.comparison/1`."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode()


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print both sides, the table of figures and the outcome; fits 100 columns."""
    for name, runs in _named(comparison):
        console.print(f"{name + ':':<10} {_side(runs)}", markup=False, highlight=False)
    table = Table(box=None, padding=(0, 1))
    # What does not fit is left out by a rule of ours, for else it is the outcome that finds no room.
    left_out = 0 if console.width >= _WIDTH else len(("baseline", "candidate"))
    headers = ("baseline", "candidate", "change", f"{comparison.confidence:.0%} interval")
    table.add_column("figure", overflow="fold")
    for header in headers[left_out:]:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for metric in comparison.metrics:
        style = _STYLES[metric.outcome]
        name, *cells = map(escape, _cells(metric))
        table.add_row(name, *cells[left_out:], _WORDS[metric.outcome], style=style)
    console.print(table)
    for line in _explanations(comparison):
        console.print(line, style="yellow", markup=False, highlight=False)
    style = {"regression": "bold red", "no_regression": "bold green", "cannot_tell": "bold yellow"}[comparison.outcome]
    console.print(headline(comparison), style=style, markup=False, highlight=False)
    for line in _method(comparison):
        console.print(line, style="dim", markup=False, highlight=False)


def markdown(comparison: Comparison) -> str:
    """The same for a comment: the outcome first, what has moved, and the whole table folded away."""
    moved = [metric for metric in comparison.metrics if metric.outcome in ("regression", "improvement")]
    lines = [f"## loadgen compare: {headline(comparison, code)}", ""]
    lines += [f"- {name}: {code(_side(runs))}" for name, runs in _named(comparison)]
    lines += ["", *_rows(comparison, moved)] if moved else []
    lines += ["", *(f"- {code(line)}" for line in _explanations(comparison))]
    lines += ["", f"<details><summary>All {len(comparison.metrics)} figures, and how they were compared</summary>", ""]
    lines += [*_rows(comparison, comparison.metrics), "", *_method(comparison), "", "</details>"]
    return "\n".join(lines) + "\n"


def headline(comparison: Comparison, named: Callable[[str], str] = str) -> str:
    """The outcome in one line; `named` shows a figure's name."""
    found = [metric for metric in comparison.metrics if metric.outcome == "regression"]
    undecided = [metric for metric in comparison.metrics if metric.outcome == "cannot_tell"]
    judged = sum(metric.outcome != "not_judged" for metric in comparison.metrics)
    if found:
        worst = ", ".join(f"{named(_label(metric))} {_change(metric, metric.change)}" for metric in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"Regression in {len(found)} of {judged} figures: {worst}{more}"
    if undecided:
        return f"Can't tell: {len(undecided)} of {judged} figures are undecided. {_needed(comparison)}"
    better = sum(metric.outcome == "improvement" for metric in comparison.metrics)
    none = f"No regression in {judged} figures: {comparison.rule_out:.1%} or more is ruled out"
    return none + (f"; {better} improved" if better else "")


def _needed(comparison: Comparison) -> str:
    if comparison.runs_needed is None:
        return "How many runs it would take can't be told, or it is over 100 a side."
    assumed = ", were the run-to-run noise what is assumed" if comparison.run_noise is not None else ""
    return f"About {comparison.runs_needed} runs a side would tell{assumed}."


def _named(comparison: Comparison) -> list[tuple[str, list[ComparedRun]]]:
    return [("Baseline", comparison.baseline), ("Candidate", comparison.candidate)]


def _side(runs: list[ComparedRun]) -> str:
    """Which runs, on what."""
    models = ", ".join(sorted({run.model for run in runs}))
    targets = ", ".join(sorted({run.target for run in runs}))
    paths = runs[0].path if len(runs) == 1 else f"{len(runs)} runs ({runs[0].path} ... {runs[-1].path})"
    return f"{paths} · {models} at {targets}"


def _rows(comparison: Comparison, metrics: list[MetricResult]) -> list[str]:
    lines = [
        f"| figure | baseline | candidate | change | {comparison.confidence:.0%} interval | outcome |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for metric in metrics:
        name, *figures = _cells(metric)
        cells = [
            code(name, in_table=True),
            *(cell if _PLAIN.fullmatch(cell) else code(cell, in_table=True) for cell in figures),
        ]
        lines.append(f"| {' | '.join(cells)} | {_WORDS[metric.outcome]} |")
    return lines


def _cells(metric: MetricResult) -> list[str]:
    values = [_value(metric, value) for value in (metric.baseline, metric.candidate)]
    low, high = (_change(metric, bound) for bound in (metric.ci_low, metric.ci_high))
    interval = NOT_MEASURED if metric.ci_low is None and metric.ci_high is None else f"{low} to {high}"
    return [_label(metric), *values, _change(metric, metric.change), interval]


def _label(metric: MetricResult) -> str:
    return metric.name if metric.workload is None else f"{metric.workload}: {metric.name}"


def _value(metric: MetricResult, value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    if metric.unit == "s":
        return duration(value) if value >= 0 else f"-{duration(-value)}"
    if metric.unit == "share":
        return f"{value:.2%}"
    if metric.unit == "difference of shares":
        return f"{100 * value:+.2f} pts"
    figure = number(value) if abs(value) >= 1 or value == 0 else f"{value:.3g}"
    plain = {"1/s": "/s", "ratio": "", "exponent": ""}
    unit = plain.get(metric.unit, f" {metric.unit}" if metric.unit else "")
    return f"{figure}{unit}"


def _change(metric: MetricResult, change: float | None) -> str:
    if change is None:
        return NOT_MEASURED
    if metric.scale == "ratio":
        return f"{change:+.1%}"
    return f"{100 * change:+.2f} pts" if metric.unit in ("share", "difference of shares") else f"{change:+.3g}"


def _explanations(comparison: Comparison) -> list[str]:
    """What a reader must know before the figures are believed."""
    forced = [
        f"Differs: {one.what}" + (f": {one.baseline} against {one.candidate}" if one.baseline != one.candidate else "")
        for one in comparison.differences
    ]
    reasons: dict[str, list[str]] = {}
    for metric in comparison.metrics:
        if metric.reason is not None:
            reasons.setdefault(metric.reason, []).append(_label(metric))
    undecided = [f"{', '.join(labels)}: {reason}" for reason, labels in reasons.items()]
    return [*forced, *undecided, *(f"Note: {note}" for note in comparison.notes)]


def _method(comparison: Comparison) -> list[str]:
    """How it was compared, in a few lines."""
    runs = f"{len(comparison.baseline)} against {len(comparison.candidate)} runs"
    unit = {
        "run": f"Compared run by run, {runs}.",
        "run_pair": f"Compared by {len(comparison.baseline)} pairs of runs of the same seed.",
        "session": "One run a side, compared session by session.",
        "session_pair": "One run a side, compared by pairs of the same session.",
    }[comparison.unit]
    lines = [unit]
    if comparison.run_noise is not None:
        lines.append(
            f"One run a side can't show how much runs differ: {comparison.run_noise:.1%} from run to run is assumed "
            "for latencies, rates, costs and what limits make of times, goodput (--run-noise); nothing for errors and "
            "quality."
        )
    least = f"{comparison.min_effect:.1%} (a share: {100 * comparison.min_points:g} percentage points)"
    lines.append(
        f"A change is claimed from {least} on, where the intervals of all figures together leave out 0; none is where "
        f"a figure's own interval rules out that it is worse by {comparison.rule_out:.1%} (a share: as above)."
    )
    return lines
