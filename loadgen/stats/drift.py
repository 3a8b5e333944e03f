"""Drift: whether what was measured again and again has changed over days, when, and by how much.

`find_drifts` looks at all series of a soak together, so that the chance of any false alarm among them is at most
`family_error`. docs/drift.md tells how and how well; the study is benchmarks/drift.py. Pure functions of arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadgen.stats.clusters import F64
from loadgen.stats.drift_grid import Binned, Design, TooLittleError, binned, design_of
from loadgen.stats.drift_size import Change, Moment, step_change, step_moment, trend_change
from loadgen.stats.drift_tests import Tested, confirmed, tested

_CONFIDENCE = 0.95
_LEAST_EFFECT = 0.02
Kind = Literal["step", "trend"]
Scale = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class Series:
    """One measure over time: times_s (epoch seconds) and values (NaN where unknown), both F64[n], in any order.

    scale: whether its changes are told as shares of what was before (times, tokens, money) or as differences (shares
    and rates). Of a relative one whose values are not all positive, the difference of means is held against the mean
    before, and told as it is where that is not positive either.
    """

    times_s: F64
    values: F64
    scale: Scale = "relative"


@dataclass(frozen=True, slots=True)
class Drift:
    """A change that is surely there.

    kind: a step from one level to another, at at_s (epoch seconds; at_low_s to at_high_s is its interval), or a trend,
    which runs from at_low_s to at_high_s, at_s its middle. before, after: the levels, in the series' unit, seasons
    taken out. size: after / before - 1 on a relative scale, after - before on an absolute one; low, high: its
    interval, of 95 %. p_adjusted: for all series and tests of the family together.
    """

    series: str
    kind: Kind
    at_s: float
    at_low_s: float
    at_high_s: float
    before: float
    after: float
    size: float
    low: float
    high: float
    scale: Scale
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """A series that no drift can be told of, and why: a sentence without a full stop."""

    series: str
    reason: str


@dataclass(frozen=True, slots=True)
class Drifts:
    """found: by time. undecided: neither drift nor its absence is claimed of these. tested: the names of others."""

    found: tuple[Drift, ...]
    undecided: tuple[Undecided, ...]
    tested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """A series without its gaps. values: as measured; logarithms where they are relative and all positive."""

    name: str
    scale: Scale
    logarithms: bool
    times_s: F64
    values: F64
    series: Binned
    design: Design


def find_drifts(
    series: Mapping[str, Series],
    *,
    season_s: float = 86_400.0,
    week_s: float = 604_800.0,
    family_error: float = 0.05,
    minimum_effect: Mapping[str, float] | float = _LEAST_EFFECT,
) -> Drifts:
    """The drifts of these series, one a series at most, seasons of the day and the weekend taken out.

    family_error: the chance of any false alarm in all of them together (Holm 1979, over series x two tests).
    minimum_effect: a drift whose estimate is smaller is none; by series or for all, 0.02 for those not named: on the
    series' scale, so 2 % or a difference of 0.02. Unknown values and missing windows are left out, and times may be
    spaced unequally. A series that holds too little to decide is undecided, with a reason.
    """
    known, undecided = [], []
    for name, one in series.items():
        try:
            known.append(_known(name, one, season_s, week_s))
        except TooLittleError as error:
            undecided.append(Undecided(name, str(error)))
    firsts = [tested(one.design, one.series.means) for one in known]
    adjusted = _holm(firsts)
    tests = [
        confirmed(one.design, one.series.means, first) if p <= family_error else first
        for one, first, p in zip(known, firsts, adjusted, strict=True)
    ]
    found = [_drift(one, test, p) for one, test, p in zip(known, tests, _holm(tests), strict=True) if p <= family_error]
    effects = minimum_effect if isinstance(minimum_effect, Mapping) else dict.fromkeys(series, minimum_effect)
    large = [drift for drift in found if abs(drift.size) >= effects.get(drift.series, _LEAST_EFFECT)]
    return Drifts(
        tuple(sorted(large, key=lambda drift: drift.at_s)),
        tuple(undecided),
        tuple(one.name for one in known),
    )


def _known(name: str, series: Series, season_s: float, week_s: float) -> _Known:
    """Raises TooLittleError."""
    seen = np.isfinite(series.values) & np.isfinite(series.times_s)
    order = np.argsort(series.times_s[seen], kind="stable")
    times_s, values = series.times_s[seen][order], series.values[seen][order].astype(np.float64)
    if len(values) == 0:
        raise TooLittleError("it was never measured")
    logarithms = series.scale == "relative" and bool(np.all(values > 0))
    put = np.log(values) if logarithms else values
    grid = binned(times_s, put, season_s, week_s)
    return _Known(name, series.scale, logarithms, times_s, put, grid, design_of(grid))


def _holm(tests: list[Tested]) -> list[float]:
    """The adjusted chance of each series: that of the smaller of its two, in the order of all (Holm 1979)."""
    raw = np.array([[test.p_step, test.p_trend] for test in tests]).ravel()
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(pair.min()) for pair in adjusted.reshape(-1, 2)]


def _drift(one: _Known, test: Tested, p_adjusted: float) -> Drift:
    """A step or a trend, whichever fits better, whatever test found it."""
    means = one.series.means
    if test.steps_better:
        moment = step_moment(one.design, one.series, one.times_s, one.values, test.where, _CONFIDENCE)
        change = step_change(one.design, means, test.where, test.step_rho, _CONFIDENCE)
        return _told(one, "step", moment, change, p_adjusted)
    first_s, last_s = float(one.times_s[0]), float(one.times_s[-1])
    change = trend_change(one.design, means, test.line_rho, _CONFIDENCE)
    return _told(one, "trend", Moment((first_s + last_s) / 2, first_s, last_s), change, p_adjusted)


def _told(one: _Known, kind: Kind, moment: Moment, change: Change, p_adjusted: float) -> Drift:
    """On its scale: logarithms become shares again."""
    before, after, scale = change.before, change.before + change.by, one.scale
    sizes = (change.by, change.low, change.high)
    if one.logarithms:
        before, after = float(np.exp(before)), float(np.exp(after))
        sizes = float(np.expm1(sizes[0])), float(np.expm1(sizes[1])), float(np.expm1(sizes[2]))
    elif scale == "relative" and before > 0:
        sizes = sizes[0] / before, sizes[1] / before, sizes[2] / before
    else:
        scale = "absolute"
    return Drift(
        series=one.name,
        kind=kind,
        at_s=moment.at_s,
        at_low_s=moment.low_s,
        at_high_s=moment.high_s,
        before=before,
        after=after,
        size=sizes[0],
        low=sizes[1],
        high=sizes[2],
        scale=scale,
        p_adjusted=p_adjusted,
    )
