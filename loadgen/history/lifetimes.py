"""How long the cache kept prefixes, stretch by stretch: a soak is cut where the hits after some delay have stepped.

Called by week.py. The stretches between are each told by all of their windows together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from loadgen.scenario.quantities import parse_duration
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drift, Series
from loadgen.stats.lifetime import Lifetime, lifetime

_WARM: Final = "cache.hit_ratio.warm"
_AFTER: Final = "cache.hit_ratio.after_"


@dataclass(frozen=True, slots=True)
class Kept:
    """From from_s on, up to to_s, prefixes lived for so long."""

    from_s: float
    to_s: float
    lifetime: Lifetime


def kept(series: Mapping[str, Series], drifts: Sequence[Drift]) -> tuple[Kept, ...]:
    """The stretches of a soak; none where no hit is known.

    A hit is at least half of what hits at once, by the median of all windows: a prompt's own template may always hit.
    """
    warm = series.get(_WARM)
    ratios = {parse_duration(name.removeprefix(_AFTER)): one for name, one in series.items() if name.startswith(_AFTER)}
    seen = [one.times_s[np.isfinite(one.values)] for one in ratios.values()]
    if warm is None or not np.isfinite(warm.values).any() or not any(len(times_s) for times_s in seen):
        return ()
    least = float(np.nanmedian(warm.values)) / 2
    times_s = np.concatenate(seen)
    edges = [float(times_s.min()), *_cuts(drifts), float(np.nextafter(times_s.max(), np.inf))]
    return tuple(
        Kept(start, end, lifetime({delay: _hits(one, start, end, least) for delay, one in ratios.items()}))
        for start, end in pairwise(edges)
    )


def _cuts(drifts: Sequence[Drift]) -> list[float]:
    """When hits have stepped; steps whose intervals overlap are one."""
    found: list[Drift] = []
    for drift in sorted(drifts, key=lambda one: one.at_s):
        if drift.kind == "step" and drift.series.startswith(_AFTER):
            if found and drift.at_low_s <= found[-1].at_high_s:
                continue
            found.append(drift)
    return [drift.at_s for drift in found]


def _hits(series: Series, start_s: float, end_s: float, least: float) -> F64:
    values = series.values[(series.times_s >= start_s) & (series.times_s < end_s)]
    known = np.isfinite(values)
    return np.where(known, np.where(known, values, 0.0) >= max(least, 1e-12), np.nan)
