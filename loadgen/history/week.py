"""A soak as people look at it: the course of every measure, its first and last day, its gaps, its drifts.

Pure functions of a soak and its probes; the terminal, the page and the exports all read from here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from loadgen.history.judged import judged, pooled
from loadgen.history.lifetimes import Kept, kept
from loadgen.history.model import Measure, Probe, Soak
from loadgen.metrics.certificate import LOOP_LAG_S
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drift, Drifts, Series

DAY_S: Final = 86_400.0
HOUR_S: Final = 3600.0
PRICE: Final = "cost.price.output"
# What follows from others or from the clock: a drift of it would be told twice, or is the price list's.
_NO_SERIES = (PRICE, "cache.lifetime_s")
GENERATOR: Final = "generator."
_BOUNDS: Final = "only bounds of it are known"
_ORDER = ("cache.", "output.", "tools.", "latency.", "cost.", "errors.", GENERATOR)


@dataclass(frozen=True, slots=True)
class Level:
    """What a measure came to in some windows: the median of their values, low and high the medians of their bounds.

    low is None for no bound below, high for none above. windows: in which it was measured.
    """

    value: float | None
    low: float | None
    high: float | None
    windows: int


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A measure by window, ascending. times_s: when its probe was due; NaN where a value or a bound is unknown."""

    name: str
    unit: str
    windows: np.ndarray[tuple[int], np.dtype[np.int64]]
    times_s: F64
    values: F64
    lows: F64
    highs: F64
    counts: np.ndarray[tuple[int], np.dtype[np.int64]]

    def level(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None) -> Level:
        """Over the chosen windows, all by default."""
        mask = np.ones(len(self.values), dtype=bool) if chosen is None else chosen
        values, lows, highs = self.values[mask], self.lows[mask], self.highs[mask]
        known = values[~np.isnan(values)]
        bounded = ~(np.isnan(lows) & np.isnan(highs))
        low = _median(np.where(np.isnan(lows), -np.inf, lows)[bounded])
        high = _median(np.where(np.isnan(highs), np.inf, highs)[bounded])
        return Level(_median(known), low, high, int((~np.isnan(values) | bounded).sum()))

    @property
    def known(self) -> bool:
        """Whether anything at all is known of it: a value, or a bound."""
        return bool(self.level().windows)

    def between(self, from_s: float, to_s: float) -> Level:
        """Over the windows due in a stretch of time."""
        return self.level((self.times_s >= from_s) & (self.times_s < to_s))


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of windows without any probe that ended ok. reason: what became of them."""

    from_s: float
    to_s: float
    windows: int
    reason: str


@dataclass(frozen=True)
class Week:
    """A soak and all that is known of it so far."""

    soak: Soak
    probes: tuple[Probe, ...]

    @cached_property
    def courses(self) -> dict[str, Course]:
        """Every measure by its name, in the order in which they are shown."""
        found: dict[str, list[tuple[Probe, Measure]]] = {}
        for probe in self.probes:
            for name, measure in probe.measures.items():
                found.setdefault(name, []).append((probe, measure))
        courses = {name: _course(name, found[name]) for name in found}
        courses |= _of_all_classes(courses)
        return {name: courses[name] for name in sorted(courses, key=_rank)}

    @cached_property
    def windows(self) -> int:
        """How many windows have begun by what is known: up to the last probe."""
        return max((probe.window + 1 for probe in self.probes), default=0)

    @cached_property
    def until_s(self) -> float:
        """When the last of these windows ends, or that in which the last re-check of the cache was due."""
        last = max((self._window_at(probe.due_s) + 1 for probe in self.probes), default=0)
        return self.soak.started_s + max(last, self.windows) * self.soak.every_s

    def _window_at(self, at_s: float) -> int:
        return int((at_s - self.soak.started_s) // self.soak.every_s)

    @cached_property
    def gaps(self) -> list[Gap]:
        """The stretches of windows in which nothing was measured."""
        measured = {probe.window for probe in self.probes if probe.outcome == "ok"}
        outcomes: dict[int, Counter[str]] = {}
        for probe in self.probes:
            outcomes.setdefault(probe.window, Counter())[probe.outcome] += 1
        found: list[Gap] = []
        at = 0
        while at < self.windows:
            end = at
            while end < self.windows and end not in measured:
                end += 1
            if end > at:
                start_s = self.soak.started_s + at * self.soak.every_s
                told = sum((outcomes.get(window, Counter()) for window in range(at, end)), Counter[str]())
                found.append(Gap(start_s, start_s + (end - at) * self.soak.every_s, end - at, _reason(told)))
            at = max(end, at + 1)
        return found

    @cached_property
    def counts(self) -> Counter[str]:
        """Probes by outcome."""
        return Counter(probe.outcome for probe in self.probes)

    @cached_property
    def late_windows(self) -> int:
        """In how many windows this machine itself was too late for any times that it took to be known."""
        late = set()
        for name, course in self.courses.items():
            if name.startswith(GENERATOR):
                late |= set(course.windows[course.values > LOOP_LAG_S].tolist())
        return len(late)

    @cached_property
    def drifts(self) -> Drifts:
        """What has changed for certain, what has not been shown to, and what nothing can be said of."""
        return drifts_of(self.courses.values())

    @cached_property
    def lifetimes(self) -> tuple[Kept, ...]:
        """How long the cache kept prefixes, from stretch to stretch; none where that was not measured."""
        return kept({name: _series(course) for name, course in self.courses.items()}, self.drifts.found)

    @property
    def days(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The first and the last 24 hours; None where they would overlap."""
        start, end = self.soak.started_s, self.until_s
        return ((start, start + DAY_S), (end - DAY_S, end)) if end - start >= 2 * DAY_S else None

    def peak(self, course: Course) -> tuple[Level, Level] | None:
        """A course's level in peak hours and off them, by the price of the window in which each probe was due.

        None where there is but one price, or none is known.
        """
        prices = self.courses.get(PRICE)
        if prices is None or not (known := prices.values[~np.isnan(prices.values)]).size or known.max() <= known.min():
            return None
        dear = dict(zip(prices.windows.tolist(), (prices.values > known.min() * (1 + 1e-9)).tolist(), strict=True))
        at = [dear.get(self._window_at(due_s)) for due_s in course.times_s.tolist()]
        return (
            course.level(np.array([one is True for one in at], dtype=bool)),
            course.level(np.array([one is False for one in at], dtype=bool)),
        )


def drifts_of(courses: Iterable[Course]) -> Drifts:
    """The drifts among these measures, as one family."""
    # How late the soak itself was tells of this machine, not of the target.
    series = {
        course.name: course
        for course in courses
        if course.name not in _NO_SERIES and not course.name.startswith(GENERATOR)
    }
    found = judged({name: _series(course) for name, course in series.items()})
    # Drift looks at values alone, and has never seen any of what was measured as bounds.
    bounded = {name for name, course in series.items() if course.known and np.isnan(course.values).all()}
    undecided = (replace(one, reason=_BOUNDS) if one.series in bounded else one for one in found.undecided)
    return replace(found, undecided=tuple(undecided))


def week_of(soak: Soak, probes: Iterable[Probe]) -> Week:
    """A soak with its probes."""
    return Week(soak, tuple(probes))


def drift_of(week: Week, name: str) -> list[Drift]:
    """The drifts of one measure, in order of time."""
    return [drift for drift in week.drifts.found if drift.series == name]


def _series(course: Course) -> Series:
    return Series(course.times_s, course.values, scale="absolute" if course.unit == "ratio" else "relative")


def _of_all_classes(courses: Mapping[str, Course]) -> dict[str, Course]:
    """What all classes of prompts come to together, as courses of their own."""
    found = {}
    for name, series in pooled({name: _series(course) for name, course in courses.items()}).items():
        classes = [course for other, course in courses.items() if other.startswith(f"{name}.")]
        at = np.searchsorted(classes[0].times_s, series.times_s)
        unbounded = np.full(len(series.times_s), np.nan)
        if all(np.array_equal(course.times_s, series.times_s) for course in classes):
            counts = np.sum([course.counts for course in classes], axis=0)
            windows = classes[0].windows[at]
            found[name] = Course(
                name, classes[0].unit, windows, series.times_s, series.values, unbounded, unbounded, counts
            )
    return found


def _course(name: str, found: Sequence[tuple[Probe, Measure]]) -> Course:
    ordered = sorted(found, key=lambda one: (one[0].window, one[0].due_s))
    return Course(
        name=name,
        unit=ordered[-1][1].unit,
        windows=np.array([probe.window for probe, _ in ordered], dtype=np.int64),
        times_s=np.array([probe.due_s for probe, _ in ordered]),
        values=_column([measure.value for _, measure in ordered]),
        lows=_column([measure.low for _, measure in ordered]),
        highs=_column([measure.high for _, measure in ordered]),
        counts=np.array([measure.n for _, measure in ordered], dtype=np.int64),
    )


def _column(values: Sequence[float | None]) -> F64:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _median(values: F64) -> float | None:
    """None for no values, and where it is infinite: there is no bound on that side."""
    if not len(values):
        return None
    # By nearest rank, for half-way between a bound and none is none.
    middle = float(np.sort(values)[(len(values) - 1) // 2]) if np.isinf(values).any() else float(np.median(values))
    return middle if math.isfinite(middle) else None


def _rank(name: str) -> tuple[int, str]:
    return next((at for at, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER)), name


def _reason(outcomes: Counter[str]) -> str:
    if outcomes["failed"]:
        return f"{outcomes['failed']} probes failed"
    if outcomes["interrupted"]:
        return "interrupted, and not run" if outcomes["missed"] else "interrupted"
    return "not run"
