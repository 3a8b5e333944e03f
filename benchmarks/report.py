"""The benchmark's results as Markdown: a pure function of the numbers."""

from collections.abc import Mapping
from typing import Any

from benchmarks.numbers import DISTURBED_PERCENT, OTHERS, Number

_HEAD = """# Benchmark results

Written by `make benchmark`; [docs/benchmarks.md](../docs/benchmarks.md) says how each number is measured and what
limits it. Server and generator have a core each. A value is the median of the repetitions,
all of which stand behind it.
"""


def markdown(environment: Mapping[str, Any], numbers: list[Number]) -> str:
    """The whole page."""
    facts = " · ".join(f"{key.replace('_', ' ')}: {value}" for key, value in environment.items())
    goals = [number for number in numbers if number.met is not None]
    others = [number for number in numbers if number.met is None]
    missed = sum(number.met is False for number in goals)
    verdict = f"{len(goals) - missed} of {len(goals)} numbers met." if goals else "No number with a limit was measured."
    lines = [_HEAD, facts, "", "## Numbers to reach", "", verdict, *_disturbances(numbers), ""]
    lines += ["| case | number | limit | measured | met | each time | |", "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {n.case} | {n.what} | {_figure(n.limit)} {n.unit} | {_figure(n.value)} {n.unit} "
        f"| {'yes' if n.met else '**no**'} | {_spread(n)} | {_one_line(n.note)} |"
        for n in goals
    ]
    lines += ["", "## Beside them", "", "| case | figure | measured | each time | |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {n.case} | {n.what} | {_figure(n.value)} {n.unit} | {_spread(n)} | {_one_line(n.note)} |" for n in others
    ]
    return "\n".join(lines) + "\n"


def _disturbances(numbers: list[Number]) -> list[str]:
    """A warning, where other processes had part of the generator's core."""
    shares = {n.case: max(n.known, default=0.0) for n in numbers if n.what == OTHERS}
    disturbed = [f"{case} ({share:.0f} %)" for case, share in shares.items() if share > DISTURBED_PERCENT]
    if not disturbed:
        return []
    told = f"**Disturbed**: other processes took part of the generator's core in {', '.join(disturbed)}."
    return ["", f"{told} Latencies and certificates of these cases are not loadgen's alone: measure again."]


def value_cell(number: Number) -> str:
    """A number in a line of text."""
    told = f"{_figure(number.value)} {number.unit} ({_spread(number)})"
    if number.met is not None:
        told += f", limit {_figure(number.limit)}: {'met' if number.met else 'NOT MET'}"
    return told + (f"; {number.note}" if number.note else "")


def _figure(value: float | None) -> str:
    if value is None:
        return "not measured"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}"


def _spread(number: Number) -> str:
    return ", ".join(_figure(value) for value in number.values)


def _one_line(note: str) -> str:
    return " ".join(note.replace("|", "\\|").split())[:300]
