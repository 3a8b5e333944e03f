"""One turn's gaps between chunks as a few counts, so that its record line tells how many were longer than any limit.

Statistics need the gaps of each session, for gaps of one session are alike; the histograms of a run can't tell sessions
apart, and all gaps of a long reply would not fit into a line. Bin edges grow by a fourth root of 2 (19 %), 10 µs to
119 s: bin b holds gaps up to EDGES_NS[b] and above the edge before it, the last bin all that are longer.
"""

from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from loadgen.metrics.histogram import Histogram

_FIRST_NS = 10_000
_PER_DOUBLING = 4
_DOUBLINGS = 23.75

EDGES_NS: Final = tuple(
    round(_FIRST_NS * 2 ** (step / _PER_DOUBLING)) for step in range(int(_DOUBLINGS * _PER_DOUBLING))
)


def bins_of(ascending_ns: list[int]) -> list[int]:
    """The bins that hold gaps, ascending, each followed by its count: [bin, count, bin, count, ...].

    One bisection a bin, not a gap: the gaps of a reply fall into few.
    """
    found: list[int] = []
    start, end = 0, len(ascending_ns)
    while start < end:
        at = bisect_left(EDGES_NS, ascending_ns[start])
        stop = bisect_right(ascending_ns, EDGES_NS[at], start) if at < len(EDGES_NS) else end
        found += (at, stop - start)
        start = stop
    return found


class Gaps(NamedTuple):
    """One turn's gap quantiles in ns, and its gaps in bins."""

    p50: int | None
    p99: int | None
    longest: int | None
    bins: list[int] | None


def gap_quantiles(gaps: list[int]) -> Gaps:
    """Of ascending gaps, by nearest rank."""
    n = len(gaps)
    return Gaps(
        p50=gaps[(n - 1) // 2] if n >= 2 else None,
        p99=gaps[(99 * n + 99) // 100 - 1] if n >= 100 else None,
        longest=gaps[-1] if n else None,
        bins=bins_of(gaps) if n else None,
    )


def bins_of_counts(gaps: Histogram) -> list[int]:
    """The same of gaps that are counted already; one within 0.1 % of an edge may fall into the bin beside."""
    upto = [*gaps.at_most(EDGES_NS), gaps.n]
    counts = [count - before for before, count in zip([0, *upto], upto, strict=False)]
    return [number for at, count in enumerate(counts) if count for number in (at, count)]
