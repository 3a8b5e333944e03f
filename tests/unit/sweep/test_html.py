"""A sweep's report.html: the answer first, the curve with its knee, and nothing made up where nothing was measured."""

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from loadgen.outputs.command import report
from loadgen.sweep.conclusion import conclude
from loadgen.sweep.folder import NAME, to_json
from loadgen.sweep.html import sweep_report
from loadgen.sweep.markdown import markdown
from loadgen.sweep.model import Step, Sweep
from tests.unit.sweep.making import NEW, PLAN, SUBJECT, point, step


def swept(*steps: Step) -> Sweep:
    result = conclude(SUBJECT, PLAN, list(steps), complete=True)
    return msgspec.structs.replace(NEW, steps=list(steps), result=result)


def body_of(text: str) -> str:
    return re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)


@pytest.fixture
def curve() -> Sweep:
    return swept(point(1, 1, 1, 0.1), point(2, 2, 2, 0.11), point(3, 4, 3.9, 0.15), point(4, 8, 5, 2.0, "fail"))


def test_the_answer_and_the_knee_come_before_the_curve(curve: Sweep) -> None:
    body = body_of(sweep_report(curve))
    assert curve.result is not None
    assert curve.result.knee is not None
    assert body.index(curve.result.text) < body.index("TTFT against throughput")
    assert "The knee, the dotted line, is at 4 sessions/s (3.90 requests/s)." in body
    assert body.count("<figure") == body.count('role="img"') == body.count("<figcaption")


def test_each_step_leads_to_its_own_report(curve: Sweep) -> None:
    body = body_of(sweep_report(curve))
    assert [f'href="step-0{number}/report.html"' in body for number in range(1, 5)] == [True] * 4


def test_what_no_step_measured_is_no_figure_or_a_gap() -> None:
    bare = step(1, 1.0, ttft_s=None, cost_per_1m_output_tokens=None, output_tokens_per_usd=None, goodput=None)
    body = body_of(sweep_report(swept(bare)))
    assert "too few turns in this step" in body
    assert "Cost against load" not in body
    assert "Goodput against load" not in body
    assert not re.search(r">\s*(nan|None)\b", body)


@pytest.mark.parametrize("sweep", [NEW, swept(step(1, 1.0, "invalid"))])
def test_a_sweep_without_a_sound_step_has_a_page(sweep: Sweep) -> None:
    assert "No step with a sound generator has been measured." in body_of(sweep_report(sweep))


def test_names_are_text() -> None:
    subject = msgspec.structs.replace(SUBJECT, scenario="<script>alert(1)</script>", model="<img src=x>")
    text = sweep_report(msgspec.structs.replace(swept(step(1, 1.0)), subject=subject, notes=["<b>"]))
    assert "<script>alert" not in text
    assert "<img" not in body_of(text)


def test_the_report_of_a_sweeps_folder_is_the_sweeps(curve: Sweep, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(to_json(curve))
    result = CliRunner().invoke(report, [str(tmp_path)], catch_exceptions=False)
    assert result.stdout.split() == [str(tmp_path / name) for name in ("sweep.md", "report.html")]
    assert (tmp_path / "report.html").read_text() == sweep_report(curve)
    assert (tmp_path / "sweep.md").read_text() == markdown(curve)
