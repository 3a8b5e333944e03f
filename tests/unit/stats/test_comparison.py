"""Two sides of runs against independent sources: SciPy's t intervals, Newcombe's own example, Bonferroni."""

import math

import numpy as np
import pytest
from scipy import stats

from loadgen.stats.comparison import (
    Estimate,
    Shift,
    by_pairs,
    by_runs,
    difference,
    runs_needed,
    union,
    widened,
)
from loadgen.stats.proportions import wilson


def near(found: tuple[float | None, float | None], low: float, high: float) -> bool:
    """Whether these are the bounds, to five digits."""
    return found[0] == pytest.approx(low, rel=1e-5) and found[1] == pytest.approx(high, rel=1e-5)


def sides(a: int, b: int, figures: int, *, shared: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([a, b, figures])
    both = shared * rng.normal(size=(a + b, 1)) + rng.normal(size=(a + b, figures))
    return both[:a], both[a:]


@pytest.mark.parametrize(("a", "b"), [(5, 5), (7, 3), (4, 1)])
def test_runs_have_students_interval(a: int, b: int) -> None:
    baseline, candidate = sides(a, b, 3)
    shifts, noise = by_runs(baseline, candidate)
    assert noise.df == a + b - 2
    for j, shift in enumerate(shifts):
        mean = candidate[:, j].mean() - baseline[:, j].mean()
        pooled = (baseline[:, j].var(ddof=0) * a + candidate[:, j].var(ddof=0) * b) / noise.df
        half = stats.t.ppf(0.975, noise.df) * math.sqrt(pooled * (1 / a + 1 / b))
        assert shift.estimate == pytest.approx(mean)
        assert near((shift.low, shift.high), mean - half, mean + half)


def test_runs_agree_with_scipys_test_of_means() -> None:
    baseline, candidate = sides(6, 4, 1)
    [shift], _ = by_runs(baseline, candidate)
    expected = stats.ttest_ind(candidate[:, 0], baseline[:, 0]).confidence_interval(0.95)
    assert near((shift.low, shift.high), expected.low, expected.high)


def test_pairs_agree_with_scipys_paired_test() -> None:
    baseline, candidate = sides(6, 6, 1)
    [shift], _ = by_pairs(baseline, candidate)
    expected = stats.ttest_rel(candidate[:, 0], baseline[:, 0]).confidence_interval(0.95)
    assert near((shift.low, shift.high), expected.low, expected.high)


def test_one_run_a_side_has_no_spread() -> None:
    with pytest.raises(ValueError, match="no spread"):
        by_runs(np.zeros((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="pairs"):
        by_pairs(np.zeros((1, 2)), np.ones((1, 2)))


def test_the_correction_for_many_figures_lies_between_none_and_bonferronis() -> None:
    one = stats.t.ppf(0.975, 10)
    bonferroni = stats.t.ppf(1 - 0.025 / 20, 10)
    independent = by_runs(*sides(6, 6, 20))[1].critical
    alike = by_runs(*sides(6, 6, 20, shared=10.0))[1].critical
    assert one < alike < independent < bonferroni * 1.02
    baseline, candidate = sides(6, 6, 1)
    same = by_runs(np.repeat(baseline, 20, axis=1), np.repeat(candidate, 20, axis=1))[1].critical
    assert same == pytest.approx(one, rel=0.02)


def test_all_figures_together_are_wrong_in_one_of_twenty() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(60):
        both = rng.normal(size=(8, 1)) + rng.normal(size=(8, 10))
        shifts, _ = by_runs(both[:4], both[4:])
        wrong += any((shift.wide_low or 0) > 0 or (shift.wide_high or 0) < 0 for shift in shifts)
    # 3 of 60 are expected; more than 8 come in one of 500 studies
    assert wrong <= 8


def test_figures_that_never_vary_are_told_exactly() -> None:
    shifts, _ = by_runs(np.array([[0.0, 1.0]] * 3), np.array([[0.0, 1.5]] * 3))
    assert shifts[0] == Shift(0.0, 0.0, 0.0, 0.0, 0.0)
    assert shifts[1] == Shift(0.5, 0.5, 0.5, 0.5, 0.5)


def test_a_difference_of_proportions_is_newcombes_own_example() -> None:
    # Newcombe, Statistics in Medicine 17, 1998, table II (a), method 10: 56/70 - 48/80
    sides_of = [wilson(48, 80), wilson(56, 70)]
    before, after = (Estimate.within(one.estimate or 0.0, one.low, one.high) for one in sides_of)
    low, high = difference(before, after)
    assert low == pytest.approx(0.0524, abs=5e-5)
    assert high == pytest.approx(0.3339, abs=5e-5)


def test_what_has_no_bound_on_a_side_gives_none() -> None:
    low, high = difference(Estimate(1.0, 0.1, None), Estimate(2.0, 0.1, 0.1))
    assert low is None
    assert high == pytest.approx(1.0 + 0.1414, abs=1e-3)
    assert widened(None, 1.5, 1.0, 0.0) == (None, 1.5)
    assert union((None, 2.0), (0.0, 1.0)) == (None, 2.0)


def test_an_independent_error_is_added_in_quadrature() -> None:
    assert near(widened(0.7, 1.3, 1.0, 0.4), 0.5, 1.5)


def needed(shift: Shift, runs: int = 4) -> int | None:
    return runs_needed(shift, (runs, runs), 2 * runs - 2, margin=0.02, tolerance=0.05, confidence=0.95)


def test_runs_needed_grow_with_the_spread_and_shrink_with_the_shift() -> None:
    near, far = Shift(0.04, -0.02, 0.1, -0.04, 0.12), Shift(0.08, 0.02, 0.14, -0.0, 0.16)
    noisy = Shift(0.08, -0.04, 0.2, -0.08, 0.24)
    counts = [needed(far), needed(noisy), needed(near)]
    assert None not in counts
    assert counts == sorted(counts, key=lambda count: count or 0)
    assert (needed(far) or 0) > 4


def test_runs_needed_are_not_known_without_an_interval_or_beyond_reason() -> None:
    assert needed(Shift(0.04, None, 0.1, None, 0.2)) is None
    assert needed(Shift(0.049, -5.0, 5.1, -9.0, 9.1)) is None


def test_the_runs_that_are_said_to_be_needed_do_tell() -> None:
    rng, sd, told = np.random.default_rng(4), 0.02, 0
    half, wide = (stats.t.ppf(0.5 + c / 2, 6) * sd * math.sqrt(2 / 4) for c in (0.95, 0.99))
    count = needed(Shift(0.05, 0.05 - half, 0.05 + half, 0.05 - wide, 0.05 + wide))
    assert count is not None
    for _ in range(60):
        [shift], _ = by_runs(rng.normal(0, sd, (count, 1)), rng.normal(0.05, sd, (count, 1)), 0.99)
        told += (shift.low or -1) > 0
    # four of five are promised; fewer than 40 of 60 come in one of a hundred studies
    assert told >= 40
