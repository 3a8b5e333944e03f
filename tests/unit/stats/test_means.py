"""Intervals of ratios over sessions, where sessions are hardly different."""

import numpy as np

from loadgen.stats.means import ratio_interval


def test_one_session_unlike_all_others_does_not_make_an_interval_without_end() -> None:
    turns = np.full(25, 2.0)
    turns[3] = 3.0
    found = ratio_interval(turns, np.ones(25))
    assert found.low is not None
    assert found.high is not None
    # A third of the resamples are without it, and have no spread.
    assert 1.9 < found.low < 2.04 < found.high < 2.5
