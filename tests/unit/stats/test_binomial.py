"""Exact binomial bounds, held against SciPy's own and against sums of probabilities."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm, t

from loadgen.stats.binomial import clopper_pearson, high_rank, low_rank, t_of, z_of


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 1000), (999, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.998])
def test_clopper_pearson_is_scipys(hits: int, n: int, confidence: float) -> None:
    expected = binomtest(hits, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(hits, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [5, 40, 299, 368, 5000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("tail", [0.025, 0.001])
def test_ranks_are_the_tightest_that_keep_the_tail(n: int, q: float, tail: float) -> None:
    ranks = np.arange(1, n + 1)
    low, high = ranks[binom.cdf(ranks - 1, n, q) <= tail], ranks[binom.sf(ranks - 1, n, q) <= tail]
    found_low, found_high = low_rank(n, q, tail), high_rank(n, q, tail)
    assert (None if found_low is None else math.floor(found_low + 1e-6)) == (low[-1] if len(low) else None)
    assert (None if found_high is None else math.ceil(found_high - 1e-6)) == (high[0] if len(high) else None)


def test_normal_and_student_quantiles() -> None:
    assert z_of(0.95) == pytest.approx(norm.ppf(0.975))
    assert t_of(0.95, 9) == pytest.approx(t.ppf(0.975, 9))
