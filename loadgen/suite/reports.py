"""report.md, junit.xml and report.html of a suite: one of each, made from suite.json and the parts' own results."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from loadgen.outputs import junit, markdown
from loadgen.outputs.console import duration
from loadgen.outputs.markdown import code
from loadgen.outputs.run_folder import RunFolder
from loadgen.suite.model import Suite
from loadgen.suite.results import Result, results_of
from loadgen.suite.table import HEADERS, cells

_HEADLINES: Final = {"pass": "PASS", "none": "no SLO stated", "cut": "NOT COMPLETE"}
Maker = Callable[[Suite, Sequence[Result]], str]


def write_suite_reports(folder: Path, suite: Suite, *, out: Path | None = None) -> tuple[list[Path], list[str]]:
    """Write every report; which were written, and what failed. out: where to, the suite's folder by default."""
    target, results = RunFolder.existing(out or folder), results_of(suite, folder)
    made = [target.path / name for name, make in _REPORTS if _write(target, name, make, suite, results)]
    return made, target.problems


def _write(folder: RunFolder, name: str, make: Maker, suite: Suite, results: Sequence[Result]) -> bool:
    try:
        text = make(suite, results)
    except Exception as error:
        # What was measured is safe by now: a mistake of ours in a report must not cost the exit code.
        folder.problems.append(f"{folder.path / name}: could not be made ({type(error).__name__}: {error})")
        return False
    return folder.write_text(name, text)


def markdown_report(suite: Suite, results: Sequence[Result]) -> str:
    """The suite for a comment on a pull request: a line a part, then the SLOs of each."""
    headline = _HEADLINES.get(suite.outcome, suite.outcome.upper())
    target = code(suite.target or "the embedded simulator")
    blocks = [
        [f"## loadgen, {code(suite.name)}: {headline}"],
        [code(suite.reason)],
        [f"{code(suite.served)} at {target}, {duration(suite.duration_s)}, loadgen {code(suite.version)}"],
        markdown.table(
            (*HEADERS, "because"),
            "ll" + "r" * (len(HEADERS) - 2) + "l",
            map(_line, results),
        ),
    ]
    for result in results:
        if result.summary is not None and result.summary.verdict.slos:
            blocks += [[f"### {code(result.part.name)}"], markdown.slo_table(result.summary.verdict.slos)]
    if suite.notes:
        blocks.append(["Notes:", *(f"- {code(note)}" for note in suite.notes)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _line(result: Result) -> list[str]:
    name, outcome, *figures = cells(result)
    told = f"**{outcome}**" if result.part.outcome not in ("pass", "none") else outcome
    return [code(name, in_table=True), told, *figures, code(result.part.reason, in_table=True)]


def junit_report(suite: Suite, results: Sequence[Result]) -> str:
    """Every part as a test suite; one without a verdict is an error, so that nobody takes it for green."""
    return junit.document([_junit_suite(suite, result) for result in results], suite.duration_s or 0.0)


def _junit_suite(suite: Suite, result: Result) -> ET.Element:
    part, summary = result.part, result.summary
    if summary is not None and part.outcome != "cut":
        made = junit.suite_of(summary)
        made.set("name", f"loadgen.{suite.name}.{part.name}")
        return made
    red = part.outcome in ("cut", "not_run")
    counted = {"tests": "1", "failures": "0", "errors": "1" if red else "0", "skipped": "0"}
    times = {"time": f"{part.duration_s or 0:.3f}", "timestamp": (part.started_at or suite.started_at)[:19]}
    name = f"loadgen.{suite.name}.{part.name}"
    made = ET.Element("testsuite", {"name": name, **counted, **times})
    case = ET.SubElement(made, "testcase", name=part.scenario, classname=name)
    if red:
        ET.SubElement(case, "error", type=part.outcome, message=junit.legal(part.reason))
    else:
        ET.SubElement(case, "system-out").text = junit.legal(part.reason)
    return made


def _html(suite: Suite, results: Sequence[Result]) -> str:
    # Imported when it is made: the suite's process loads this module while the user waits for the first part.
    from loadgen.suite.html import suite_page

    return suite_page(suite, results)


_REPORTS: Final[tuple[tuple[str, Maker], ...]] = (
    (markdown.NAME, markdown_report),
    (junit.NAME, junit_report),
    ("report.html", _html),
)
