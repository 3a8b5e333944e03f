"""Sweeps and summaries for the tests of this room."""

from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import ExitCode
from loadgen.metrics.summary import SloResult, Steadiness, Summary
from loadgen.outputs.summary_json import NAME, to_json
from loadgen.sweep.model import Outcome, Plan, Quantiles, Step, Subject, Sweep
from loadgen.sweep.reading import figures_of
from tests.unit.outputs.summaries import invalid, summary_with

SUBJECT = Subject(
    scenario="tested",
    scenario_sha256="0" * 64,
    target="http://127.0.0.1:8000/v1",
    model="auto",
    profile=None,
    unit="rate",
    duration_s=60.0,
    workers=1,
    seed=7,
    slos=["ttft p99 < 2s"],
)
PLAN = Plan(levels=None, start=1.0, lowest=1 / 64, highest=None, precision=0.05, max_step_s=240.0, cooldown_s=0.0)
NEW = Sweep(started_at="2026-11-23T00:00:00Z", version="0", subject=SUBJECT, plan=PLAN)

_CODES = {
    "pass": ExitCode.PASS,
    "fail": ExitCode.SLO_FAILED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "invalid": ExitCode.INVALID_RUN,
    "none": ExitCode.PASS,
}


def slo(outcome: Any, estimate: float | None = 1.2, **more: Any) -> SloResult:
    return SloResult("ttft p99 < 2s", estimate, outcome=outcome, limit=2.0, unit="s", **more)


def judged(outcome: Outcome, *, growing: bool | None = None) -> Summary:
    """A run with this verdict; growing: what was found of its queue."""
    summary = summary_with(outcome, *([] if outcome == "none" else [slo("pass" if outcome == "invalid" else outcome)]))
    if outcome == "invalid":
        summary = invalid(summary, "loop lag")
    steady = Steadiness(steady=True, n=100, cut_s=None, cut_turns=0, backlog_per_s=0.1, growing=growing)
    stages = [msgspec.structs.replace(stage, steady=steady if stage.measured else None) for stage in summary.stages]
    return msgspec.structs.replace(summary, stages=stages)


def write_run(folder: Path, outcome: Outcome, *, growing: bool | None = None) -> ExitCode:
    """What a run leaves in its folder, as far as a sweep reads it; the run's exit code."""
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(to_json(judged(outcome, growing=growing)))
    return _CODES[outcome]


def step(number: int, level: float, outcome: Outcome = "pass", **figures: Any) -> Step:
    """A step with the figures of a run of three turns, but for those given."""
    return Step(
        number=number,
        level=level,
        duration_s=60.0,
        folder=f"step-{number:02d}",
        run_id=f"run-{number}",
        seed=number,
        started_at="2026-11-23T00:00:00Z",
        exit_code=0,
        outcome=outcome,
        reason="because",
        longer=None,
        slos=[],
        figures=msgspec.structs.replace(figures_of(judged("pass")), **figures),
    )


def point(number: int, level: float, requests_per_s: float, e2e_mean_s: float, outcome: Outcome = "pass") -> Step:
    """A step as a point on the curve."""
    return step(
        number,
        level,
        outcome,
        requests_per_s=requests_per_s,
        e2e_s=Quantiles(e2e_mean_s, e2e_mean_s, e2e_mean_s, e2e_mean_s),
    )
