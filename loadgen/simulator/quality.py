"""The options of the simulator that say how good its model is. Used by command.py, and light to import as it is."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from loadgen.errors import UsageError

if TYPE_CHECKING:
    from loadgen.simulator.dials import Curve, Quality


class _CurveType(click.ParamType):  # type: ignore[type-arg]
    """Points of a curve over depths or lengths."""

    name = "curve"

    def __init__(self, *, lengths: bool) -> None:
        self._lengths = lengths

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Curve":
        from loadgen.simulator.dials import Curve, parse_curve

        if isinstance(value, Curve):
            return value
        try:
            return parse_curve(value, lengths=self._lengths)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class _ByPhrasingType(click.ParamType):  # type: ignore[type-arg]
    """Numbers by phrasing."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Mapping[str, float]:
        from loadgen.simulator.reasoning import parse_by_phrasing

        if not isinstance(value, str):
            return dict(value)
        try:
            return parse_by_phrasing(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


# Option, the dial's name in its group of dials, and what it does.
_READING = (
    ("--recall", "recall", "Share of passages in long prompts that are seen."),
    ("--stale-picks", "stale", "Of questions with outdated copies, the share answered from one."),
    ("--made-up", "made_up", "Of questions whose passage is not there or overlooked, the share answered all the same."),
    ("--unreadable", "unreadable", "Share of answers in no form that was asked for."),
)
_CURVES = (
    ("--recall-by-depth", "by_depth", False, "Times --recall, by where a passage stands: 0=1,0.5=0.6,1=1."),
    ("--recall-by-length", "by_length", True, "Times --recall, by the prompt's tokens: 4k=1,64k=0.5."),
)
_ACTING = (
    ("--malformed-calls", "malformed", "Share of the calls of a task whose arguments are broken JSON."),
    ("--wrong-tool", "wrong_tool", "Share that goes to another tool."),
    ("--wrong-arguments", "wrong_arguments", "Share with one argument changed."),
    ("--needless-calls", "needless", "Of the answers after a call has worked, the share that makes it again."),
    ("--gives-up", "gives_up", "Share of tasks that it ends before they are done."),
)
_CODING = (
    ("--coding-solve", "solve", "Share of coding tasks that it can solve; of the others the tests stay red."),
    ("--coding-slips", "slips", "Share whose first version is wrong, seen from the tests and mended."),
    ("--coding-bad-edit", "bad_edit", "Share of edits whose search text is not in the file; they are made again."),
    ("--coding-recover", "recover", "Of sessions that meet a failure not their own, the share that goes on."),
)

# Names of their own, for options share one space of names: the dial is what follows `reasoning_`.
_SHARE, _COUNT = click.FloatRange(0, 1), click.IntRange(0, 1_000_000)
_REASONING: tuple[tuple[str, str, click.ParamType, str, str], ...] = (  # type: ignore[type-arg]
    ("--reasoning-accuracy", "accuracy", _SHARE, "SHARE", "The chance to be right at a reasoning task."),
    ("--reasoning-by-phrasing", "by_phrasing", _ByPhrasingType(), "NUMBERS", "Added to it: german=-0.2,json=-0.1."),
    ("--reasoning-difficulty", "difficulty", _SHARE, "SD", "By how much tasks differ in it."),
    ("--reasoning-interaction", "interaction", _SHARE, "SD", "By how much a task differs from phrasing to phrasing."),
    ("--format-failures", "format_failures", _SHARE, "SHARE", "Share of answers in no form that was asked for."),
    ("--thoughts", "thoughts", _COUNT, "TOKENS", "Mean of the tokens thought before an answer."),
    ("--thoughts-by-phrasing", "thoughts_by_phrasing", _ByPhrasingType(), "NUMBERS", "Times this: wordy=2,terse=0.5."),
)


def quality_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; `quality_of` reads them."""
    share = click.FloatRange(0, 1)
    options = [
        click.option(
            "--model-quality",
            type=click.Choice(["good", "bad"]),
            default="good",
            show_default=True,
            help="All the dials below: none of these mistakes, or some of each. A dial given counts instead.",
        ),
        *(click.option(flag, name, type=share, metavar="SHARE", help=told) for flag, name, told in _READING),
        *(
            click.option(flag, name, type=_CurveType(lengths=lengths), metavar="CURVE", help=told)
            for flag, name, lengths, told in _CURVES
        ),
        *(click.option(flag, name, type=share, metavar="SHARE", help=told) for flag, name, told in _ACTING),
        *(click.option(flag, name, type=share, metavar="SHARE", help=told) for flag, name, told in _CODING),
        *(
            click.option(flag, f"reasoning_{name}", type=kind, metavar=metavar, help=told)
            for flag, name, kind, metavar, told in _REASONING
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def quality_of(options: Mapping[str, Any]) -> "Quality":
    """What the options say. Raises UsageError where they contradict each other."""
    from dataclasses import replace

    from loadgen.simulator.dials import QUALITIES

    preset = QUALITIES[options["model_quality"]]
    given = {name: value for name, value in options.items() if value is not None}
    reading = {name: given[name] for _, name, *_ in (*_READING, *_CURVES) if name in given}
    acting = {name: given[name] for _, name, _ in _ACTING if name in given}
    coding = {name: given[name] for _, name, _ in _CODING if name in given}
    reasoning = {name: given[f"reasoning_{name}"] for _, name, *_ in _REASONING if f"reasoning_{name}" in given}
    return replace(
        preset,
        reading=replace(preset.reading, **reading),
        acting=replace(preset.acting, **acting),
        coding=replace(preset.coding, **coding),
        reasoning=replace(preset.reasoning, **reasoning),
    )
