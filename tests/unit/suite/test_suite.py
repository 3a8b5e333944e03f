"""A suite from part to part, what it comes to, and its reports."""

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from loadgen.errors import ExitCode, UsageError, code_of
from loadgen.outputs.command import report
from loadgen.outputs.summary_json import NAME as SUMMARY
from loadgen.outputs.summary_json import read_summary
from loadgen.suite.conclusion import conclude, reason_of, soak_reason, why_cut
from loadgen.suite.folder import read_suite
from loadgen.suite.model import Part, PartOutcome, Suite
from loadgen.suite.reports import write_suite_reports
from loadgen.suite.results import HISTORY, results_of
from loadgen.suite.runner import Surroundings, run_suite
from loadgen.suite.table import print_suite
from tests.support.histories import a_soak, a_week, write_week
from tests.unit.sweep.making import write_run


def new(*names: str) -> Suite:
    parts = [Part(name=name, kind="soak" if name == "cost" else "run", scenario=f"{name}-scenario") for name in names]
    at = "2026-11-24T02:00:00.000+00:00"
    return Suite(name="day", description="All.", started_at=at, version="0.1.0", target=None, model="auto", parts=parts)


@dataclass
class Target:
    """Its parts come out as told, pass by default; a code cuts one off."""

    outcomes: Mapping[str, PartOutcome] = field(default_factory=dict)
    cut: Mapping[str, ExitCode] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def __call__(self, part: Part, place: Path) -> Part:
        self.ran.append(part.name)
        if (code := self.cut.get(part.name)) is not None:
            return msgspec.structs.replace(part, exit_code=int(code), outcome="cut", reason=why_cut(code))
        if part.kind == "soak":
            place.mkdir()
            write_week(place / HISTORY, soak=a_soak(days=0.25))
            return msgspec.structs.replace(part, exit_code=0, outcome="none", reason="all probes ok")
        outcome = self.outcomes.get(part.name, "pass")
        write_run(place, outcome)  # type: ignore[arg-type]
        summary = read_summary(place / SUMMARY)
        changes = {"outcome": outcome, "exit_code": int(code_of(outcome)), "model": "m"}
        return msgspec.structs.replace(part, reason=reason_of(summary), **changes)


def run(suite: Suite, folder: Path, target: Target, interrupted: Callable[[], bool] = lambda: False) -> Suite:
    around = Surroundings(
        run=target, rest=lambda: None, interrupted=interrupted, say=lambda text: None, report=lambda made: None
    )
    return run_suite(suite, folder, around)


def test_every_part_is_run_whatever_becomes_of_the_others(tmp_path: Path) -> None:
    target = Target({"one": "fail", "two": "inconclusive"})
    suite = run(new("one", "two", "three"), tmp_path, target)
    assert target.ran == ["one", "two", "three"]
    assert (suite.outcome, suite.exit_code) == ("fail", ExitCode.SLO_FAILED)
    assert read_suite(tmp_path) == suite
    assert suite.served == "m"


@pytest.mark.parametrize("code", [ExitCode.TARGET_UNREACHABLE, ExitCode.INTERRUPTED, ExitCode.BAD_INPUT, ExitCode.BUG])
def test_what_would_end_the_next_part_too_ends_the_suite(tmp_path: Path, code: ExitCode) -> None:
    target = Target(cut={"two": code})
    suite = run(new("one", "two", "three"), tmp_path, target)
    assert target.ran == ["one", "two"]
    assert (suite.outcome, suite.exit_code) == ("cut", code)
    assert [part.outcome for part in suite.parts] == ["pass", "cut", "not_run"]


def test_an_interrupt_between_two_parts_ends_it_and_is_its_code(tmp_path: Path) -> None:
    target = Target()
    suite = run(new("one", "two"), tmp_path, target, lambda: bool(target.ran))
    assert target.ran == ["one"]
    assert suite.exit_code == ExitCode.INTERRUPTED
    assert read_suite(tmp_path) == suite


@pytest.mark.parametrize(
    ("outcomes", "outcome", "code"),
    [
        (["pass", "none"], "pass", 0),
        (["none"], "none", 0),
        (["pass", "inconclusive"], "inconclusive", 3),
        (["inconclusive", "fail"], "fail", 1),
        (["fail", "invalid"], "invalid", 4),
        (["pass", "not_run"], "inconclusive", 3),
    ],
)
def test_the_worst_part_decides(outcomes: list[PartOutcome], outcome: str, code: int) -> None:
    parts = [Part(name=str(at), kind="run", scenario="s", outcome=one) for at, one in enumerate(outcomes)]
    assert conclude(parts)[:2] == (outcome, code)


def test_the_reason_names_what_decided_it() -> None:
    failed = Part(name="load", kind="run", scenario="s", outcome="fail", reason="ttft p99 < 2s: it is 3.10 s")
    fine = [Part(name=name, kind="run", scenario="s", outcome="pass") for name in ("a", "b", "c")]
    assert conclude([failed, *fine])[2] == "load failed (ttft p99 < 2s: it is 3.10 s); a, b and c passed."


def test_a_short_soak_says_how_many_of_its_probes_ended_well() -> None:
    assert soak_reason(a_week(soak=a_soak(days=1))) == "96 of 96 probes ok"


# --- the reports ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite")
    run(new("cost", "one", "two"), path, Target({"two": "fail"}))
    assert write_suite_reports(path, read_suite(path))[1] == []
    return path


def body_of(folder: Path) -> str:
    return re.sub(r"<(style|script)\b.*?</\1>", "", (folder / "report.html").read_text(), flags=re.DOTALL)


def test_the_page_has_one_verdict_and_the_way_to_each_part(folder: Path) -> None:
    body = body_of(folder)
    assert body.index("two failed") < body.index('id="part-1"')
    assert [f'href="{name}/report.html"' in body for name in ("cost", "one", "two")] == [True] * 3
    assert "output.tokens.mean.short" in body


def test_the_comment_has_a_line_a_part(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert text.startswith("## loadgen, `day`: FAIL\n")
    assert re.search(r"^\| `two` \| \*\*fail\*\* \|", text, re.M)


def test_junit_has_a_suite_a_part(folder: Path) -> None:
    root = ET.fromstring((folder / "junit.xml").read_text())
    assert [suite.get("name") for suite in root] == ["loadgen.day.cost", "loadgen.day.one", "loadgen.day.two"]
    assert root.get("failures") == "1"


def test_a_part_that_was_not_run_is_red_in_junit(tmp_path: Path) -> None:
    suite = run(new("one", "two"), tmp_path, Target(cut={"one": ExitCode.TARGET_UNREACHABLE}))
    write_suite_reports(tmp_path, suite)
    root = ET.fromstring((tmp_path / "junit.xml").read_text())
    assert [suite.get("errors") for suite in root] == ["1", "1"]
    assert "It left nothing to show." in body_of(tmp_path)


def test_reports_are_made_again_from_the_folder(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(report, [str(folder), "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "report.html", "report.md"]
    assert (tmp_path / "report.md").read_text() == (folder / "report.md").read_text()


def test_the_console_has_a_line_a_part_within_100_columns(folder: Path) -> None:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    suite = read_suite(folder)
    print_suite(suite, results_of(suite, folder), console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert re.search(r"^ two +fail ", shown, re.M)
    assert shown.splitlines()[-1].startswith("fail: two failed (")


def test_the_folder_says_what_it_is(folder: Path, tmp_path: Path) -> None:
    assert json.loads((folder / "suite.json").read_text())["schema"] == "loadgen.suite/1"
    with pytest.raises(UsageError, match=r"no suite\.json"):
        read_suite(tmp_path)
