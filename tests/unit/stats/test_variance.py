"""Variance components: the textbook's where cells are equal, recovered from what was dialled where they are not."""

import numpy as np
import pytest

from benchmarks.variance import SETTINGS, Row, Setting, markdown, rows
from loadgen.stats.variance import Component, components

_RUNS = 200
# What chance alone does to this many runs once in a thousand times.
_SLACK = 1e-3


def test_equal_cells_give_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 4, 3)) + rng.normal(size=(6, 1, 1)) + rng.normal(size=(1, 4, 1))
    places = np.indices(values.shape)
    found = components(values.ravel(), places[0].ravel(), places[1].ravel())
    assert found is not None
    cells, tasks, phrasings = values.mean(axis=2), values.mean(axis=(1, 2)), values.mean(axis=(0, 2))
    rest = ((values - cells[:, :, None]) ** 2).sum() / (6 * 4 * 2)
    both = 3 * ((cells - tasks[:, None] - phrasings[None, :] + values.mean()) ** 2).sum() / (5 * 3)
    assert found.rest.estimate == pytest.approx(rest)
    assert found.interaction.unbounded == pytest.approx((both - rest) / 3)
    assert found.task.unbounded == pytest.approx((12 * tasks.var(ddof=1) - both) / 12)
    assert found.phrasing.unbounded == pytest.approx((18 * phrasings.var(ddof=1) - both) / 18)


def test_what_does_not_vary_has_no_variance_and_no_icc() -> None:
    places = np.indices((5, 4, 2))
    found = components(np.ones(40), places[0].ravel(), places[1].ravel())
    assert found is not None
    assert [part.estimate for part in (found.task, found.phrasing, found.interaction, found.rest)] == [0, 0, 0, 0]
    assert found.icc == Component(None, None, None)
    # Nor is it known that nothing ever would.
    assert found.task.high is None


def test_without_repeats_the_interaction_is_unknown_not_0() -> None:
    places = np.indices((8, 5))
    found = components(
        np.random.default_rng(1).normal(size=40).astype(np.float64), places[0].ravel(), places[1].ravel()
    )
    assert found is not None
    assert found.interaction.estimate is None
    assert found.rest.estimate is not None


@pytest.mark.parametrize(
    ("tasks", "phrasings"),
    [([0, 0, 0], [0, 1, 2]), ([0, 1, 2], [0, 0, 0]), ([0, 0, 1, 1], [0, 1, 2, 3]), ([0, 0, 1], [0, 1, 1])],
)
def test_what_can_not_be_split_is_not(tasks: list[int], phrasings: list[int]) -> None:
    assert components(np.arange(len(tasks), dtype=np.float64), np.array(tasks), np.array(phrasings)) is None


def test_an_estimate_below_0_says_so() -> None:
    places = np.indices((4, 4, 2))
    # A chess board: every task is right as often as every other, which chance would hardly give.
    found = components(((places[0] + places[1]) % 2 * 1.0).ravel(), places[0].ravel(), places[1].ravel())
    assert found is not None
    assert found.task.truncated
    assert found.task.estimate == 0


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.claimed], ids=lambda setting: setting.name)
def test_components_are_recovered(setting: Setting) -> None:
    if setting.tasks < 100:
        assert not any(row.broken(_SLACK) for row in rows(setting, _RUNS, seed=50))


def test_the_study_can_tell_an_interval_that_is_too_short() -> None:
    row = Row("x", "1 x 1 x 1", "task", 0.1, claimed=True)
    for found in np.random.default_rng(1).normal(0.1, 0.03, size=_RUNS):
        row.add(Component(found, found - 0.03, found + 0.03, found))
    assert row.broken(_SLACK)
    assert "**broken**" in markdown([row])
