"""A history as one self-contained page: drifts first, then maps, courses, peak hours, gaps and failures.

A pure function of the weeks, made of the same parts as a run's report.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from loadgen import __version__
from loadgen.history.figures import course_figure, spread_figure
from loadgen.history.maps import map_figures, mapped
from loadgen.history.model import Outcome
from loadgen.history.week import PRICE, Course, Level, Week, drift_of
from loadgen.history.words import (
    change,
    days_in,
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
    undecided,
)
from loadgen.outputs.html.cells import Cell, Missing, facts, table
from loadgen.outputs.html.definitions import definitions_section
from loadgen.outputs.html.figure import grid
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.page import page
from loadgen.outputs.html.section import paragraphs, section
from loadgen.scenario.quantities import format_duration

_GROUPS: Final = (
    ("cache", "Prefix cache", "cache."),
    ("output", "Output tokens", "output."),
    ("tools", "Tools", "tools."),
    ("latency", "Latency", "latency."),
    ("cost", "Cost", "cost."),
    ("errors", "Errors", "errors."),
    ("generator", "The soak itself", "generator."),
)
_MOST_FAILURES: Final = 100
_SPREAD: Final = "output.tokens.mean."
# Each stands word for word in docs/history.md.
DEFINITIONS: Final = (
    ("window", "an interval of --every. Its probes are due in it; a re-check of the cache may end in a later one"),
    ("gap", "windows in which no probe ended ok. Nothing is drawn across a gap, and it is no part of any median"),
    ("first and last day", "the first and the last 24 hours of the soak; medians of their windows"),
    (
        "drift",
        "a change that is surely there: over all measures of a soak together, at most one soak in 20 without any "
        "change has any drift told. A step has a day; a trend goes on over a stretch of time",
    ),
    ("size", "after / before - 1, seasons taken out; of shares, after - before, in percentage points"),
    (
        "cache lifetime",
        "known to lie between the longest delay after which a prefix was still cached and the shortest after which it "
        "was not",
    ),
    ("peak hours", "windows in which the price list's output tokens cost more than at their least in this soak"),
    ("bounds", "where the server does not say what was cached, a cost is known to lie between two bounds, and no more"),
    (
        "loop lag",
        "how late this machine was itself while a probe took times, the p99. Over 20 ms the times of the probe are not "
        "known, for they would be the machine's",
    ),
    ("soak time", "under --time-scale N an hour of it passes in 1/N of an hour. Latencies are real seconds"),
)


def history_page(weeks: Sequence[Week]) -> str:
    """The whole page, of one soak or of several side by side."""
    groups = [group for group in _GROUPS if any(name.startswith(group[2]) for name in names_of(weeks))]
    maps = [week for week in weeks if mapped(week)]
    contents = [
        ("drifts", "Drifts"),
        ("measures", "Measures"),
        *([("maps", "Hour by day")] if maps else []),
        *((anchor, title) for anchor, title, _ in groups),
        ("probes", "Probes and gaps"),
        ("run", "What was run"),
        ("definitions", "Definitions"),
    ]
    scenarios = ", ".join(dict.fromkeys(week.soak.scenario for week in weeks))
    body = [
        _drifts(weeks),
        _measures(weeks),
        section("maps", "Hour by day", grid(map_figures(weeks))) if maps else None,
        *(_group(weeks, *group) for group in groups),
        _probes(weeks),
        _run(weeks),
        definitions_section(DEFINITIONS),
    ]
    return page(
        title=f"{scenarios}: history",
        heading=f"{scenarios}: history",
        below="; ".join(_below(week) for week in weeks),
        contents=contents,
        body=join(body),
        foot=f"loadgen {__version__}, made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
        "One file, complete in itself: it loads nothing.",
    )


def _below(week: Week) -> str:
    soak = week.soak
    return f"{soak.model} at {soak.target}, {moment(soak.started_s)} to {moment(week.until_s)} UTC, {interval_of(week)}"


def _drifts(weeks: Sequence[Week]) -> Html:
    parts = [join([el("h3", named(week)) if len(weeks) > 1 else None, _drifts_of(week)]) for week in weeks]
    return section("drifts", "Drifts", *parts)


def _drifts_of(week: Week) -> Html:
    drifts = week.drifts
    if drifts.found:
        # When comes last, for that is the column that a narrow window leaves room for words.
        headers = ["measure", "what", "before", "after", "size (interval of 95 %)", "p, adjusted", "when (UTC)"]
        rows = [_drift_row(week, at) for at in range(len(drifts.found))]
        shown = table(headers, rows, label="Drifts", words=range(len(headers)), stacked=True)
        badge = _badge("fail", "✗", f"{len(drifts.found)} drift{'' if len(drifts.found) == 1 else 's'}")
    else:
        shown = Html("")
        badge = (
            _badge("pass", "✓", f"No drift among {len(drifts.tested)} measures")
            if drifts.tested
            else _badge("inconclusive", "?", "Too little was measured to tell of any drift")
        )
    open_ones: list[list[Cell]] = [[reason, ", ".join(names)] for reason, names in undecided(drifts).items()]
    left_open = [
        el("h3", "Undecided: neither a drift nor its absence is claimed"),
        table(["why", "measures"], open_ones, label="Undecided", words=(0, 1), stacked=True),
    ]
    kept: list[list[Cell]] = [
        [moment(one.from_s), moment(one.to_s), lifetime(one.lifetime), f"{one.lifetime.n:,}"] for one in week.lifetimes
    ]
    lifetimes = [
        el("h3", "How long the cache surely kept prefixes"),
        table(["from (UTC)", "to", "lifetime", "re-checks"], kept, label="Lifetimes of the cache", words=(0, 1)),
    ]
    note = paragraphs([told], "told") if (told := late(week)) else None
    return join([badge, shown, note, *(lifetimes if kept else []), *(left_open if open_ones else [])])


def _badge(outcome: str, mark: str, words: str) -> Html:
    return el("p", el("span", mark, class_="mark", aria_hidden="true"), el("strong", words), class_=f"badge {outcome}")


def _drift_row(week: Week, at: int) -> list[Cell]:
    drift = week.drifts.found[at]
    unit = week.courses[drift.series].unit
    return [
        drift.series,
        drift.kind,
        figure(drift.before, drift.series, unit),
        figure(drift.after, drift.series, unit),
        drift_size(drift, unit),
        f"{drift.p_adjusted:.2g}",
        drift_when(drift, week.soak.started_s),
    ]


def _measures(weeks: Sequence[Week]) -> Html:
    """Every measure's level: of one soak by day and by price, of several side by side."""
    if not names_of(weeks):
        return section("measures", "Measures", el("p", "No probe has ended ok yet."))
    shown = _of_one(weeks[0]) if len(weeks) == 1 else _beside(weeks)
    note = "Medians of windows. Whether a difference between two days is more than chance, only a drift says."
    return section("measures", "Measures", shown, el("p", note, class_="notes"))


def _of_one(week: Week) -> Html:
    days = week.days
    headers = ["measure", *(["first day", "last day"] if days else ["median"]), "peak", "off-peak", "drift"]
    rows = []
    for name, course in week.courses.items():
        if not course.known:
            continue
        spans = [course.between(*day) for day in days] if days else [course.level()]
        peak = week.peak(course) if name.startswith("cost.") else None
        levels = [_level_cell(one, name, course) for one in spans]
        by_price = ["", ""] if peak is None else [_level_cell(one, name, course) for one in peak]
        rows.append([name, *levels, *by_price, _drift_cell(week, name)])
    return table(headers, rows, label="Measures", words=(0, len(headers) - 1))


def _beside(weeks: Sequence[Week]) -> Html:
    """The soaks in columns; what has a price by the hour in peak hours and off them too."""
    rows: list[list[Cell]] = []
    for name in names_of(weeks):
        rows.append([name, *(_whole_cell(week, name) for week in weeks)])
        peaks = [week.peak(week.courses[name]) if name in week.courses else None for week in weeks]
        if name.startswith("cost.") and any(peaks):
            for at, when in enumerate(("in peak hours", "off-peak")):
                cells = [
                    _level_cell(peak[at], name, week.courses[name]) if peak else Missing("its price never changed")
                    for week, peak in zip(weeks, peaks, strict=True)
                ]
                rows.append([f"{name}, {when}", *cells])
    return table(["measure", *map(named, weeks)], rows, label="Measures")


def _whole_cell(week: Week, name: str) -> Cell:
    course = week.courses.get(name)
    if course is None:
        return Missing("this soak did not measure it")
    drift = _drift_cell(week, name)
    cell = _level_cell(course.level(), name, course)
    return f"{cell} (drift: {drift})" if drift and isinstance(cell, str) else cell


def _level_cell(found: Level, name: str, course: Course) -> Cell:
    return level(found, name, course.unit) if found.windows else Missing("nothing was measured then, or it is unknown")


def _drift_cell(week: Week, name: str) -> str:
    return "; ".join(
        f"{change(one.size, one, week.courses[name].unit)}, {days_in(one, week.soak.started_s)}"
        for one in drift_of(week, name)
    )


def _group(weeks: Sequence[Week], anchor: str, title: str, start: str) -> Html:
    names = [name for name in names_of(weeks) if name.startswith(start) and name != PRICE]
    known = [name for name in names if any(name in week.courses and week.courses[name].known for week in weeks)]
    figures = [course_figure(weeks, name) for name in known]
    if start == "output." and len(weeks) == 1:
        classes = [name.removeprefix(_SPREAD) for name in names if name.startswith(_SPREAD)]
        spreads = [spread_figure(weeks[0], prompts) for prompts in classes]
        figures = [*(one for one in spreads if one is not None), *figures]
    unknown = ", ".join(name for name in names if name not in known)
    note = el("p", f"Not known in any window: {unknown}.", class_="notes") if unknown else None
    return section(anchor, title, grid(figures), note)


def _probes(weeks: Sequence[Week]) -> Html:
    return section("probes", "Probes and gaps", *(_probes_of(week, alone=len(weeks) == 1) for week in weeks))


def _probes_of(week: Week, *, alone: bool) -> Html:
    kinds = list(dict.fromkeys((probe.kind, probe.name) for probe in week.probes))
    outcomes: tuple[Outcome, ...] = ("ok", "failed", "missed", "interrupted")
    rows: list[list[Cell]] = []
    for kind, name in kinds:
        mine = [probe.outcome for probe in week.probes if (probe.kind, probe.name) == (kind, name)]
        rows.append([f"{kind}: {name}", *(f"{mine.count(outcome):,}" for outcome in outcomes)])
    parts = [None if alone else el("h3", named(week)), table(["probe", *outcomes], rows, label="Probes by outcome")]
    if week.gaps:
        gaps: list[list[Cell]] = [
            [moment(gap.from_s), moment(gap.to_s), f"{gap.windows:,}", gap.reason] for gap in week.gaps
        ]
        headers = ["gap from (UTC)", "to", "windows", "why"]
        parts += [el("h3", "Gaps"), table(headers, gaps, label="Gaps", words=(0, 1, 3))]
    failed = [probe for probe in week.probes if probe.outcome in ("failed", "interrupted")]
    if failed:
        shown: list[list[Cell]] = [
            [moment(one.began_s), f"{one.kind}: {one.name}", str(one.window), one.outcome, one.error or ""]
            for one in failed[:_MOST_FAILURES]
        ]
        headers = ["began (UTC)", "probe", "window", "outcome", "error"]
        left = len(failed) - len(shown)
        parts += [
            el("h3", "Failed and interrupted probes"),
            table(headers, shown, label="Failed probes", words=(0, 1, 3, 4), stacked=True),
            el("p", f"and {left:,} more, in the history", class_="notes") if left else None,
        ]
    return join(parts)


def _run(weeks: Sequence[Week]) -> Html:
    return section("run", "What was run", *(_run_of(week, alone=len(weeks) == 1) for week in weeks))


def _run_of(week: Week, *, alone: bool) -> Html:
    soak = week.soak
    pairs: list[tuple[str, Cell]] = [
        ("soak", soak.id),
        ("scenario", soak.scenario),
        ("target", soak.target),
        ("model", soak.model),
        ("dialect", soak.dialect),
        ("started", f"{datetime.fromtimestamp(soak.started_s, UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("a window every", format_duration(soak.every_s)),
        ("planned for", format_duration(soak.for_s)),
        ("windows so far", f"{week.windows:,} of {soak.windows:,}"),
        ("time scale", f"{soak.time_scale:g}"),
        ("seed", str(soak.seed)),
        ("prices in", soak.prices or Missing("the scenario states no prices")),
        ("loadgen", soak.version),
    ]
    return join([None if alone else el("h3", named(week)), facts(pairs), paragraphs(soak.notes, "told")])
