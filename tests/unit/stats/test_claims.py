"""The claims of benchmarks/statistics.py on a few of its cases, with fixed seeds: it fails where one breaks."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.populations import Population
from benchmarks.statistics import (
    POPULATIONS,
    RATES,
    Row,
    backlog_rows,
    markdown,
    overview,
    proportion_rows,
    quantile_rows,
    rate_rows,
    ratio_rows,
    read_rows,
    sequential_rows,
    sequential_share_rows,
)
from loadgen.stats.quantiles import quantile_interval

_RUNS = 60
# What chance alone does to this many runs once in a thousand times.
_SLACK = 1e-3


def _kept(rows: list[Row]) -> bool:
    return not any(row.broken(_SLACK) for row in rows)


@pytest.mark.parametrize("population", POPULATIONS[:8], ids=lambda population: population.name)
def test_quantile_intervals_cover(population: Population) -> None:
    assert _kept(quantile_rows(population, 100, 20, _RUNS, seed=100))


def test_few_sessions_claim_no_more_than_they_know() -> None:
    for population in (POPULATIONS[4], POPULATIONS[6]):
        assert _kept(quantile_rows(population, 10, 20, _RUNS, seed=101))


def test_limits_half_as_far_again_are_decided_where_there_are_enough_sessions() -> None:
    p50, p90, p99, _ = quantile_rows(POPULATIONS[0], 1000, 1, 30, seed=1)
    for row in (p50, p90, p99):
        assert row.passed_far >= 0.7 * row.runs
        assert row.failed_far >= 0.95 * row.runs


def test_turns_taken_for_independent_would_break_the_claim() -> None:
    """The study can tell: with each turn a session of its own it finds what is wrong."""
    population, rng = POPULATIONS[4], np.random.default_rng(2)
    row = Row("quantiles", population.name, "100 x 20", "p90")
    for _ in range(_RUNS):
        sample = population.draw(rng, 100, 20)
        row.add(quantile_interval(sample.values, np.arange(2000, dtype=np.int32), 0.9), population.quantile(0.9))
    assert row.broken(_SLACK)


@pytest.mark.parametrize("population", [POPULATIONS[1], POPULATIONS[7]], ids=lambda population: population.name)
def test_a_load_of_two_stages_is_covered_and_decided(population: Population) -> None:
    """The second stage is 5 times slower; the truth is where both together have 90 % below it."""
    rng = np.random.default_rng(10)
    many = np.concatenate([factor * population.draw(rng, 1000, 200).values for factor in (1, 5)])
    truth, row = float(np.quantile(many, 0.9)), Row("quantiles", population.name, "2 x 2000 x 1", "p90")
    for _ in range(_RUNS):
        first, second = population.draw(rng, 2000, 1), population.draw(rng, 2000, 1)
        values = np.concatenate((first.values, 5 * second.values))
        times = np.concatenate((first.times_s, first.times_s.max() + second.times_s))
        stages = np.repeat(np.array([0, 1], dtype=np.int32), 2000)
        row.add(
            quantile_interval(values, np.arange(4000, dtype=np.int32), 0.9, times_s=times, stages=stages),
            truth,
        )
    assert not row.broken(_SLACK)
    assert row.passed_far >= 0.9 * row.runs


@pytest.mark.parametrize("alike", [0.0, 0.4])
def test_proportions_cover(alike: float) -> None:
    assert _kept(proportion_rows(30, 20, alike, _RUNS, seed=3))


def test_costs_and_rates_cover() -> None:
    assert _kept(ratio_rows(30, 1.0, _RUNS, seed=4))
    assert _kept(rate_rows(RATES[0], 60, _RUNS, seed=5))
    assert _kept(rate_rows(RATES[2], 300, _RUNS, seed=6))


@pytest.mark.parametrize("population", [POPULATIONS[1], POPULATIONS[3]], ids=lambda population: population.name)
def test_looks_fail_wrongly_in_at_most_5_percent(population: Population) -> None:
    assert _kept(sequential_rows(population, 5, 0.9, 30, seed=7))


@pytest.mark.parametrize("alike", [0.0, 0.4])
def test_looks_at_failures_are_wrong_as_seldom(alike: float) -> None:
    assert _kept(sequential_share_rows(0.05, 5, alike, _RUNS, seed=12))


def test_a_queue_is_said_to_grow_where_it_does() -> None:
    assert _kept(backlog_rows(0.9, 60, _RUNS, seed=8))
    (grows,) = backlog_rows(1.2, 300, 40, seed=9)
    assert grows.failed_far >= 36


def test_the_page_names_what_is_broken() -> None:
    good = Row("rates", "even", "60 s", "rate", runs=100, above=1, below=2)
    bad = Row("rates", "odd", "60 s", "rate", runs=100, above=9, below=2)
    page = markdown([good, bad])
    assert "1 of 2 rows" in page
    assert page.count("**broken**") == 1


def test_the_docs_have_the_study_as_it_was_written() -> None:
    """The table of docs/statistics.md, and the page that it stands for, are of the numbers in benchmarks/."""
    rows, top = read_rows(), Path(__file__).parents[3]
    assert "\n".join(overview(rows)) in (top / "docs" / "statistics.md").read_text()
    assert markdown(rows) == (top / "benchmarks" / "statistics.md").read_text()
