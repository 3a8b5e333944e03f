"""Gaps in bins: every gap is in one, and in the right one."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from loadgen.metrics.gap_bins import EDGES_NS, bins_of, bins_of_counts
from loadgen.metrics.histogram import Histogram, PendingHistogram

_GAPS = st.lists(st.integers(0, 200_000_000_000), min_size=1, max_size=60)


def _by_definition(gaps: list[int]) -> list[int]:
    at = [bisect_left(EDGES_NS, gap) for gap in gaps]
    return [number for bin_ in sorted(set(at)) for number in (bin_, at.count(bin_))]


@given(_GAPS)
def test_each_gap_is_counted_in_the_bin_whose_edge_it_does_not_exceed(gaps: list[int]) -> None:
    assert bins_of(sorted(gaps)) == _by_definition(gaps)


@given(_GAPS)
def test_counted_gaps_fall_into_the_same_bins_or_the_one_beside(gaps: list[int]) -> None:
    pending, whole = PendingHistogram(), Histogram()
    pending.values.fromlist(gaps)
    sparse = pending.drain()
    assert sparse is not None
    whole.merge(sparse)
    found, expected = bins_of_counts(whole), _by_definition(gaps)
    assert sum(found[1::2]) == len(gaps)
    assert all(any(abs(bin_ - near) <= 1 for near in expected[::2]) for bin_ in found[::2])


def test_the_edges_reach_from_ten_microseconds_to_over_100_s() -> None:
    assert EDGES_NS[0] == 10_000
    assert EDGES_NS[-1] > 100_000_000_000
