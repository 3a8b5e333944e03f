"""The options of `loadgen simulate` that let the service age: how long prefixes live, drifts, how fast time passes."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from loadgen.errors import UsageError
from loadgen.simulator.ageing import Ageing, parse_drift, parse_span


def ageing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds them to a command."""
    options = [
        click.option(
            "--cache-lifetime", metavar="TIME", help="How long an unused prefix is kept: 8m. Default: as room allows."
        ),
        click.option(
            "--natural-lengths",
            is_flag=True,
            help="Answers end by themselves, a little earlier or later each time; max_tokens only cuts them off.",
        ),
        click.option(
            "--drift",
            "drifts",
            multiple=True,
            metavar="DRIFT",
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
        click.option("--age", metavar="TIME", help="How old the service is as it starts, for its drifts: 3d."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def ageing_of(options: Mapping[str, Any]) -> Ageing:
    """What the options ask for. Raises UsageError for what can't be read."""
    lifetime = options["cache_lifetime"]
    ageing = Ageing(
        drifts=tuple(parse_drift(text) for text in options["drifts"]),
        time_scale=options["time_scale"],
        age_s=_span(options["age"] or "0", "--age"),
    )
    if lifetime is None:
        return ageing
    return Ageing(_span(lifetime, "--cache-lifetime"), ageing.drifts, ageing.time_scale, ageing.age_s)


def _span(text: str, option: str) -> float:
    try:
        return parse_span(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} can't be read; accepted: a duration such as 90s, 8m or 4d") from None
