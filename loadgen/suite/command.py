"""`loadgen run` of a scenario with `parts`: the processes that its parts run in, and what is said of them.

Imports stay light until a part is run: this process is the parent of all others.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from loadgen import __version__
from loadgen.embedded import told
from loadgen.errors import ExitCode, UsageError
from loadgen.outputs.console import ReportConsole
from loadgen.outputs.run_folder import RunFolder
from loadgen.scenario.describe import describe, without_user
from loadgen.scenario.overrides import Overrides
from loadgen.scenario.quantities import format_duration
from loadgen.scenario.soak import SoakSpec, windows_of
from loadgen.suite.conclusion import reason_of, soak_reason, why_cut
from loadgen.suite.model import Part, Suite
from loadgen.suite.results import HISTORY, Result, results_of
from loadgen.suite.runner import Surroundings, run_suite
from loadgen.suite.spec import LoadedPart, LoadedSuite, load_suite
from loadgen.suite.table import print_suite
from loadgen.supervisor import Supervisor, run_within, simulator_url
from loadgen.sweep.cooling import cool

# Between two parts: what the one left in flight is not the next one's load.
_REST_S: Final = 1.0
# A run that ends with one of these came to its end, and its summary says what it measured.
_WHOLE: Final = (ExitCode.PASS, ExitCode.SLO_FAILED, ExitCode.INCONCLUSIVE, ExitCode.INVALID_RUN)


@dataclass(frozen=True)
class Options:
    """What `loadgen run` was given beside the scenario. given: the options of `master` that change a scenario.

    simulator: arguments of the embedded one. master: further arguments of every part's master.
    """

    given: dict[str, Any]
    workers: int
    out: Path | None
    simulator: list[str]
    master: list[str]


def run_parts(scenario: str, options: Options) -> ExitCode:
    """Run every part of a scenario that has some; the worst of their codes. Raises UsageError for bad input."""
    loaded = load_suite(scenario, _overrides(options.given))
    folder = _folder(loaded, options.out)
    suite = _new(loaded)
    console = ReportConsole(highlight=False, width=None if sys.stdout.isatty() else 100)
    by_name = {part.spec.name: part for part in loaded.parts}
    with Supervisor() as supervisor, ExitStack() as stack:
        known = [
            word
            for part in loaded.parts
            for word in stack.enter_context(told(part.loaded.scenario, seed=part.loaded.scenario.seed))
        ]
        base_url = _target(loaded, supervisor, options, known)
        suite = run_suite(
            suite,
            folder,
            Surroundings(
                run=lambda part, place: _run(by_name[part.name], part, place, supervisor, base_url, options),
                rest=lambda: cool(base_url, _REST_S, lambda: bool(supervisor.interrupts)),
                interrupted=lambda: bool(supervisor.interrupts),
                say=lambda text: console.print(text, markup=False, soft_wrap=True),
                report=lambda made: _report(folder, made),
            ),
        )
    print_suite(suite, results_of(suite, folder), console)
    console.print(f"Folder: {folder}; its report.html has every part", markup=False, soft_wrap=True)
    return ExitCode(suite.exit_code)


def describe_parts(scenario: str, given: dict[str, Any]) -> str:
    """What `loadgen validate` says of a scenario with parts. Raises UsageError with what is wrong."""
    loaded = load_suite(scenario, _overrides(given))
    parts = [f"part {part.spec.name}: {_described(part)}" for part in loaded.parts]
    return "\n".join([f"{loaded.path}: valid, {len(parts)} parts", *parts])


def _described(part: LoadedPart) -> str:
    if part.spec.soak is None:
        return describe(part.loaded)
    stated = part.loaded.scenario.soak or SoakSpec()
    every_s, for_s = part.spec.windows(stated)
    windows = f"{windows_of(every_s, for_s)} windows of {format_duration(every_s)}"
    return f"{part.loaded.path}: valid\n  soak       {windows}: {', '.join(stated.probes)}"


def _overrides(given: dict[str, Any]) -> Overrides:
    return Overrides(
        target=given["target"],
        model=given["model"],
        users=given["users"],
        rate=given["rate"],
        duration_s=given["duration"],
        seed=given["seed"],
        sets=tuple(given["sets"]),
    )


def _folder(loaded: LoadedSuite, out: Path | None) -> Path:
    return RunFolder.fresh(loaded.spec.name).path if out is None else RunFolder(out).path


def _new(loaded: LoadedSuite) -> Suite:
    target = loaded.parts[0].loaded.scenario.target
    return Suite(
        name=loaded.spec.name,
        description=loaded.spec.description.strip(),
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        version=__version__,
        target=None if target.base_url is None else without_user(target.base_url),
        model=target.model,
        parts=[
            Part(
                name=part.spec.name,
                kind="run" if part.spec.soak is None else "soak",
                scenario=part.loaded.scenario.name,
            )
            for part in loaded.parts
        ],
    )


def _target(loaded: LoadedSuite, supervisor: Supervisor, options: Options, known: Sequence[str]) -> str:
    """The one target of all parts, started where it is the embedded simulator. Raises UsageError for several.

    known: what the embedded one is told of the parts' tasks.
    """
    targets = {part.loaded.scenario.target.base_url for part in loaded.parts}
    if len(targets) > 1:
        raise UsageError(f"{loaded.path}: its parts have different targets; accepted: one for all, by --target")
    (base_url,) = targets
    if base_url is not None:
        if options.simulator:
            raise UsageError("--simulator is for the embedded one, and there is a target; accepted: one of them")
        return base_url
    click.echo("no target given: starting the embedded simulator (its figures are a model's, not a server's)")
    # Of a soak's answers the lengths are a measure: they are to vary as a model's do.
    lengths = ["--natural-lengths"] if any(part.spec.soak is not None for part in loaded.parts) else []
    seed = ["--seed", str(loaded.parts[0].loaded.scenario.seed)]
    return simulator_url(supervisor.start_simulator([*seed, *lengths, *known, *options.simulator]))


def _run(loaded: LoadedPart, part: Part, place: Path, supervisor: Supervisor, base_url: str, options: Options) -> Part:
    """One part in processes of its own; as it came out."""
    start: Callable[..., ExitCode] = _run_soak if part.kind == "soak" else _run_scenario
    code = start(loaded, place, supervisor, base_url, options)
    result = Result(msgspec.structs.replace(part, folder=place.name), place.parent)
    summary, week = result.summary, result.week
    model = summary.run.model if summary is not None else None if week is None else week.soak.model
    seen = msgspec.structs.replace(part, exit_code=int(code), model=model)
    if summary is not None and code in _WHOLE:
        return msgspec.structs.replace(seen, outcome=summary.verdict.outcome, reason=reason_of(summary))
    if week is not None and code == ExitCode.PASS:
        return msgspec.structs.replace(seen, outcome="none", reason=soak_reason(week))
    return msgspec.structs.replace(seen, outcome="cut", reason=why_cut(code))


def _run_scenario(loaded: LoadedPart, place: Path, supervisor: Supervisor, base_url: str, options: Options) -> ExitCode:
    given = options.given | {"sets": list(loaded.overrides.sets), "target": base_url}
    # What was given may hold a key, and every user of the machine may read a command line: it goes through a pipe.
    private = json.dumps({"options": given, "command": sys.argv})
    arguments = [loaded.ref, "--out", str(place), *options.master]
    # A run's own lines are many; what they say is in its folder, and errors come by stderr.
    return run_within(supervisor, arguments, options.workers, None, private, stdout=subprocess.DEVNULL)


def _run_soak(loaded: LoadedPart, place: Path, supervisor: Supervisor, base_url: str, options: Options) -> ExitCode:
    history = place / HISTORY
    # Forked and not executed, so that no process list shows what was given.
    arguments = ["soak", loaded.ref, "--history", str(history), "--target", base_url, "--parent", str(os.getpid())]
    for option, value in (("--every", loaded.spec.every_s), ("--for", loaded.spec.for_s)):
        arguments += [] if value is None else [option, f"{value!r}s"]
    for option, name in (("--model", "model"), ("--seed", "seed")):
        arguments += [] if options.given[name] is None else [option, str(options.given[name])]
    arguments += [word for setting in loaded.overrides.sets for word in ("--set", setting)]
    before = len(supervisor.children)
    child = supervisor.fork("the soak", arguments, stdout=subprocess.DEVNULL)
    code = supervisor.watch(child)
    supervisor.stop(supervisor.children[before:])
    if history.exists():
        _write_week(place, Result(Part(name=place.name, kind="soak", scenario="", folder=place.name), place.parent))
    return code


def _write_week(place: Path, result: Result) -> None:
    from loadgen.history.page import history_page

    if result.week is None:
        return
    try:
        RunFolder.existing(place).write_text("report.html", history_page([result.week]))
    except Exception as error:
        # What was measured is safe by now: a mistake of ours in its page must not cost the exit code.
        click.echo(f"note: {place / 'report.html'} could not be made ({type(error).__name__}: {error})", err=True)


def _report(folder: Path, suite: Suite) -> None:
    from loadgen.suite.reports import write_suite_reports

    _, problems = write_suite_reports(folder, suite)
    for problem in problems:
        click.echo(f"note: {problem}", err=True)
