"""Intervals by session, in the summary's form: what the figures of scored turns are made of."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from msgspec.structs import replace as replace_fields

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.session_sample import session_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval
from loadgen.stats.means import ratio_interval
from loadgen.stats.proportions import clustered


def root(turn: Record) -> str:
    """The session that a turn belongs to, that of a sub-agent being its parent's: they are one observation."""
    return session_of(turn.session)


def _sums(parts: Iterable[tuple[str, float, float]]) -> tuple[F64, F64]:
    above: dict[str, float] = defaultdict(float)
    below: dict[str, float] = defaultdict(float)
    for session, hits, size in parts:
        above[session] += hits
        below[session] += size
    kept = [session for session in below if below[session] > 0]
    return np.array([above[name] for name in kept]), np.array([below[name] for name in kept])


def share_of(parts: Iterable[tuple[str, float, float]]) -> Interval:
    """Hits of sizes, given as (session, hits, size): the exact interval at the effective number of observations."""
    return clustered(*_sums(parts))


def ratio_of(parts: Iterable[tuple[str, float, float]]) -> Interval:
    """The ratio of two sums, given as (session, above, below), with a t interval over sessions."""
    return ratio_interval(*_sums(parts))


def within(share: Interval) -> Interval:
    """A ratio that is a share, its bounds held within 0 and 1, which a t interval knows nothing of."""
    low = None if share.low is None else max(0.0, share.low)
    high = None if share.high is None else min(1.0, share.high)
    return replace(share, low=low, high=high)


def change(before: Interval, after: Interval) -> Interval:
    """The difference of two shares, by the distances of their own bounds (Newcombe 1998, his method 10).

    Takes them to be independent; sessions that reach into both make it wider than it need be.
    """
    bounds = (before.estimate, before.low, before.high, after.estimate, after.low, after.high)
    if any(bound is None for bound in bounds):
        return Interval(None, None, None, after.confidence, 0, 0)
    one, one_low, one_high, other, other_low, other_high = (bound or 0.0 for bound in bounds)
    shift = other - one
    low, high = math.hypot(one_high - one, other - other_low), math.hypot(one - one_low, other_high - other)
    n = before.n + after.n
    return Interval(shift, shift - low, shift + high, after.confidence, n, before.sessions + after.sessions)


def of_tasks(share: Interval) -> Quality:
    """A share whose interval takes each task for one observation, however often it was tried."""
    return replace_fields(figure(share), tasks=share.sessions)


def figure(interval: Interval, unit: str = "share", *, n: int | None = None) -> Quality:
    """An estimate as the summary has it; n: observations, where the interval's own are not."""
    observations = interval.n if n is None else n
    return Quality(value=interval.estimate, ci_low=interval.low, ci_high=interval.high, n=observations, unit=unit)
