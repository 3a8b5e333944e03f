"""A history as CSV, a line a measure, and as JSON, schema `loadgen.history/1` (docs/history.md names every key)."""

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from loadgen.history.model import Measure, Probe
from loadgen.history.week import Course, Level, Week
from loadgen.stats.drift import Drift

SCHEMA: Final = "loadgen.history/1"
COLUMNS: Final = (
    *("soak", "scenario", "model", "target", "number", "window", "kind", "probe", "due", "due_s", "began_s", "ended_s"),
    *("outcome", "error", "measure", "value", "low", "high", "n", "unit"),
)


def to_csv(weeks: Sequence[Week]) -> str:
    """Every measure of every probe; a probe without any is a line too, so that what failed is not lost."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for week in weeks:
        for probe in week.probes:
            start = _probe_cells(week, probe)
            measures: list[tuple[str, Measure] | None] = list(probe.measures.items()) or [None]
            for one in measures:
                writer.writerow([*start, *(_measure_cells(*one) if one else [""] * 6)])
    return written.getvalue()


def _probe_cells(week: Week, probe: Probe) -> list[object]:
    soak = week.soak
    due = datetime.fromtimestamp(probe.due_s, UTC).isoformat(timespec="milliseconds")
    return [
        *map(_text, (soak.id, soak.scenario, soak.model, soak.target)),
        *(probe.number, probe.window, probe.kind, probe.name, due, probe.due_s, probe.began_s, probe.ended_s),
        *(probe.outcome, _text(probe.error or "")),
    ]


def _measure_cells(name: str, measure: Measure) -> list[object]:
    # csv writes None as nothing: unknown is empty, never 0.
    return [name, measure.value, measure.low, measure.high, measure.n, measure.unit]


def _text(text: str) -> str:
    """Text from outside that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def to_json(weeks: Sequence[Week]) -> bytes:
    """All that the page shows, as data."""
    data = {"schema": SCHEMA, "soaks": [_soak(week) for week in weeks]}
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"


def _soak(week: Week) -> dict[str, Any]:
    drifts = week.drifts
    return {
        **msgspec.to_builtins(week.soak),
        "windows_seen": week.windows,
        "until_s": week.until_s,
        "probes": {name: week.counts[name] for name in ("ok", "failed", "missed", "interrupted")},
        "gaps": [
            {"from_s": gap.from_s, "to_s": gap.to_s, "windows": gap.windows, "reason": gap.reason} for gap in week.gaps
        ],
        "drifts": [_drift(drift) for drift in drifts.found],
        "cache_lifetimes": [
            {"from_s": one.from_s, "to_s": one.to_s, **dataclasses.asdict(one.lifetime)} for one in week.lifetimes
        ],
        "undecided": [{"measure": one.series, "reason": one.reason} for one in drifts.undecided],
        "tested": list(drifts.tested),
        "measures": {name: _measure(week, course) for name, course in week.courses.items()},
    }


def _drift(drift: Drift) -> dict[str, Any]:
    names = ("kind", "at_s", "at_low_s", "at_high_s", "before", "after", "size", "low", "high", "scale", "p_adjusted")
    return {"measure": drift.series, **{name: getattr(drift, name) for name in names}}


def _measure(week: Week, course: Course) -> dict[str, Any]:
    days, peak = week.days, week.peak(course)
    return {
        "unit": course.unit,
        "all": _level(course.level()),
        "first_day": _level(course.between(*days[0])) if days else None,
        "last_day": _level(course.between(*days[1])) if days else None,
        "peak": _level(peak[0]) if peak else None,
        "off_peak": _level(peak[1]) if peak else None,
        "points": [
            {
                "window": int(course.windows[at]),
                "due_s": float(course.times_s[at]),
                "value": _known(course.values[at]),
                "low": _known(course.lows[at]),
                "high": _known(course.highs[at]),
                "n": int(course.counts[at]),
            }
            for at in range(len(course.values))
        ],
    }


def _level(level: Level) -> dict[str, Any]:
    return {"value": level.value, "low": level.low, "high": level.high, "windows": level.windows}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
