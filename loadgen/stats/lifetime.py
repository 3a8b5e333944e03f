"""How long a cache keeps what nobody asks for, from whether it still had it after some delays: never more than bounds.

Each observation says one thing: a hit, that the lifetime was longer than its delay, a miss, that it was shorter
(current status data: Sun 2006, chapter 3). Where the delays are fixed, the share of hits at each is all that can be
known of the distribution, and its median lies between the longest delay that most hit and the shortest that most
missed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from loadgen.stats.binomial import clopper_pearson
from loadgen.stats.clusters import F64


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Of a stretch of time: the median lifetime lies above low_s and up to high_s, surely.

    low_s: 0 where nothing was surely kept; high_s: None where nothing was surely lost. n: observations.
    """

    low_s: float
    high_s: float | None
    n: int


def lifetime(hits_by_delay: Mapping[float, F64], confidence: float = 0.95) -> Lifetime:
    """From hits (1) and misses (0), NaN where unknown, after each delay in seconds.

    Surely: the exact interval of the share of hits (Clopper and Pearson 1934) lies wholly above or below a half, with
    Bonferroni's correction for the number of delays. An observation counts for one; where misses come in spells, a
    delay with a share near a half is decided too soon, which bounds at other delays do not care about. Where a longer
    delay hits and a shorter one misses, which no lifetime does, the interval spans both.
    """
    low_s, high_s, n = 0.0, None, 0
    each = 1 - (1 - confidence) / max(1, len(hits_by_delay))
    for delay_s in sorted(hits_by_delay):
        seen = hits_by_delay[delay_s][hits_by_delay[delay_s] >= 0]
        n += len(seen)
        low, high = clopper_pearson(float(seen.sum()), float(len(seen)), each) if len(seen) else (0.0, 1.0)
        if low > 0.5:
            low_s = delay_s
        elif high < 0.5 and high_s is None:
            high_s = delay_s
    if high_s is not None and low_s >= high_s:
        low_s, high_s = high_s, low_s
    return Lifetime(low_s, high_s, n)
