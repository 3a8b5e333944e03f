"""Sizes that vary: their forms, their statistics, and that a seed keeps its meaning."""

import json
from random import Random
from statistics import fmean, median, quantiles
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from loadgen.scenario.sizes import Distribution, Size, TimeSize

SIZE: TypeAdapter[Distribution] = TypeAdapter(Size)
TIME: TypeAdapter[Distribution] = TypeAdapter(TimeSize)

FORMS: list[Any] = [
    "4k",
    {"constant": 7},
    [100, "1k", 10],
    {"uniform": {"min": 100, "max": 300}},
    {"lognormal": {"median": 200, "p90": "1k"}},
    {"lognormal": {"median": 200, "p90": "1k", "min": 150, "max": 600}},
    {"lognormal": {"median": 200, "p90": 200}},
    {"lognormal": {"median": 200, "p90": "1k", "max": 100}},
    {"empirical": [1, 2, 2, 500]},
]


def drawn(size: Distribution, count: int = 40_000) -> list[float]:
    rng = Random(5)
    return [size.draw(rng, ordinal) for ordinal in range(count)]


@pytest.mark.parametrize("form", FORMS, ids=json.dumps)
def test_draws_average_to_the_mean(form: Any) -> None:
    size = SIZE.validate_python(form)
    assert fmean(drawn(size)) == pytest.approx(size.mean(), rel=0.03)


@pytest.mark.parametrize("form", FORMS, ids=json.dumps)
def test_a_form_survives_json(form: Any) -> None:
    size = SIZE.validate_python(form)
    assert SIZE.validate_json(SIZE.dump_json(size)) == size


@pytest.mark.parametrize("form", FORMS, ids=json.dumps)
def test_a_draw_takes_at_most_one_random_number(form: Any) -> None:
    size, rng, fresh = SIZE.validate_python(form), Random(5), Random(5)
    size.draw(rng, 0)
    state = rng.getstate()
    untouched = fresh.getstate()
    fresh.random()
    assert state in (untouched, fresh.getstate())


def test_a_plain_value_is_always_itself() -> None:
    assert set(drawn(TIME.validate_python("250ms"), 5)) == {0.25}


def test_a_list_is_cycled_by_ordinal() -> None:
    assert drawn(SIZE.validate_python(["4k", 16, 64]), 7) == [4000, 16, 64, 4000, 16, 64, 4000]


def test_uniform_stays_within_its_bounds() -> None:
    values = drawn(TIME.validate_python({"uniform": {"min": "1s", "max": "3s"}}))
    assert (min(values), max(values)) == pytest.approx((1, 3), abs=0.01)


def test_lognormal_has_the_median_and_p90_it_was_given() -> None:
    values = drawn(TIME.validate_python({"lognormal": {"median": "5s", "p90": "30s"}}))
    assert median(values) == pytest.approx(5, rel=0.03)
    assert quantiles(values, n=10)[-1] == pytest.approx(30, rel=0.04)


def test_lognormal_draws_are_moved_to_its_bounds() -> None:
    values = drawn(SIZE.validate_python({"lognormal": {"median": 200, "p90": 1000, "min": 150, "max": 600}}))
    assert (min(values), max(values)) == (150, 600)


def test_empirical_values_are_equally_likely() -> None:
    values = drawn(SIZE.validate_python({"empirical": [1, 2, 2, 500]}))
    assert values.count(2) / len(values) == pytest.approx(0.5, abs=0.01)
    assert values.count(500) / len(values) == pytest.approx(0.25, abs=0.01)


@settings(derandomize=True, deadline=None)
@given(st.integers(0), st.integers(0, 10**9))
def test_tokens_are_whole_and_at_least_one(seed: int, ordinal: int) -> None:
    size = SIZE.validate_python({"lognormal": {"median": 2, "p90": 100}})
    tokens = size.draw_tokens(Random(seed), ordinal)
    assert isinstance(tokens, int)
    assert tokens >= 1


def test_no_tail_is_longer_than_any_server_takes() -> None:
    size, rng = SIZE.validate_python({"lognormal": {"median": 1, "p90": 9_000_000}}), Random(1)
    assert max(size.draw_tokens(rng, 0) for _ in range(1000)) == 10_000_000


def test_a_seed_means_the_same_for_good() -> None:
    size, rng = SIZE.validate_python({"lognormal": {"median": 200, "p90": 1000}}), Random(1)
    assert [size.draw_tokens(rng, 0) for _ in range(4)] == [50, 725, 493, 87]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"lognorml": {}}, "did you mean 'lognormal'"),
        ({"constant": 1, "uniform": {}}, "exactly one distribution"),
        ({}, "exactly one distribution"),
        ([], "is empty"),
        ({"empirical": []}, "is empty"),
        ({"uniform": {"min": 3, "max": 2}}, "min 3 is above max 2"),
        ({"lognormal": {"median": 3, "p90": 2}}, "p90 2 is below the median 3"),
        ({"lognormal": {"median": 3, "p90": 9, "min": 5, "max": 4}}, "min 5 is above max 4"),
        ("4x", "unknown suffix"),
        (0, "greater than or equal to 1"),
        ([1, 0], "greater than or equal to 1"),
        (10_000_001, "less than or equal to 10000000"),
        ({"lognormal": {"median": 3, "p90": 1e12}}, "less than or equal to 10000000"),
        (None, "an empty value is no number"),
    ],
)
def test_what_is_no_size_is_refused(form: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SIZE.validate_python(form)
