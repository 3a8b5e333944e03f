"""The options of `loadgen simulate` that let the service age: how long prefixes live, drifts, how fast time passes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import click

from loadgen.errors import UsageError
from loadgen.simulator.ageing import Ageing, Drift, parse_drift, parse_span


class _Span(click.ParamType):  # type: ignore[type-arg]
    """A duration such as 90s, 8m or 4d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else parse_span(value)
        except ValueError:
            self.fail(f"{value!r} can't be read; accepted: a duration such as 90s, 8m or 4d", param, ctx)


class _Drift(click.ParamType):  # type: ignore[type-arg]
    """A drift as `parse_drift` reads it."""

    name = "drift"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Drift:
        try:
            return value if isinstance(value, Drift) else parse_drift(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def ageing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds them to a command."""
    options = [
        click.option(
            "--cache-lifetime", type=_Span(), help="How long an unused prefix is kept: 8m. Default: for ever."
        ),
        click.option(
            "--natural-lengths",
            is_flag=True,
            help="Answers end by themselves, a little earlier or later each time; max_tokens only cuts them off.",
        ),
        click.option(
            "--drift",
            "drifts",
            type=_Drift(),
            multiple=True,
            help="From some time on: cache_lifetime:4m@4d, output_tokens:1.1@4d (with --natural-lengths), "
            "slow_tail:0.05x3@4d (5 % of requests take 3 times as long). Repeatable.",
        ),
        click.option(
            "--time-scale",
            type=click.FloatRange(1, 1e6),
            default=1.0,
            metavar="N",
            help="Lifetimes and drifts take place N times as fast; latencies stay as they are.",
        ),
        click.option(
            "--age", type=_Span(), default="0", help="How old the service is as it starts, for its drifts: 3d."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def ageing_of(options: Mapping[str, Any]) -> Ageing:
    """What the options ask for."""
    lifetime_s = options["cache_lifetime"]
    return Ageing(
        cache_lifetime_s=math.inf if lifetime_s is None else lifetime_s,
        drifts=options["drifts"],
        time_scale=options["time_scale"],
        age_s=options["age"],
    )
