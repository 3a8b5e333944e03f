"""The command line. Each command parses and calls; what it does lives in its own room.

Imports here stay light: `loadgen run` is the parent of several processes that each import what they need, and a user
waits for `--help`.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from loadgen import __version__
from loadgen.comparison.command import compare
from loadgen.errors import ExitCode, LoadgenError, UsageError
from loadgen.history.command import history
from loadgen.outputs.command import report
from loadgen.simulator.command import simulate, simulator_arguments
from loadgen.soak.command import soak
from loadgen.sweep.command import sweep

_WEB_PORT = 8089
_EXIT_CODES = """\b
Exit codes: 0 pass (or no SLO), 1 SLO failed, 2 bad input, 3 inconclusive, 4 invalid run (the generator was the
bottleneck), 5 target unreachable or lost, 70 a bug of loadgen, 130 interrupted (the report is still written)."""


class _Duration(click.ParamType):  # type: ignore[type-arg]
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from loadgen.scenario.quantities import parse_duration

        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _override_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of `run`, `validate` and `master` that change a scenario."""
    options = [
        click.option("--target", metavar="URL", help="Base URL; without a path it gets /v1."),
        click.option("--model", metavar="NAME", help="Model name; `auto` takes the only one served."),
        click.option("--users", type=int, metavar="N", help="N concurrent sessions (closed loop) instead of stages."),
        click.option("--rate", type=float, metavar="R", help="R new sessions a second (open loop) instead of stages."),
        click.option("--duration", type=_Duration(), help="Length of what is measured: 250ms, 60s, 5m."),
        click.option("--seed", type=int, metavar="N", help="Same seed, same plan."),
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="PATH=VALUE",
            help="Any key: --set seed=2. Repeatable.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _web_options(command: Callable[..., None]) -> Callable[..., None]:
    """Locust's web UI, for `run` and `master`."""
    port = click.option("--web-port", type=click.IntRange(1, 65535), metavar="PORT", help="Where; implies --web.")
    web = click.option("--web", is_flag=True, help=f"Show the run in Locust's web UI on 127.0.0.1:{_WEB_PORT}.")
    return web(port(command))


def _web_port(web: bool, port: int | None) -> int | None:
    return port or (_WEB_PORT if web else None)


def _prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where Prometheus scrapes the master, for `run` and `master`."""
    port = click.option(
        "--prometheus-port",
        type=click.IntRange(0, 65535),
        envvar="LOADGEN_PROMETHEUS_PORT",
        show_envvar=True,
        metavar="PORT",
        help="Serve the run's series to Prometheus; 0 takes a free port.",
    )
    host = click.option(
        "--prometheus-host",
        default="127.0.0.1",
        show_default=True,
        envvar="LOADGEN_PROMETHEUS_HOST",
        show_envvar=True,
        metavar="HOST",
        help="Where --prometheus-port listens.",
    )
    return port(host(command))


def _load(scenario: str, options: dict[str, Any]) -> Any:
    from loadgen.scenario.loader import load_scenario
    from loadgen.scenario.overrides import Overrides

    return load_scenario(
        scenario,
        overrides=Overrides(
            target=options["target"],
            model=options["model"],
            users=options["users"],
            rate=options["rate"],
            duration_s=options["duration"],
            seed=options["seed"],
            sets=tuple(options["sets"]),
        ),
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXIT_CODES)
@click.version_option(__version__, prog_name="loadgen")
def cli() -> None:
    """Load testing and latency benchmarking of LLM endpoints.

    Sends realistic work (chat, recorded agents, long documents, tools, coding, reasoning) to any OpenAI-compatible
    endpoint through Locust workers, and reports throughput, tail latency, quality and cost, with a certificate that
    the generator was not the bottleneck.
    """


@cli.command(epilog=_EXIT_CODES)
@click.argument("scenario", default="quickstart")
@_override_options
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Worker processes. Default: cores minus one.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder; default runs/<time>-<scenario>."
)
@click.option(
    "--simulator",
    metavar="OPTIONS",
    help="Options of `loadgen simulate` for the embedded one: --simulator '--profile fast --model-quality bad'.",
)
@_web_options
@_prometheus_options
def run(
    scenario: str,
    workers: int | None,
    out: Path | None,
    simulator: str | None,
    web: bool,
    web_port: int | None,
    prometheus_host: str,
    prometheus_port: int | None,
    **options: Any,
) -> None:
    """Run SCENARIO: a file, or the name of a shipped one (default: quickstart).

    Without a target, the embedded simulator is started and measured, so that everything can be tried with no server
    at hand. Ctrl-C ends the load, drains what is in flight and writes the report; twice cuts it off.
    """
    from loadgen.embedded import told
    from loadgen.suite.spec import is_suite
    from loadgen.supervisor import run_supervised

    more = _master_options(web, web_port, prometheus_host, prometheus_port)
    count = workers or max(1, (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count() or 2) - 1)
    if is_suite(scenario):
        from loadgen.suite.command import Options, run_parts

        _leave(run_parts(scenario, Options(options, count, out, simulator_arguments(simulator or ""), more)))
    loaded = _load(scenario, options)
    embedded = None
    if loaded.scenario.target.base_url is None:
        asked = simulator_arguments(simulator or "")
        click.echo("no target given: starting the embedded simulator (its figures are a model's, not a server's)")
        embedded = ["--seed", str(loaded.scenario.seed)]
        if loaded.scenario.target.dialect != "auto":
            embedded += ["--dialect", loaded.scenario.target.dialect]
        embedded += asked
    elif simulator is not None:
        raise UsageError("--simulator is for the embedded one, and there is a target; accepted: one of them")
    arguments = [scenario, *([] if out is None else ["--out", str(out)]), *more]
    # What was given may hold a key, and every user of the machine may read a command line: it goes through a pipe.
    private = json.dumps({"options": options, "command": sys.argv})
    with told(loaded.scenario, seed=loaded.scenario.seed) as known:
        code = run_supervised(arguments, count, None if embedded is None else [*known, *embedded], private)
    _leave(code)


def _master_options(web: bool, web_port: int | None, host: str, prometheus_port: int | None) -> list[str]:
    arguments: list[str] = []
    if (port := _web_port(web, web_port)) is not None:
        arguments += ["--web-port", str(port)]
    if prometheus_port is not None:
        arguments += ["--prometheus-port", str(prometheus_port), "--prometheus-host", host]
    return arguments


@cli.command()
@click.argument("scenario", default="quickstart")
@_override_options
def validate(scenario: str, **options: Any) -> None:
    """Check SCENARIO and say what it would do. Sends nothing.

    Every mistake is listed with file, line, field and the accepted values; exit code 2.
    """
    from loadgen.scenario.describe import describe
    from loadgen.suite.spec import is_suite
    from loadgen.workloads.base import NotedWorkload
    from loadgen.workloads.build import build_workload, recorded_starts

    if is_suite(scenario):
        from loadgen.suite.command import describe_parts

        click.echo(describe_parts(scenario, options))
        return
    loaded = _load(scenario, options)
    # Reads recordings and corpora to their last line.
    workloads = [build_workload(spec, seed=loaded.scenario.seed) for spec in loaded.scenario.workloads]
    recorded_starts(loaded.scenario.load.arrivals, workloads)
    for workload in workloads:
        for note in workload.notes if isinstance(workload, NotedWorkload) else ():
            click.echo(f"note: {note}")
    click.echo(describe(loaded))


@cli.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--format", "format_name", default="auto", show_default=True, help="The recording's format.")
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")
def trace(path: Path, format_name: str, as_json: bool) -> None:
    """Show what is in a recording before it is replayed: lengths, gaps, sessions, prefix reuse.

    FILE is a recording in any format that `kind: replay` takes, or a folder of kv-cache-tester files. Sends nothing.
    """
    from rich.console import Console

    from loadgen.outputs.trace_report import show, to_json
    from loadgen.scenario.model import REPLAY_FORMATS
    from loadgen.workloads.replay.survey import survey

    if format_name not in ("auto", *REPLAY_FORMATS):
        raise UsageError(f"--format {format_name}: accepted: auto, {', '.join(REPLAY_FORMATS)}")
    figures = survey(path, format_name)
    if as_json:
        click.echo(to_json(figures))
    else:
        show(figures, Console())


cli.add_command(sweep)
cli.add_command(soak)
cli.add_command(report)
cli.add_command(compare)
cli.add_command(history)
cli.add_command(simulate)


@cli.command()
@click.argument("scenario", default="quickstart")
@_override_options
@click.option("--bind", default="127.0.0.1:5557", show_default=True, metavar="HOST:PORT", help="Where workers join.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Wait for so many.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder.")
@_web_options
@_prometheus_options
@click.option("--announce-fd", type=int, hidden=True)
@click.option("--target-fd", type=int, hidden=True)
@click.option("--private-fd", type=int, hidden=True)
@click.option("--parent", type=int, hidden=True)
def master(
    scenario: str,
    bind: str,
    workers: int,
    out: Path | None,
    web: bool,
    web_port: int | None,
    prometheus_host: str,
    prometheus_port: int | None,
    **options: Any,
) -> None:
    """Conduct a run on workers that join from other processes or machines (`loadgen worker`).

    `loadgen run` starts this by itself, with workers on the same machine.
    """
    _tie_to(options["parent"])
    os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    from loadgen.swarm.processes import run_master

    command = tuple(sys.argv)
    if options["private_fd"] is not None:
        with os.fdopen(options["private_fd"]) as pipe:
            private = json.loads(pipe.readline())
        options |= private["options"]
        command = tuple(private["command"])
    loaded = _load(scenario, options)
    base_url = loaded.scenario.target.base_url
    if options["target_fd"] is not None:
        with os.fdopen(options["target_fd"]) as pipe:
            base_url = pipe.readline().strip()
    if not base_url:
        raise UsageError("no target: name one with --target, or use `loadgen run`, which starts the simulator")
    announce_fd: int | None = options["announce_fd"]
    host, port = ("127.0.0.1", 0) if announce_fd is not None else _address(bind, "--bind")
    code = run_master(
        loaded,
        base_url,
        host=host,
        port=port,
        workers=workers,
        out=out,
        command=command,
        announce_fd=announce_fd,
        web_port=_web_port(web, web_port),
        prometheus=None if prometheus_port is None else (prometheus_host, prometheus_port),
    )
    _leave(code)


@cli.command()
@click.option("--master", "address", default="127.0.0.1:5557", show_default=True, metavar="HOST:PORT", help="To join.")
@click.option("--wait", type=_Duration(), default="5m", show_default=True, help="How long to look for the master.")
@click.option("--join-fd", type=int, hidden=True)
@click.option("--parent", type=int, hidden=True)
def worker(address: str, wait: float, join_fd: int | None, parent: int | None) -> None:
    """Send load for a master: join it, take its scenario, report to it.

    It may be started before its master. SIGTERM lets it leave in mid-run: its share goes to the other workers, what it
    has in flight ends within the scenario's grace time.
    """
    _tie_to(parent)
    os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    from loadgen.swarm.processes import run_worker

    if join_fd is not None:
        with os.fdopen(join_fd) as pipe:
            address = pipe.readline().strip()
        if not address:
            return  # the master never came up, and has said why
    else:
        click.echo(f"joining the master at {address}")
    _leave(run_worker(*_address(address, "--master"), wait))


def _address(text: str, option: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{option} {text}: accepted: HOST:PORT, such as 127.0.0.1:5557")
    return host, int(port)


def _tie_to(parent: int | None) -> None:
    if parent is not None:
        from loadgen.lifeline import die_with_parent

        die_with_parent(parent)


def _leave(code: ExitCode) -> NoReturn:
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left; what the code says still holds
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(int(code))


def main() -> NoReturn:
    """Run the command line and exit with a documented code; a mistake of the user's never shows a traceback."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _leave(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        _leave(ExitCode.BAD_INPUT)
    except LoadgenError as error:
        click.secho(f"error: {error}", err=True, fg="red")
        _leave(error.exit_code)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("this is a bug of loadgen; please report it with the lines above", err=True)
        _leave(ExitCode.BUG)
    _leave(code if isinstance(code, ExitCode) else ExitCode.PASS)
