"""Measures from requests: unknown is null and never 0, and what is known within bounds has bounds."""

import pytest

from loadgen.client.reply import Reply, Usage
from loadgen.history.model import Measure
from loadgen.metrics.cost import CostRange
from loadgen.soak.figures import cost_per, hit_ratio, known, lifetime_of, mean_of, quantile_of, share_of, spread_of
from loadgen.soak.sending import Asked


def asked(cached: int | None, prompt: int | None = 100) -> Asked:
    reply = Reply(ok=True, usage=Usage(input_tokens=prompt, output_tokens=5, cached_tokens=cached))
    return Asked(True, None, reply, 0.1, 0.1, 0.2, None, None)


def test_unknown_cached_tokens_are_no_miss() -> None:
    assert hit_ratio(asked(None)) == Measure(None, None, None, 0, "ratio")
    assert hit_ratio(asked(0)).value == 0.0
    assert hit_ratio(asked(90)).value == 0.9
    assert hit_ratio(asked(90, None)).value is None


def test_costs_with_an_unknown_share_are_an_interval_and_with_unknown_tokens_unknown() -> None:
    exact, between = CostRange(2.0, 2.0), CostRange(1.0, 3.0)
    assert cost_per([exact, exact], 2, "USD", 2) == Measure(2.0, 2.0, 2.0, 2, "USD")
    assert cost_per([exact, between], 2, "USD", 2) == Measure(None, 1.5, 2.5, 2, "USD")
    assert cost_per([exact, None], 2, "USD", 2) == Measure(None, None, None, 0, "USD")
    assert cost_per([], 0, "USD", 0).value is None


def test_nothing_solved_has_no_cost_each() -> None:
    assert cost_per([CostRange(1.0, 1.0)], 0, "USD", 0).value is None


def test_a_mean_of_few_values_has_no_bounds_and_a_spread_needs_two() -> None:
    assert mean_of([], "tokens") == Measure(None, None, None, 0, "tokens")
    assert mean_of([4.0], "tokens") == Measure(4.0, None, None, 1, "tokens")
    assert spread_of([4.0], "tokens").value is None
    found = mean_of([9.0, 11.0], "tokens")
    assert found.value == 10.0
    # Student's t with one degree of freedom: 12.706 * sqrt(2) / sqrt(2).
    assert found.high == pytest.approx(10 + 12.706, abs=0.01)


@pytest.mark.parametrize(("n", "value"), [(19, None), (20, 19.0)])
def test_a_quantile_needs_as_many_values_as_it_takes_to_have_one_beyond(n: int, value: float | None) -> None:
    assert quantile_of([float(i + 1) for i in range(n)], 0.95, "s").value == value


def test_one_unknown_makes_all_unknown_for_the_rest_would_be_of_other_requests() -> None:
    assert known([1.0, None, 2.0]) == []
    assert known([1.0, 2.0]) == [1.0, 2.0]


def test_a_share_of_nothing_is_unknown() -> None:
    assert share_of(0, 0).value is None
    assert share_of(0, 10).value == 0.0


@pytest.mark.parametrize(
    ("checks", "low", "high"),
    [
        ([(60, 0.9), (300, 0.9), (3600, 0.0)], 300, 3600),
        ([(60, 0.9), (300, 0.0), (3600, 0.0)], 60, 300),
        ([(60, 0.9), (300, 0.9), (3600, 0.9)], 3600, None),
        ([(60, 0.05), (300, 0.0), (3600, 0.0)], 0, 60),  # a template's own tokens always hit
        ([(60, 0.9), (300, None), (3600, 0.0)], 60, 3600),
        ([(60, None), (300, None), (3600, None)], None, None),
    ],
)
def test_a_lifetime_lies_between_the_last_hit_and_the_first_miss(
    checks: list[tuple[float, float | None]], low: float | None, high: float | None
) -> None:
    found = lifetime_of(0.95, checks)
    assert (found.value, found.low, found.high) == (None, low, high)


def test_a_lifetime_is_unknown_where_cached_tokens_are_and_none_where_nothing_hits_at_once() -> None:
    assert lifetime_of(None, [(60, 0.9)]).low is None
    found = lifetime_of(0.0, [(60, 0.0)])
    assert (found.low, found.high) == (None, 0.0)
