"""A sweep from its first step to its last: measures, writes down, rests, and goes on until there is an answer.

Knows neither processes nor sockets: how a step is measured and how the target comes to rest are its caller's. After
each step everything is on disk, so that a sweep that was cut off anywhere is continued from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from loadgen.errors import ExitCode
from loadgen.outputs.run_folder import free_path
from loadgen.outputs.summary_json import NAME as SUMMARY
from loadgen.outputs.summary_json import read_summary
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.conclusion import about_steps, conclude, shown, upcoming
from loadgen.sweep.folder import NAME, to_json, write_whole
from loadgen.sweep.markdown import write_sweep_markdown
from loadgen.sweep.model import Step, Subject, Sweep
from loadgen.sweep.reading import figures_of, longer, objectives, outcome_of
from loadgen.sweep.search import Next

# A run that ends with one of these came to its end, and its summary says what it measured.
_WHOLE = (ExitCode.PASS, ExitCode.SLO_FAILED, ExitCode.INCONCLUSIVE, ExitCode.INVALID_RUN)


class Measure(Protocol):
    """Runs the scenario once and leaves a run folder; the run's exit code."""

    def __call__(self, level: float, duration_s: float, seed: int, folder: Path) -> ExitCode:
        """level: sessions a second or users. folder: does not exist yet."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sweep is run with.

    rest: between two steps; what to note of it. say: a line for the user. report: makes what people look at of it.
    """

    measure: Measure
    rest: Callable[[], str | None]
    interrupted: Callable[[], bool]
    say: Callable[[str], None]
    report: Callable[[Sweep], None]


def run_sweep(sweep: Sweep, folder: Path, around: Surroundings) -> tuple[Sweep, ExitCode]:
    """Measure what is still missing; the sweep as it is then, and how it ended.

    Where a step does not come to its end (interrupted, target lost, bad input), the sweep ends with that step's code
    and without it. Raises UsageError where a file can't be written.
    """
    subject, plan = sweep.subject, sweep.plan
    cut: ExitCode | None = None
    rested = True
    while cut is None and (following := upcoming(subject, plan, sweep.steps)) is not None:
        if not rested and (note := around.rest()):
            sweep = _noted(sweep, note)
        rested = False
        if around.interrupted():
            cut = ExitCode.INTERRUPTED
            break
        number = len(sweep.steps) + 1
        total = max(number, about_steps(subject, plan, sweep.steps))
        around.say(f"step {number} of about {total}: {_described(following, subject)}")
        place = free_path(folder / f"step-{number:02d}-{subject.unit}-{following.level:g}")
        # Not the same text again: what the target's prefix cache kept of one step would speed up the next.
        seed = subject.seed + sweep.attempts
        sweep = _save(msgspec.structs.replace(sweep, attempts=sweep.attempts + 1), folder, complete=False)
        code = around.measure(following.level, following.duration_s, seed, place)
        if code in _WHOLE and (place / SUMMARY).exists():
            # What grows at less load grows at more.
            grew_before = any(step.figures.growing for step in sweep.steps if step.level <= following.level)
            step = _step(number, following, seed, place, code, grew_before=grew_before)
            around.say(f"  {step.outcome}: {step.reason}")
            sweep = msgspec.structs.replace(sweep, steps=[*sweep.steps, step])
        else:
            cut = code
            sweep = _noted(sweep, _cut_off(number, following, subject, place, code))
        _save(sweep, folder, complete=False)
    complete = cut is None
    sweep = _save(sweep, folder, complete=complete)
    around.report(sweep)
    assert sweep.result is not None
    return sweep, ExitCode(sweep.result.exit_code) if cut is None else cut


def _save(sweep: Sweep, folder: Path, *, complete: bool) -> Sweep:
    result = conclude(sweep.subject, sweep.plan, sweep.steps, complete=complete)
    concluded = msgspec.structs.replace(sweep, result=result)
    write_whole(folder, NAME, to_json(concluded))
    write_sweep_markdown(folder, concluded)
    return concluded


def _step(number: int, following: Next, seed: int, place: Path, code: ExitCode, *, grew_before: bool) -> Step:
    summary = read_summary(place / SUMMARY)
    outcome, reason = outcome_of(summary, grew_before=grew_before)
    return Step(
        number=number,
        level=following.level,
        duration_s=following.duration_s,
        folder=place.name,
        run_id=summary.run.id,
        seed=seed,
        started_at=summary.run.started_at,
        exit_code=int(code),
        outcome=outcome,
        reason=reason,
        longer=longer(summary),
        slos=objectives(summary),
        figures=figures_of(summary),
    )


def _described(following: Next, subject: Subject) -> str:
    again = ", again" if following.again else ""
    return f"{shown(following.level, subject.unit)} for {format_duration(following.duration_s)}{again}"


def _cut_off(number: int, following: Next, subject: Subject, place: Path, code: ExitCode) -> str:
    why = {ExitCode.INTERRUPTED: "was interrupted", ExitCode.TARGET_UNREACHABLE: "lost its target"}.get(
        code, f"ended with exit code {int(code)}"
    )
    kept = f"; what it measured until then is in {place.name}" if place.exists() else ""
    return f"step {number} at {shown(following.level, subject.unit)} {why} and does not count{kept}"


def _noted(sweep: Sweep, note: str) -> Sweep:
    return msgspec.structs.replace(sweep, notes=[*sweep.notes, note])
