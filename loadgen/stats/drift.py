"""Drift: whether what was measured again and again has changed over days, when, and by how much.

`find_drifts(series, *, season_s=86400.0, week_s=604800.0, family_error=0.05, minimum_effect=0.02) -> Drifts` looks at
all series of a soak together: the chance of any false alarm among them is at most `family_error`.
"""

from dataclasses import dataclass
from typing import Literal

from loadgen.stats.clusters import F64

Kind = Literal["step", "trend"]
Scale = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class Series:
    """One measure over time: times_s (epoch seconds), values (NaN where unknown), both F64[n] in any order.

    errors: the standard error of each value, where known. scale: whether its changes are told as shares of what was
    before (times, tokens, money: positive values) or as differences (shares and rates, which may be 0).
    """

    times_s: F64
    values: F64
    errors: F64 | None = None
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
    """found: in order of time. undecided: neither drift nor its absence is claimed of these. tested: names of the rest."""

    found: tuple[Drift, ...]
    undecided: tuple[Undecided, ...]
    tested: tuple[str, ...]
