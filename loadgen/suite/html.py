"""report.html of a suite: the verdict, a line a part, then each part in short with the way to its own report."""

from collections.abc import Sequence
from typing import Final

import msgspec

from loadgen.history.words import late, level
from loadgen.outputs.console import duration
from loadgen.outputs.html.cells import Cell, facts, table
from loadgen.outputs.html.definitions import definitions_section
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.page import page
from loadgen.outputs.html.section import latency_table, paragraphs, section
from loadgen.outputs.html.verdict import slo_table, tiles
from loadgen.outputs.html.workloads import quality_tables
from loadgen.suite.model import Part, Suite
from loadgen.suite.results import Result
from loadgen.suite.table import HEADERS, cells

# Outcome: the badge's colour, mark and word. Never by colour alone.
_OUTCOMES: Final = {
    "pass": ("pass", "✓", "Pass"),
    "fail": ("fail", "✗", "Fail"),
    "inconclusive": ("inconclusive", "?", "Inconclusive"),
    "invalid": ("invalid", "!", "Invalid"),
    "none": ("none", "–", "No verdict"),
    "cut": ("fail", "✗", "Not complete"),
    "not_run": ("none", "–", "Not run"),
}


def suite_page(suite: Suite, results: Sequence[Result]) -> str:
    """The whole page."""
    target = suite.target or "the embedded simulator"
    started = suite.started_at[:19].replace("T", " ")
    return page(
        title=f"{suite.name}: {suite.outcome}",
        heading=suite.name,
        below=f"{suite.served} at {target}, {started} UTC, {duration(suite.duration_s)}",
        contents=[
            ("verdict", "Verdict"),
            *((_anchor(at), result.part.name) for at, result in enumerate(results)),
            ("run", "What was run"),
            ("definitions", "Definitions"),
        ],
        body=join(
            [
                _verdict(suite, results),
                *(_part(at, result) for at, result in enumerate(results)),
                _run(suite, target),
                definitions_section(),
            ]
        ),
        foot=f"loadgen {suite.version}. One file, complete in itself: it loads nothing.",
    )


def _anchor(at: int) -> str:
    """The anchor of the at-th part."""
    return f"part-{at + 1}"


def _badge(outcome: str, reason: str) -> Html:
    colour, mark, word = _OUTCOMES[outcome]
    marked = el("span", mark, class_="mark", aria_hidden="true")
    return el("p", marked, el("strong", word), el("span", reason), class_=f"badge {colour}")


def _verdict(suite: Suite, results: Sequence[Result]) -> Html:
    rows: list[list[Cell]] = []
    for at, result in enumerate(results):
        name, outcome, *figures = cells(result)
        colour, mark, _ = _OUTCOMES[result.part.outcome]
        shown = el("span", f"{mark} {outcome}", class_=f"outcome {colour}")
        rows.append([el("a", name, href=f"#{_anchor(at)}"), shown, *figures, result.part.reason])
    headers = [*HEADERS, "because"]
    return section(
        "verdict",
        "Verdict",
        _badge(suite.outcome, suite.reason),
        table(headers, rows, label="Parts", words=range(len(headers)), stacked=True),
        el("p", "The verdict is the worst of the parts', by the order of exit codes.", class_="notes"),
        paragraphs(suite.notes, "told"),
    )


def _part(at: int, result: Result) -> Html:
    part = result.part
    return section(_anchor(at), part.name, _badge(part.outcome, part.reason), _link(part), _measured(result))


def _link(part: Part) -> Html | None:
    if part.folder is None or part.outcome == "not_run":
        return None
    return el("p", el("a", f"The report of {part.name}", href=f"{part.folder}/report.html"), f", {part.scenario}")


def _measured(result: Result) -> Html:
    if (summary := result.summary) is not None:
        parts = [
            slo_table(summary.verdict.slos) if summary.verdict.slos else None,
            tiles(summary),
            latency_table(f"Latency of {result.part.name}", summary.latency, summary.service),
        ]
        for name, workload in summary.workloads.items():
            # Its tables, by length and depth and so on, are in the part's own report.
            figures = {key: one for key, one in workload.quality.items() if one.columns is msgspec.UNSET}
            if figures:
                parts += [el("h3", name), quality_tables(figures)]
        return join([*parts, paragraphs(summary.run.notes, "told")])
    if (week := result.week) is not None:
        levels = {name: (course.level(), course.unit) for name, course in week.courses.items()}
        rows: list[list[Cell]] = [
            [name, level(found, name, unit), f"{found.windows:,}"]
            for name, (found, unit) in levels.items()
            if found.windows
        ]
        unknown = ", ".join(name for name, (found, _) in levels.items() if not found.windows)
        shown = table(["measure", "median", "windows"], rows, label=f"Measures of {result.part.name}")
        left_out = el("p", f"Not known, or too few requests a window: {unknown}.", class_="notes") if unknown else None
        notes = [note for note in (*week.soak.notes, late(week)) if note]
        return join([shown, left_out, paragraphs(notes, "told")])
    return el("p", "It left nothing to show.", class_="notes")


def _run(suite: Suite, target: str) -> Html:
    return section(
        "run",
        "What was run",
        el("p", suite.description) if suite.description else None,
        facts(
            [
                ("target", target),
                ("model", suite.served),
                ("started", f"{suite.started_at[:19].replace('T', ' ')} UTC"),
                ("took", duration(suite.duration_s)),
                ("parts", ", ".join(f"{part.name} ({part.scenario})" for part in suite.parts)),
                ("loadgen", suite.version),
            ]
        ),
    )
