"""`loadgen soak`: the command line of a soak. Imports stay light until the command runs."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadgen.errors import ExitCode, UsageError, worst
from loadgen.simulator.command import simulator_arguments

if TYPE_CHECKING:
    from loadgen.history.model import Soak
    from loadgen.history.store import History
    from loadgen.scenario.loader import LoadedScenario
    from loadgen.scenario.soak import SoakSpec
    from loadgen.supervisor import Supervisor

_FASTEST = 1e6
_HELP = """\b
Examples:
  loadgen soak cost_stability --target https://api.deepseek.com --model deepseek-chat --resume
  loadgen soak cost_stability --time-scale 600 --set soak.latency.requests=20     a simulated week in 17 minutes
  loadgen soak cost_stability --time-scale 600 --simulator '--drift cache_lifetime:4m@4d'
Whatever ends it, the same command with --resume goes on with it; `loadgen history` shows it meanwhile.

\b
Exit codes: 0 the soak came to its end (with --fail-on-drift: and nothing drifted), 1 something drifted
(--fail-on-drift), 2 bad input or a history that can't be written, 3 too little was measured to tell
(--fail-on-drift), 5 target unreachable at the start or all the while, 70 a bug of loadgen, 130 interrupted."""


class _Duration(click.ParamType):  # type: ignore[type-arg]
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from loadgen.scenario.quantities import parse_duration

        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r}; accepted: a duration above 0", param, ctx)
        return seconds


class _Scale(click.FloatRange):
    name = "scale"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        # NaN is beyond no bound.
        if (scale := float(super().convert(value, param, ctx))) != scale:
            self.fail(f"{value!r}; accepted: a number from 1 to {_FASTEST:g}", param, ctx)
        return scale


@click.command(epilog=_HELP)
@click.argument("scenario", default="cost_stability")
@click.option("--every", type=_Duration(), help="Length of a window. Default: the scenario's, else 15m.")
@click.option("--for", "duration", type=_Duration(), help="Length of the soak. Default: the scenario's, else 7d.")
@click.option(
    "--time-scale",
    type=_Scale(1, _FASTEST),
    default=1.0,
    metavar="N",
    help="Let the soak's time pass N times as fast; latencies stay real. For the simulator, which gets it too.",
)
@click.option(
    "--history", type=click.Path(path_type=Path), metavar="FILE", help="Where it is kept. Default: the user's own."
)
@click.option("--resume", is_flag=True, help="Go on with the last soak of this scenario and target, if it is not over.")
@click.option("--fail-on-drift", is_flag=True, help="Exit code 1 where something has drifted, 3 where nobody can tell.")
@click.option("--target", metavar="URL", help="Base URL; without a path it gets /v1.")
@click.option("--model", metavar="NAME", help="Model name; `auto` takes the only one served.")
@click.option("--seed", type=int, metavar="N", help="Same seed, same schedule.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Any key: --set seed=2. Repeatable.")
@click.option("--simulator", metavar="OPTIONS", help="Options of `loadgen simulate` for the embedded one.")
@click.option(
    "--prometheus-port",
    type=click.IntRange(0, 65535),
    envvar="LOADGEN_PROMETHEUS_PORT",
    show_envvar=True,
    metavar="PORT",
    help="Serve the soak's series to Prometheus; 0 takes a free port.",
)
@click.option(
    "--prometheus-host",
    default="127.0.0.1",
    show_default=True,
    envvar="LOADGEN_PROMETHEUS_HOST",
    show_envvar=True,
    metavar="HOST",
    help="Where --prometheus-port listens.",
)
@click.option("--parent", type=int, hidden=True)
def soak(scenario: str, **options: Any) -> ExitCode:
    """Probe a target again and again, for days: does its cache, its output, its speed and its cost stay as they were?

    Each window asks a few dozen requests: how long a prefix stays in the cache, how long answers to the same prompts
    are, what tools add, how long requests take. All of it goes to the history the moment it is known.

    Ctrl-C lets the probes under way end and shows what there is; twice cuts them off.
    """
    from loadgen.history.store import History, default_path
    from loadgen.lifeline import die_with_parent
    from loadgen.settings import Settings
    from loadgen.soak.begin import soak_spec
    from loadgen.supervisor import Supervisor

    if options["parent"] is not None:
        die_with_parent(options["parent"])
    loaded = _load(scenario, options)
    spec = soak_spec(loaded.scenario, options["every"], options["duration"])
    embedded = loaded.scenario.target.base_url is None
    if not embedded and options["simulator"] is not None:
        raise UsageError("--simulator is for the embedded one, and there is a target; accepted: one of them")
    asked = simulator_arguments(options["simulator"] or "")
    path = options["history"] or Settings.read().history or default_path()
    with History(path) as history, Supervisor() as supervisor:
        return _soak(loaded, spec, history, supervisor, options, asked)


def _load(scenario: str, options: dict[str, Any]) -> "LoadedScenario":
    from loadgen.scenario.loader import load_scenario
    from loadgen.scenario.overrides import Overrides

    overrides = Overrides(
        target=options["target"], model=options["model"], seed=options["seed"], sets=tuple(options["sets"])
    )
    return load_scenario(scenario, overrides=overrides)


def _soak(
    loaded: "LoadedScenario",
    spec: "SoakSpec",
    history: "History",
    supervisor: "Supervisor",
    options: dict[str, Any],
    simulator: list[str],
) -> ExitCode:
    from loadgen.client.endpoint import endpoint_of
    from loadgen.engine.preflight import run_preflight
    from loadgen.scenario.model import prices_of
    from loadgen.soak.begin import SIMULATOR, fingerprint, new_soak, unfinished
    from loadgen.soak.live import Live, run_live
    from loadgen.swarm.scraping import ScrapeServer

    scenario, scale = loaded.scenario, options["time_scale"]
    base_url = scenario.target.base_url
    target = SIMULATOR if base_url is None else endpoint_of(base_url).url
    plan = fingerprint(scenario, spec, scale, " ".join(simulator) if base_url is None else "")
    begun = unfinished(history, scenario, spec, target, plan, time.time()) if options["resume"] else None
    if base_url is None:
        base_url = _start_simulator(supervisor, scenario, scale, begun, simulator)
    if begun is None:
        findings = run_preflight(scenario, base_url)
        _say(findings.line())
        started_s = time.time()
        begun = new_soak(scenario, spec, findings, target=target, time_scale=scale, started_s=started_s, plan=plan)
        history.begin(begun)
        _say(_beginning(begun, history))
    else:
        _say(f"going on with the soak {begun.id} of {history.path}")
    if supervisor.interrupts:
        return ExitCode.INTERRUPTED
    history.claim(begun.id)
    scrapes = None
    if options["prometheus_port"] is not None:
        scrapes = ScrapeServer(options["prometheus_host"], options["prometheus_port"])
        _say(f"Prometheus: {scrapes.url}")
    prices = prices_of(scenario, begun.model)
    try:
        interrupted = run_live(Live(scenario, spec, begun, history, base_url, prices, scrapes, _say))
    finally:
        if scrapes is not None:
            scrapes.close()
    return _end(begun, history, interrupted=interrupted, fail_on_drift=options["fail_on_drift"])


def _start_simulator(
    supervisor: "Supervisor", scenario: Any, scale: float, begun: "Soak | None", more: list[str]
) -> str:
    from loadgen.soak.time import soak_time_s
    from loadgen.supervisor import simulator_url

    _say("no target given: starting the embedded simulator (its figures are a model's, not a server's)")
    arguments = ["--seed", str(scenario.seed), "--natural-lengths", "--time-scale", f"{scale:g}"]
    # One that is started anew in mid-week is to drift as the one before would have.
    if begun is not None:
        age_s = soak_time_s(begun.started_s, scale, time.time()) - begun.started_s
        arguments += ["--age", f"{age_s:.3f}s"]
    if scenario.target.dialect != "auto":
        arguments += ["--dialect", scenario.target.dialect]
    return simulator_url(supervisor.start_simulator([*arguments, *more]))


def _beginning(soak: "Soak", history: "History") -> str:
    from loadgen.scenario.quantities import format_duration
    from loadgen.soak.progress import shown_time

    scaled = "" if soak.time_scale == 1 else f", {soak.time_scale:g} times as fast as the clock"
    return (
        f"soak {soak.id}: {soak.windows} windows of {format_duration(soak.every_s)} until {shown_time(soak.ends_s)}"
        f"{scaled}, kept in {history.path}"
    )


def _end(soak: "Soak", history: "History", *, interrupted: bool, fail_on_drift: bool) -> ExitCode:
    """Show the week as it is, and what it comes to."""
    from loadgen.history.terminal import print_weeks
    from loadgen.history.week import week_of
    from loadgen.outputs.console import ReportConsole

    week = week_of(soak, history.probes(soak.id))
    print_weeks([week], ReportConsole(highlight=False, width=None if sys.stdout.isatty() else 100))
    codes = []
    if interrupted:
        codes.append(ExitCode.INTERRUPTED)
        _say(f"interrupted: the same command with --resume goes on with {soak.id}")
    if week.counts["failed"] and not week.counts["ok"]:
        codes.append(ExitCode.TARGET_UNREACHABLE)
    if fail_on_drift:
        drifts = week.drifts
        codes.append(ExitCode.SLO_FAILED if drifts.found else ExitCode.PASS if drifts.tested else ExitCode.INCONCLUSIVE)
    return worst(codes)


_say: Callable[[str], None] = click.echo
