"""A history's figures in words, the same in the terminal and on the page."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from loadgen.history.week import Course, Level, Week
from loadgen.metrics.certificate import LOOP_LAG_S
from loadgen.outputs.console import NOT_MEASURED, in_unit, number
from loadgen.scenario.quantities import format_duration
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drift, Drifts
from loadgen.stats.lifetime import Lifetime

GAP: Final = "·"
_BARS: Final = "▁▂▃▄▅▆▇█"
# A level with its seasons taken out is never quite 0.
_LEAST_SHARE: Final = 5e-5


def figure(value: float | None, name: str, unit: str) -> str:
    """A figure of a measure in its unit."""
    if value is None:
        return NOT_MEASURED
    if name == "cache.lifetime_s":
        return format_duration(value)
    if unit == "tokens":
        return f"{number(value)} tokens"
    if unit == "ratio":
        return f"{100 * value:.3g}%" if abs(value) >= _LEAST_SHARE else "0%"
    return in_unit(value, "s") if unit == "s" else f"{_amount(value)} {unit}"


def _amount(value: float) -> str:
    """Four digits; of what a single request costs all zeros in front of them, for 4.3e-05 is no price to people."""
    return (
        f"{value:.4g}" if value == 0 or abs(value) >= 1e-4 else np.format_float_positional(value, 4, fractional=False)
    )


def level(found: Level | None, name: str, unit: str) -> str:
    """A level in its unit; only its bounds where that is all that is known."""
    if found is None or not found.windows:
        return NOT_MEASURED
    if found.value is not None:
        return figure(found.value, name, unit)
    if found.low is not None and found.high is not None:
        return f"{figure(found.low, name, unit)} to {figure(found.high, name, unit)}"
    if found.low is not None:
        return f"over {figure(found.low, name, unit)}"
    return f"up to {figure(found.high, name, unit)}" if found.high is not None else NOT_MEASURED


def change(value: float, drift: Drift, unit: str) -> str:
    """A drift's size, or a bound of it, as a share of what was before, in percentage points, or in its unit."""
    if drift.scale == "relative":
        return f"{value:+.1%}"
    if unit == "ratio":
        # A bound by least squares may lie where no share does.
        return f"{100 * min(1.0, max(-1.0, value)):+.3g} points"
    return f"{'-' if value < 0 else '+'}{figure(abs(value), drift.series, unit)}"


def drift_size(drift: Drift, unit: str) -> str:
    """How much has changed, with its interval."""
    size, low, high = (change(value, drift, unit) for value in (drift.size, drift.low, drift.high))
    return f"{size} ({low} to {high})"


def drift_when(drift: Drift, start_s: float) -> str:
    """When: of a step the date, how many days in, and its interval; of a trend its stretch."""
    low, high = moment(drift.at_low_s), moment(drift.at_high_s)
    if drift.kind == "trend":
        return f"from {low} to {high}"
    return f"{moment(drift.at_s)}, {days_in(drift, start_s)} ({low} to {high})"


def undecided(drifts: Drifts) -> dict[str, list[str]]:
    """The measures of which nothing can be said, by the reason why."""
    found: dict[str, list[str]] = {}
    for one in drifts.undecided:
        found.setdefault(one.reason, []).append(one.series)
    return found


def late(week: Week) -> str | None:
    """In how many windows times are unknown because this machine was late itself; None for none."""
    if not (count := week.late_windows):
        return None
    windows, limit = f"{count} window{'' if count == 1 else 's'}", f"{1000 * LOOP_LAG_S:g} ms"
    return f"in {windows} this machine was late itself (loop lag p99 over {limit}), and times are not known"


def days_in(drift: Drift, start_s: float) -> str:
    """`4.0 days in`."""
    return f"{(drift.at_s - start_s) / 86_400:.1f} days in"


def lifetime(found: Lifetime) -> str:
    """What is surely known of how long the cache keeps a prefix."""
    low = format_duration(found.low_s)
    if found.high_s is None:
        return f"over {low}" if found.low_s else NOT_MEASURED
    return f"{low} to {format_duration(found.high_s)}" if found.low_s else f"under {format_duration(found.high_s)}"


def moment(at_s: float) -> str:
    """`Thu 5 Nov 13:00`, UTC."""
    at = datetime.fromtimestamp(at_s, UTC)
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def interval_of(week: Week) -> str:
    """`every 15m for 7d`, and by how much its time is compressed."""
    soak = week.soak
    scaled = f", {soak.time_scale:g} times as fast" if soak.time_scale != 1 else ""
    return f"every {format_duration(soak.every_s)} for {format_duration(soak.for_s)}{scaled}"


def sparkline(course: Course, start_s: float, end_s: float, width: int) -> str:
    """The course from its least to its greatest value, a bar a stretch of time; a dot where nothing is known.

    Of a measure that is only known to lie between bounds, the course of the lower one.
    """
    shown = course.lows if np.isnan(course.values).all() else course.values
    means = stretches(course, np.linspace(start_s, end_s, width + 1), shown)
    known = means[~np.isnan(means)]
    if not len(known):
        return GAP * width
    least, greatest = float(known.min()), float(known.max())
    room = greatest - least
    return "".join(GAP if math.isnan(mean) else _BARS[_step((mean - least) / room if room else 0.0)] for mean in means)


def _step(share: float) -> int:
    return min(len(_BARS) - 1, int(share * len(_BARS)))


def stretches(course: Course, edges_s: F64, column: F64 | None = None) -> F64:
    """The mean of a course's known values, or of another column of it, between each two edges; NaN for none."""
    values = course.values if column is None else column
    known = ~np.isnan(values)
    at = np.searchsorted(edges_s, course.times_s[known], side="right") - 1
    inside = (at >= 0) & (at < len(edges_s) - 1)
    sums = np.bincount(at[inside], weights=values[known][inside], minlength=len(edges_s) - 1)
    counts = np.bincount(at[inside], minlength=len(edges_s) - 1)
    means: F64 = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means


def named(week: Week) -> str:
    """A soak as it is called beside others: its model, and the end of its id."""
    return f"{week.soak.model} ({week.soak.id[-4:]})"


def names_of(weeks: Sequence[Week]) -> list[str]:
    """Every measure of these soaks, in the order of the first that has it."""
    return list(dict.fromkeys(name for week in weeks for name in week.courses))
