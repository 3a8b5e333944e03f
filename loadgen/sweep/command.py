"""`loadgen sweep`: the command line of a sweep, and the processes that its steps are measured with.

Imports stay light until the command runs.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from loadgen import __version__
from loadgen.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from loadgen.scenario.loader import LoadedScenario
    from loadgen.scenario.model import Scenario
    from loadgen.supervisor import Supervisor
    from loadgen.sweep.model import Plan, Subject, Sweep, Unit
    from loadgen.sweep.runner import Measure

# Near the limit of a queue a tail needs hours to be known better: benchmarks/capacity.py.
_DEFAULT_PRECISION = 0.1
_FIRST_LEVEL = 1.0
# Without --from, as far below the first level as halving it six times.
_LOWEST_SHARE = 1 / 64
_LONGEST_STEPS = 4.0
_HELP = """\b
Examples:
  loadgen sweep chat --rates 1,2,4,8 --duration 2m --target http://HOST:8000/v1
  loadgen sweep chat --find-max --target http://HOST:8000/v1 --out max-rate
  loadgen sweep agentic_replay --users 1,2,4,8,16
  loadgen sweep latency.yaml --find-max --from 2 --to 50 --precision 5%
An interrupted sweep goes on with the same command and its --out DIR.

\b
Exit codes: 0 the maximum was found (--rates, --users: a level passed, or no SLO), 1 not even the lowest level passes,
2 bad input, 3 undecided, 4 the generator was the bottleneck, 5 target unreachable or lost, 70 a bug of loadgen,
130 interrupted (sweep.json has the steps so far)."""


class _Levels(click.ParamType):  # type: ignore[type-arg]
    """`1,2,4`: levels above 0, each once; whole ones where they are users."""

    name = "levels"

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        try:
            levels = [float(part) for part in str(value).split(",")]
        except ValueError:
            levels = []
        usable = all(0 < level < float("inf") and (not self._whole or level == int(level)) for level in levels)
        if not levels or not usable or len(set(levels)) < len(levels):
            kind = "whole numbers" if self._whole else "numbers"
            self.fail(f"{value!r}; accepted: {kind} above 0, each once, such as 1,2,4", param, ctx)
        return levels


class _Precision(click.ParamType):  # type: ignore[type-arg]
    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0.001 <= share <= 1:
            self.fail(f"{value!r}; accepted: a share such as 5% or 0.05, from 0.1% to 100%", param, ctx)
        return share


class _Duration(click.ParamType):  # type: ignore[type-arg]
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from loadgen.scenario.quantities import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(epilog=_HELP)
@click.argument("scenario", default="quickstart")
@click.option("--rates", type=_Levels(whole=False), metavar="R,R,...", help="Measure these: new sessions a second.")
@click.option("--users", type=_Levels(whole=True), metavar="N,N,...", help="Measure these: concurrent sessions.")
@click.option("--find-max", is_flag=True, help="Search the highest level that passes the SLOs; users if closed.")
@click.option("--from", "start", type=float, metavar="LEVEL", help="Start the search here, and never go below.")
@click.option("--to", "highest", type=float, metavar="LEVEL", help="Never search above.")
@click.option("--precision", type=_Precision(), metavar="SHARE", help="How closely to know the maximum. Default 10%.")
@click.option("--duration", type=_Duration(), help="Length of what each step measures; default: the scenario's.")
@click.option(
    "--max-step-duration", type=_Duration(), help="How long an inconclusive step may become; default: 4 times that."
)
@click.option("--cooldown", type=_Duration(), default="3s", show_default=True, help="Rest between two steps, at least.")
@click.option("--target", metavar="URL", help="Base URL; without a path it gets /v1.")
@click.option("--model", metavar="NAME", help="Model name; `auto` takes the only one served.")
@click.option("--profile", metavar="NAME", help="The embedded simulator's timing profile, where there is no target.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Worker processes. Default: cores minus one.")
@click.option("--seed", type=int, metavar="N", help="Of the first step; each further step has the next.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Any key: --set seed=2. Repeatable.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The sweep's folder, or one to go on with; default runs/<time>-<scenario>-sweep.",
)
def sweep(scenario: str, out: Path | None, **options: Any) -> ExitCode:
    """Run SCENARIO at one load after another, and find what the target can carry.

    Each step is a run of its own in a folder of its own, against one target; without a target the embedded simulator
    is started once for all of them. Between steps the target drains and rests.

    --find-max doubles the load until an SLO fails, then closes in. Verdicts have three ways: an inconclusive step is
    measured again for longer, and what cannot be decided is said and not guessed.

    The first Ctrl-C ends the step and writes the steps so far, the second cuts off what is in flight.
    """
    loaded = _load(scenario, options)
    subject, plan = _subject(loaded, options), _plan(loaded, options)
    # As a step will load it: what does not go with one level (an SLO on a stage that is no more) is told now.
    _load(scenario, options, _level_options(subject, (plan.levels or [plan.start])[0], plan.max_step_s))
    return _sweep(scenario, subject, plan, loaded, options, out)


def _load(scenario: str, options: dict[str, Any], level: Mapping[str, Any] = MappingProxyType({})) -> "LoadedScenario":
    from loadgen.scenario.loader import load_scenario
    from loadgen.scenario.overrides import Overrides

    return load_scenario(
        scenario,
        overrides=Overrides(
            target=options["target"],
            model=options["model"],
            users=level.get("users"),
            rate=level.get("rate"),
            duration_s=level.get("duration"),
            seed=options["seed"],
            sets=tuple(options["sets"]),
        ),
    )


def _level_options(subject: "Subject", level: float, duration_s: float) -> dict[str, Any]:
    """A step's own options of `loadgen run`."""
    users, rate = (int(level), None) if subject.unit == "users" else (None, level)
    return {"users": users, "rate": rate, "duration": duration_s}


def _unit(loaded: "LoadedScenario", options: dict[str, Any]) -> "Unit":
    if options["find_max"]:
        return "users" if loaded.scenario.load.arrivals == "closed" else "rate"
    return "users" if options["users"] else "rate"


def _subject(loaded: "LoadedScenario", options: dict[str, Any]) -> "Subject":
    """What is measured. Raises UsageError where the options do not say one thing."""
    from loadgen.scenario.describe import without_user
    from loadgen.sweep.model import Subject

    given = [option for option in ("rates", "users", "find_max") if options[option]]
    if len(given) != 1:
        raise UsageError("accepted: one of --rates 1,2,4 (sessions/s), --users 1,2,4 or --find-max")
    scenario = loaded.scenario
    if options["find_max"] and not scenario.slos:
        hint = "slos: ['ttft p99 < 2s'] in the file, or --set 'slos=[\"ttft p99 < 2s\"]'"
        raise UsageError(f"{loaded.path}: --find-max needs an SLO to find the maximum for; accepted: {hint}")
    base_url = scenario.target.base_url
    if base_url is not None and options["profile"] is not None:
        raise UsageError("--profile is the embedded simulator's, and there is a target; accepted: one of them")
    if options["profile"] is not None:
        from loadgen.simulator.serving import profile_named

        profile_named(options["profile"])
    measured_s = sum(stage.duration_s for stage in scenario.load.stages if stage.measure)
    cores = (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) or 2
    return Subject(
        scenario=scenario.name,
        scenario_sha256=hashlib.sha256(loaded.redacted_yaml().encode()).hexdigest(),
        target=None if base_url is None else without_user(base_url),
        model=scenario.target.model,
        profile=None if base_url is not None else options["profile"] or "default",
        unit=_unit(loaded, options),
        duration_s=options["duration"] or measured_s,
        workers=options["workers"] or max(1, cores - 1),
        seed=scenario.seed,
        slos=[slo.text for slo in scenario.objectives],
    )


def _plan(loaded: "LoadedScenario", options: dict[str, Any]) -> "Plan":
    """Which levels. Raises UsageError where the options contradict each other."""
    from loadgen.sweep.model import Plan

    searched = options["find_max"]
    if not searched:
        for option, name in (("start", "--from"), ("highest", "--to"), ("precision", "--precision")):
            if options[option] is not None:
                raise UsageError(f"{name} goes with --find-max, not with a list of levels")
    whole = _unit(loaded, options) == "users"
    start, highest = options["start"], options["highest"]
    for name, level in (("--from", start), ("--to", highest)):
        if level is not None and (not 0 < level < float("inf") or (whole and level != int(level))):
            raise UsageError(f"{name} {level:g}: accepted: {'a whole number' if whole else 'a number'} above 0")
    if start is not None and highest is not None and start > highest:
        raise UsageError(f"--from {start:g} is above --to {highest:g}; accepted: at most that")
    first = start or min(_FIRST_LEVEL, highest or _FIRST_LEVEL)
    measured_s = options["duration"] or sum(s.duration_s for s in loaded.scenario.load.stages if s.measure)
    longest_s = options["max_step_duration"]
    if longest_s is None:
        longest_s = measured_s * (_LONGEST_STEPS if searched else 1)
    if longest_s < measured_s:
        raise UsageError(f"--max-step-duration {longest_s:g}s is below the {measured_s:g}s of a step")
    return Plan(
        levels=None if searched else options["rates"] or options["users"],
        start=first,
        lowest=start or (1.0 if whole else first * _LOWEST_SHARE),
        highest=highest,
        precision=options["precision"] or _DEFAULT_PRECISION,
        max_step_s=longest_s,
        cooldown_s=options["cooldown"],
    )


def _sweep(
    scenario: str, subject: "Subject", plan: "Plan", loaded: "LoadedScenario", options: dict[str, Any], out: Path | None
) -> ExitCode:
    import msgspec

    from loadgen.embedded import told
    from loadgen.outputs.console import ReportConsole
    from loadgen.outputs.run_folder import default_path
    from loadgen.supervisor import Supervisor, simulator_url
    from loadgen.sweep.conclusion import upcoming
    from loadgen.sweep.cooling import cool
    from loadgen.sweep.folder import open_folder, write_whole
    from loadgen.sweep.model import Sweep
    from loadgen.sweep.runner import Surroundings, run_sweep
    from loadgen.sweep.table import print_sweep

    folder = out or default_path(f"{loaded.scenario.name}-sweep")
    console = ReportConsole(highlight=False, width=None if sys.stdout.isatty() else 100)
    begun = open_folder(folder, subject)
    if begun is None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        begun = Sweep(
            started_at=now, version=__version__, subject=subject, plan=plan, notes=notes_of(loaded, subject.unit)
        )
        write_whole(folder, "scenario.yaml", loaded.redacted_yaml().encode())
    else:
        begun = msgspec.structs.replace(begun, plan=plan)
        click.echo(f"going on with the sweep in {folder}: {len(begun.steps)} steps are there")
    with Supervisor() as supervisor, told(loaded.scenario, seed=subject.seed) as known:
        base_url, target = loaded.scenario.target.base_url, None
        if base_url is None and upcoming(subject, plan, begun.steps) is not None:
            click.echo("no target given: starting the embedded simulator (its figures are a model's, not a server's)")
            simulator = supervisor.start_simulator([*_simulator_arguments(loaded, subject), *known])
            base_url = simulator_url(simulator)
            target = lambda url=base_url: url  # noqa: E731
        sweep_, code = run_sweep(
            begun,
            folder,
            Surroundings(
                measure=_measuring(supervisor, scenario, loaded.scenario, subject, options, target),
                rest=lambda: cool(base_url, plan.cooldown_s, lambda: bool(supervisor.interrupts)),
                interrupted=lambda: bool(supervisor.interrupts),
                say=lambda text: console.print(text, markup=False, soft_wrap=True),
                report=lambda made: _write_report(folder, made),
            ),
        )
    print_sweep(sweep_, console)
    console.print(f"Sweep folder: {folder}", markup=False, soft_wrap=True)
    return code


def _write_report(folder: Path, made: "Sweep") -> None:
    from loadgen.sweep.html import write_sweep_report

    try:
        write_sweep_report(folder, made)
    except Exception as error:
        # What was measured is safe by now: a mistake of ours in its page must not cost the exit code.
        click.echo(f"note: report.html could not be made ({type(error).__name__}: {error})", err=True)


def _simulator_arguments(loaded: "LoadedScenario", subject: "Subject") -> list[str]:
    dialect = loaded.scenario.target.dialect
    arguments = ["--seed", str(subject.seed), "--profile", subject.profile or "default"]
    return arguments + ([] if dialect == "auto" else ["--dialect", dialect])


def _measuring(
    supervisor: "Supervisor",
    scenario: str,
    parsed: "Scenario",
    subject: "Subject",
    options: dict[str, Any],
    target: Callable[[], str] | None,
) -> "Measure":
    from loadgen.supervisor import run_within

    sets = list(options["sets"])
    if options["find_max"]:
        sets.append(ending_slos(parsed))

    def measure(level: float, duration_s: float, seed: int, folder: Path) -> ExitCode:
        given = {"target": options["target"], "model": options["model"], "seed": seed, "sets": sets}
        private = json.dumps({"options": given | _level_options(subject, level, duration_s), "command": sys.argv})
        # A run's own lines are many; what they say is in its folder, and errors come by stderr.
        return run_within(
            supervisor,
            [scenario, "--out", str(folder)],
            subject.workers,
            target,
            private,
            stdout=subprocess.DEVNULL,
        )

    return measure


def ending_slos(scenario: "Scenario") -> str:
    """The setting by which a step of a search ends as soon as an SLO is known to have failed, where that can be known.

    A level that has failed need not be loaded to its end, with a queue that grows all the while.
    """
    recorded = scenario.records.sample > 0
    stated = [{"slo": slo.text, "abort": slo.abort or (slo.may_end_run and recorded)} for slo in scenario.objectives]
    return f"slos={json.dumps(stated, ensure_ascii=False)}"


def notes_of(loaded: "LoadedScenario", unit: "Unit") -> list[str]:
    """What a reader of this sweep must know before its first step."""
    notes = []
    if unit == "users" and all(stage.measure for stage in loaded.scenario.load.stages):
        # 64 users on the simulator: TTFT p90 4.6 s in the first 2 s, 0.4 s from then on.
        notes.append(
            "no stage is a warm-up (measure: false), so that the queue counts in which all users stand when a step "
            "begins: many users look worse than they are once they are under way"
        )
    replayed = [spec.name for spec in loaded.scenario.workloads if spec.kind == "replay"]
    if replayed:
        notes.append(
            f"{', '.join(replayed)}: a recording is the same text in every step, so a prefix cache may keep some of it "
            "from one to the next; the share of cached input shows it"
        )
    if loaded.scenario.budget is not None:
        notes.append(f"the budget of {loaded.scenario.budget.usd:g} USD is each step's, not the sweep's")
    return notes
