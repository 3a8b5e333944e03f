"""`loadgen compare`."""

import sys
from pathlib import Path
from typing import Any

import click

from loadgen.errors import UsageError

# Stands among the paths for the option, which says where the baseline's begin. No path can hold it.
_MARK = "\0baseline"
_EPILOG = """\b
Two paths are the baseline and the candidate. Several runs a side:
  loadgen compare runs/new-* --baseline runs/main-*
Six runs a side find a slow-down of 5 % in 9 of 10 cases where runs differ by 2 %; one a side can't
tell how much runs differ, so that 2 % are assumed (docs/comparison.md).

\b
Exit codes: 0 no regression, 1 regression, 2 bad input or not comparable, 3 can't tell."""


class _Sided(click.Command):
    """A command of which `--baseline` takes all paths that follow it, as a shell's wildcards put them there."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [_MARK if argument == "--baseline" else argument for argument in args])


class _Share(click.ParamType):  # type: ignore[type-arg]
    """A share such as `2%` or `0.02`, below 1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            self.fail(f"{value}: accepted: a share from 0% to below 100%, such as 2% or 0.02", param, ctx)
        return share


@click.command(cls=_Sided, epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="BASELINE CANDIDATE | CANDIDATE... --baseline BASELINE...")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@click.option("--metrics", metavar="NAME,...", help="Only these: ttft, itl.p99, throughput, error_rate, cost, ...")
@click.option("--by-workload", is_flag=True, help="Each workload's figures too.")
@click.option("--min-effect", type=_Share(), default="2%", show_default=True, help="Smaller changes don't count.")
@click.option(
    "--rule-out",
    type=_Share(),
    default="5%",
    show_default=True,
    help="What has to be ruled out before no regression is said.",
)
@click.option(
    "--min-points",
    type=_Share(),
    default="1%",
    show_default=True,
    help="The same for errors, goodput and quality: percentage points.",
)
@click.option("--confidence", type=_Share(), default="95%", show_default=True, help="Of the intervals.")
@click.option(
    "--run-noise",
    type=_Share(),
    default="2%",
    show_default=True,
    help="Standard deviation from run to run to assume where there is one run a side.",
)
@click.option("--force", is_flag=True, help="Compare although scenario, load or certificate speak against it.")
def compare(paths: tuple[str, ...], format_name: str, metrics: str | None, **options: Any) -> None:
    """Say whether the candidate's runs are worse than the baseline's.

    Each path is a run folder. Latencies by quantile, throughput, errors, goodput, cost and quality, with intervals,
    adjusted for how many they are.
    """
    baseline, candidate = _sides(paths)
    from loadgen.comparison.judge import Request, compare
    from loadgen.comparison.rules import Rules
    from loadgen.comparison.runs import read_run

    if not 0.5 <= options["confidence"] < 1:
        raise UsageError(f"--confidence {options['confidence']:.0%}: accepted: 50% to below 100%, such as 95%")
    request = Request(
        Rules(**{name: options[name] for name in ("min_effect", "min_points", "rule_out", "confidence", "run_noise")}),
        tuple(name.strip() for name in (metrics or "").split(",") if name.strip()),
        options["by_workload"],
        options["force"],
    )
    found = compare([read_run(path) for path in baseline], [read_run(path) for path in candidate], request)
    _print(found, format_name)
    sys.stdout.flush()
    sys.exit(found.exit_code)


def _sides(paths: tuple[str, ...]) -> tuple[list[Path], list[Path]]:
    """Baseline and candidate. Raises UsageError where it is not clear which is which."""
    if _MARK in paths:
        at = paths.index(_MARK)
        candidate, baseline = list(paths[:at]), [path for path in paths[at:] if path != _MARK]
    else:
        baseline, candidate = list(paths[:1]), list(paths[1:])
        if len(paths) > 2:
            raise UsageError(
                f"{len(paths)} runs, and which are the baseline is not said; "
                "accepted: compare BASELINE CANDIDATE, or compare CANDIDATE... --baseline BASELINE..."
            )
    if not baseline or not candidate:
        missing = "baseline" if not baseline else "candidate before --baseline" if _MARK in paths else "candidate"
        raise UsageError(
            f"no {missing}; accepted: compare BASELINE CANDIDATE, or compare CANDIDATE... --baseline BASELINE..."
        )
    return [Path(path) for path in baseline], [Path(path) for path in candidate]


def _print(comparison: Any, format_name: str) -> None:
    from loadgen.comparison.show import markdown, print_comparison, to_json
    from loadgen.outputs.console import ReportConsole

    if format_name == "json":
        click.echo(to_json(comparison))
    elif format_name == "markdown":
        click.echo(markdown(comparison), nl=False)
    else:
        print_comparison(comparison, ReportConsole(width=None if sys.stdout.isatty() else 100))
