"""Proportions against SciPy's and closed forms."""

import numpy as np
import pytest
from scipy.stats import binomtest

from loadgen.stats.proportions import clustered, pass_all, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (7, 10), (10, 10), (81, 263)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    found = wilson(hits, n)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_sessions_of_one_turn_give_the_exact_interval() -> None:
    hits = np.array([1.0] * 20 + [0.0] * 80)
    expected = binomtest(20, 100).proportion_ci(0.95, method="exact")
    found = clustered(hits, np.ones(100))
    assert found.low == pytest.approx(expected.low, abs=0.002)
    assert found.high == pytest.approx(expected.high, abs=0.002)


def test_no_failure_in_a_hundred_sessions_leaves_up_to_3_6_percent() -> None:
    found = clustered(np.zeros(100), np.full(100, 50.0))
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 100))


def test_failures_of_one_session_tell_less_than_failures_of_many() -> None:
    sizes = np.full(50, 20.0)
    one, many = np.zeros(50), np.zeros(50)
    one[0], many[:10] = 10.0, 1.0
    of_one, of_many = clustered(one, sizes), clustered(many, sizes)
    assert of_one.estimate == of_many.estimate == 0.01
    assert of_one.high is not None
    assert of_many.high is not None
    assert of_one.high > 2 * of_many.high


def test_nothing_observed_is_unknown() -> None:
    assert clustered(np.zeros(0), np.zeros(0)).estimate is None
    assert wilson(0, 0).high is None


def test_pass_all_is_the_chance_that_k_draws_all_succeeded() -> None:
    assert pass_all(3, 4, 1) == 0.75
    assert pass_all(3, 4, 2) == 0.5  # Of the six pairs, three hold no failure.
    assert pass_all(3, 4, 4) == 0.0
    assert pass_all(1, 4, 5) is None
