"""Turns in bins of time: what is counted is counted once, and what is not known stays unknown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.outputs.html.bins import (
    Bins,
    bands,
    bins_for,
    grid_quantile,
    heat,
    in_flight,
    log_edges,
    per_second,
    spread,
)

SPANS = st.lists(st.tuples(st.floats(0, 99), st.floats(0, 30), st.floats(0, 1000)), min_size=1, max_size=30)


@pytest.mark.parametrize(("total_s", "turns"), [(0.05, 3), (30, 259), (65, 600), (3600, 100_000), (604_800, 400_000)])
def test_there_are_enough_bins_to_see_a_course_and_never_many(total_s: float, turns: int) -> None:
    bins = bins_for(total_s, turns)
    assert bins.count <= 120
    assert bins.count >= 12 or bins.width_s == 0.1
    assert bins.count * bins.width_s >= total_s


def test_bins_are_wide_enough_for_a_p99_where_turns_are_many() -> None:
    assert 36_000 / bins_for(600, 36_000).count >= 100


@given(SPANS)
def test_what_is_spread_over_time_adds_up(spans: list[tuple[float, float, float]]) -> None:
    starts = np.array([start for start, _, _ in spans])
    ends = starts + np.array([length for _, length, _ in spans])
    weights = np.array([weight for _, _, weight in spans])
    assert spread(Bins(5.0, 26), starts, ends, weights).sum() == pytest.approx(weights.sum())


def test_a_turn_is_spread_in_proportion_to_its_time_in_each_bin() -> None:
    found = spread(Bins(10.0, 3), np.array([5.0]), np.array([25.0]), np.array([40.0]))
    assert found.tolist() == [10.0, 20.0, 10.0]


def test_what_has_no_length_falls_into_one_bin_and_what_never_began_into_none() -> None:
    found = spread(Bins(10.0, 2), np.array([10.0, np.nan]), np.array([10.0, 5.0]), np.array([3.0, 8.0]))
    assert found.tolist() == [0.0, 3.0]


def test_an_unknown_weight_makes_only_its_own_time_unknown() -> None:
    found = spread(Bins(10.0, 3), np.array([1.0, 21.0]), np.array([2.0, 22.0]), np.array([np.nan, 7.0]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [0.0, 7.0]


def test_turns_in_flight_are_a_mean_over_each_bin() -> None:
    # Two turns of half the first bin each, one over both bins.
    found = in_flight(Bins(10.0, 2), np.array([0.0, 5.0, 0.0]), np.array([5.0, 10.0, 20.0]))
    assert found.tolist() == [2.0, 1.0]


def test_quantiles_are_by_nearest_rank_and_need_enough_values() -> None:
    bins = Bins(10.0, 3)
    times = np.concatenate([np.full(100, 1.0), np.full(9, 11.0)])
    values = np.concatenate([np.arange(100.0, 0.0, -1), np.arange(1.0, 10.0)])
    found = bands(bins, times, values)
    assert found.n.tolist() == [100, 9, 0]
    assert (found.p50[0], found.p90[0], found.p99[0], found.highest[0]) == (50, 90, 99, 100)
    assert found.p50[1] == 5
    assert np.isnan([found.p90[1], found.p99[1], found.p50[2], found.highest[2]]).all()


def test_unknown_values_are_in_no_quantile() -> None:
    found = bands(Bins(10.0, 1), np.array([1.0, 2.0, 3.0]), np.array([4.0, np.nan, 2.0]))
    assert (found.n[0], found.p50[0], found.highest[0]) == (2, 2.0, 4.0)


def test_rates_are_per_second_of_a_bin() -> None:
    assert per_second(Bins(0.5, 2), np.array([0.1, 0.2, 0.6])).tolist() == [4.0, 2.0]


def test_a_quantile_of_counts_is_its_bins_upper_edge_and_unknown_beyond_the_last() -> None:
    edges = np.array([1.0, 2.0, 4.0])
    grid = np.array([[5.0, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 10.0], [1.0, 0.0, 0.0, 0.0]])
    assert grid_quantile(grid, edges, 0.5)[0] == 1.0
    assert grid_quantile(grid, edges, 0.9)[0] == 2.0
    assert np.isnan(grid_quantile(grid, edges, 0.5)[1:]).all()


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50))
def test_a_heat_map_holds_every_value_once(values: list[float]) -> None:
    found = np.array(values)
    cells = heat(Bins(10.0, 2), np.linspace(0, 19, len(found)), found, log_edges(found, 12))
    assert cells.shape == (2, 12)
    assert cells.sum() == len(values)
