"""A week at a glance in the terminal: what changed, each measure's course, peak hours, gaps. Fits 100 columns."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadgen.history.model import Soak
from loadgen.history.week import Week, drift_of
from loadgen.history.words import (
    GAP,
    drift_size,
    drift_when,
    figure,
    interval_of,
    late,
    level,
    lifetime,
    moment,
    named,
    names_of,
    sparkline,
    undecided,
)
from loadgen.outputs.console import NOT_MEASURED

_WIDTH: Final = 28
_MOST_GAPS: Final = 5


def print_weeks(weeks: Sequence[Week], console: Console, others: Sequence[Soak] = ()) -> None:
    """Each soak at a glance, then all side by side where there are several. others: soaks that were not asked for."""
    for week in weeks:
        _print_week(week, console)
    if len(weeks) > 1:
        _print_beside(weeks, console)
    if others:
        _say(console, f"Other soaks in this history: {', '.join(soak.id for soak in others)}", "dim")


def _print_week(week: Week, console: Console) -> None:
    soak, counts = week.soak, week.counts
    _say(console, f"{soak.id}: {soak.scenario}, {soak.model} at {soak.target}", "bold")
    _say(console, f"{moment(soak.started_s)} to {moment(week.until_s)} UTC, {interval_of(week)}: {_progress(week)}")
    told = ", ".join(f"{counts[name]} {name}" for name in ("ok", "failed", "missed", "interrupted") if counts[name])
    _say(console, f"Probes: {told or 'none yet'}", "red" if counts["failed"] else None)
    _print_gaps(week, console)
    for note in (*soak.notes, late(week)):
        if note:
            _say(console, f"Note: {note}", "yellow")
    if week.courses:
        _print_drifts(week, console)
        _say(console, _title(week), "italic")
        console.print(_courses(week))
        if unknown := [name for name, course in week.courses.items() if not course.known]:
            _say(console, f"Not known in any window: {', '.join(unknown)}", "dim")
        _print_peak(week, console)


def _progress(week: Week) -> str:
    done, planned = week.windows, week.soak.windows
    return f"{done} windows" if done >= planned else f"{done} of {planned} windows so far"


def _print_gaps(week: Week, console: Console) -> None:
    for gap in week.gaps[:_MOST_GAPS]:
        when = f"{moment(gap.from_s)} to {moment(gap.to_s)}"
        _say(console, f"Gap: {when}, {_windows(gap.windows)}: {gap.reason}", "yellow")
    if (left := len(week.gaps) - _MOST_GAPS) > 0:
        _say(console, f"and {left} more gaps", "yellow")


def _print_drifts(week: Week, console: Console) -> None:
    drifts = week.drifts
    for drift in drifts.found:
        course = week.courses[drift.series]
        before, after = (figure(value, drift.series, course.unit) for value in (drift.before, drift.after))
        _say(console, f"Drift: {drift.series} {drift_size(drift, course.unit)}: {before} to {after}", "bold red")
        _say(console, f"  a {drift.kind}, {drift_when(drift, week.soak.started_s)}", "red")
    for at, one in enumerate(week.lifetimes):
        when = f"from {moment(one.from_s)}" if at else "of the cache"
        _say(console, f"Lifetime {when}: {lifetime(one.lifetime)}")
    if not drifts.found and drifts.tested:
        _say(console, f"No drift among {len(drifts.tested)} measures", "green")
    for reason, names in undecided(drifts).items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        _say(console, f"Can't tell of {names[0]}{more}: {reason}", "yellow")


def _courses(week: Week) -> Table:
    table = Table(box=None, padding=(0, 1))
    table.add_column("measure", no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column("course", no_wrap=True, width=_WIDTH)
    days = week.days
    for header in ("first day", "last day") if days else ("median",):
        table.add_column(header, justify="right")
    for name, course in week.courses.items():
        if not course.known:
            continue
        line = sparkline(course, week.soak.started_s, week.until_s, _WIDTH)
        levels = [course.between(*day) for day in days] if days else [course.level()]
        style = "bold red" if drift_of(week, name) else ""
        table.add_row(escape(name), line, *(level(one, name, course.unit) for one in levels), style=style)
    return table


def _title(week: Week) -> str:
    what = "Medians of the first and the last 24 hours" if week.days else "Medians of all windows"
    return f"{what}. The course runs from its least to its greatest value; {GAP} is a gap."


def _print_peak(week: Week, console: Console) -> None:
    for name, course in week.courses.items():
        if not name.startswith("cost.per_") or (levels := week.peak(course)) is None:
            continue
        peak, off = (level(one, name, course.unit) for one in levels)
        _say(console, f"{name}: {peak} in peak hours ({_windows(levels[0].windows)}), {off} off-peak")


def _print_beside(weeks: Sequence[Week], console: Console) -> None:
    table = Table(box=None, padding=(0, 1), title="Side by side: medians of all windows", title_justify="left")
    table.add_column("measure", no_wrap=True, overflow="ellipsis", max_width=30)
    for week in weeks:
        table.add_column(escape(named(week)), justify="right", overflow="fold")
    for name in names_of(weeks):
        table.add_row(escape(name), *(_cell(week, name) for week in weeks))
    console.print(table)


def _cell(week: Week, name: str) -> str:
    course = week.courses.get(name)
    if course is None:
        return NOT_MEASURED
    told = level(course.level(), name, course.unit)
    return f"{told} *" if drift_of(week, name) else told


def _windows(count: int) -> str:
    return f"{count} window{'' if count == 1 else 's'}"


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
