"""Figures of many values in little memory: exact where they say so, quantiles within half a bucket."""

import math
import statistics

from hypothesis import given
from hypothesis import strategies as st

from loadgen.trace_figures import Tally

VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=1, max_size=300)


def tallied(values: list[float], *, whole: bool = False) -> Tally:
    tally = Tally(whole=whole)
    for value in values:
        tally.add(value)
    return tally


@given(VALUES)
def test_figures_agree_with_independent_ones(values: list[float]) -> None:
    spread = tallied(values).spread()
    assert spread is not None
    assert (spread.n, spread.min, spread.max) == (len(values), min(values), max(values))
    assert math.isclose(spread.mean, statistics.fmean(values), rel_tol=1e-9, abs_tol=1e-12)
    if spread.cv is not None:
        expected = statistics.pstdev(values) / statistics.fmean(values)
        assert math.isclose(spread.cv, expected, rel_tol=1e-6, abs_tol=1e-6)
    ordered = sorted(values)
    for share, found in ((0.5, spread.p50), (0.9, spread.p90), (0.99, spread.p99)):
        exact = ordered[math.ceil(share * len(ordered)) - 1]
        assert math.isclose(found, exact, rel_tol=0.00251)
    above = [value for value in values if value > 0]
    assert (spread.zeros, spread.least) == (len(values) - len(above), min(above, default=None))
    assert sum(spread.bars) == len(above)
    assert len(spread.bars) <= 32


def test_whole_numbers_have_whole_quantiles() -> None:
    spread = tallied([1, 2, 2, 3, 51], whole=True).spread()
    assert spread is not None
    assert (spread.p50, spread.p90, spread.p99) == (2, 51, 51)


def test_nothing_has_no_figures() -> None:
    assert Tally().spread() is None
