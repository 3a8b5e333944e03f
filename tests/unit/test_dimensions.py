"""What expressions are measured in, by their metrics' names."""

import pytest

from grafana.dimensions import MismatchError, dimension_of, misfit

_TURNS = "loadgen_requests_total"
_LATENCY = "loadgen_request_duration_seconds"


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        (f'sum by (outcome) (rate({_TURNS}{{run_id=~"$run"}}[5m]))', {"turn": 1, "s": -1}),
        (
            f"sum (increase({_TURNS}[30s])) / scalar(clamp_max(time() - max (a_timestamp_seconds), 30) > 0)",
            {"turn": 1, "s": -1},
        ),
        (f"histogram_quantile(0.99, sum by (le) (rate({_LATENCY}_bucket[1m])))", {"s": 1}),
        ("histogram_quantile(0.5, rate(loadgen_request_tokens_bucket[1m]))", {"token": 1}),
        (f"rate({_LATENCY}_sum[1m]) / (rate({_LATENCY}_count[1m]) > 0)", {"s": 1}),
        (f"rate({_LATENCY}_sum[1m])", {"turn": 1}),
        (f"{_TURNS} / ({_TURNS} > 0) - 1", {}),
        (f"1000 * loadgen_cost_total / {_TURNS}", {"money": 1, "turn": -1}),
        (f"topk by (run_id) (1, {_LATENCY})", {"s": 1}),
        ("run:loadgen_latency_seconds:quantile5m / (run:loadgen_latency_seconds:quantile5m_start > 0) - 1", {}),
        ("sum (vllm:num_requests_waiting) or sum (sglang:num_queue_reqs)", {"turn": 1}),
    ],
)
def test_what_an_expression_is_measured_in(expr: str, found: dict[str, int]) -> None:
    assert dimension_of(expr) == found


@pytest.mark.parametrize(
    "expr",
    [f"{_TURNS} + {_LATENCY}", f"{_LATENCY} > {_TURNS}", f"rate({_TURNS}[5m]) - {_TURNS}", f"{_TURNS} or {_LATENCY}"],
)
def test_what_can_not_be_added_or_compared_is_said(expr: str) -> None:
    with pytest.raises(MismatchError, match="turn"):
        dimension_of(expr)
    assert misfit(expr, "short") is not None


@pytest.mark.parametrize("expr", ["rate(", "sum ()", "a +", "a ^ 2", "a b", "histogram_quantile(0.5, a)", ""])
def test_what_can_not_be_read_is_said(expr: str) -> None:
    assert misfit(expr, "short") is not None


@pytest.mark.parametrize("unit", ["s", "percentunit", "reqps", "ops", "ms", "percent", "bytes"])
def test_a_unit_of_something_else_is_a_misfit(unit: str) -> None:
    assert misfit("loadgen_tokens_total / loadgen_cost_total", unit) is not None


def test_seconds_are_no_plain_number() -> None:
    assert misfit(_LATENCY, "short") == "unit 'short' of what is measured in s"
    assert misfit(_LATENCY, "s") is None
