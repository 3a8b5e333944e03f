"""What turns and runs cost: exact, an interval, or unknown; and what holds a run to its budget."""

import gzip
from typing import Any

import msgspec
import pytest

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import CostBasis, Meter, Reserve, cost_of
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import Gauges
from loadgen.metrics.spending import Spending
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Cost
from loadgen.metrics.turn import TurnMeasurement
from loadgen.prices import FlatPrices, ModelPrices, Rates
from tests.unit.metrics.making import ORIGIN_NS, PLAN, RUN, snap, turn

RATES = Rates(cached_input=1.0, input=10.0, output=20.0, reasoning=20.0)
PRICES = FlatPrices(cached_input=1.0, input=10.0, output=20.0).of("m")
# A Monday, 00:59:00 UTC: a minute before the peak hours of some lists.
START_UNIX_S = 1_795_395_540.0


def summed(*turns: TurnMeasurement, prices: ModelPrices = PRICES, workers: int = 1, **basis: Any) -> Cost:
    """The cost block of a run of these turns, dealt over so many workers."""
    aggregate = Aggregate(PLAN)
    for worker in range(workers):
        recorder = Recorder(PLAN, f"w{worker}")
        recorder.begin(ORIGIN_NS, Meter(prices, START_UNIX_S))
        for measured in turns[worker::workers]:
            recorder.record(measured)
        assert aggregate.apply(snap(recorder))
    costs = CostBasis(**({"currency": "USD"} | basis))
    return summarize(aggregate, RUN, ended_s=100.0, costs=costs).cost


def test_cached_input_costs_less_and_is_part_of_the_input() -> None:
    assert cost_of(RATES, 1_000_000, 0, 0) == (10.0, 10.0)
    assert cost_of(RATES, 1_000_000, 0, 400_000) == (6.4, 6.4)
    assert cost_of(RATES, 0, 500_000, 0) == (10.0, 10.0)


def test_unknown_cached_tokens_make_an_interval_from_all_cached_to_none() -> None:
    cost = cost_of(RATES, 1_000_000, 100_000)
    assert cost == (3.0, 12.0)
    assert cost is not None
    assert cost.exact is None


def test_without_a_price_for_cached_input_unknown_cached_tokens_do_not_matter() -> None:
    assert cost_of(Rates(10.0, 10.0, 20.0, 20.0), 1_000_000, 100_000) == (12.0, 12.0)


def test_reasoning_priced_apart_is_part_of_the_output() -> None:
    dear = RATES._replace(reasoning=50.0)
    assert cost_of(dear, 0, 1_000_000, 0, 100_000) == (23.0, 23.0)
    assert cost_of(dear, 0, 1_000_000, 0) == (20.0, 50.0)


@pytest.mark.parametrize("tokens", [(None, 5), (5, None), (None, None)])
def test_unknown_tokens_are_an_unknown_cost(tokens: tuple[int | None, int | None]) -> None:
    assert cost_of(RATES, *tokens, cached_tokens=0) is None


def test_a_server_that_counts_more_cached_than_read_costs_no_less_than_all_cached() -> None:
    assert cost_of(RATES, 1_000_000, 0, 2_000_000) == (1.0, 1.0)


def test_a_turn_is_priced_by_the_minute_it_ended_in() -> None:
    peaks = [{"from": "01:00", "to": "04:00", "weekdays": ["mon"], "multiplier": 2}]
    prices = FlatPrices.model_validate({"input": 1.0, "output": 2.0, "peaks": peaks}).of("m")
    meter = Meter(prices, START_UNIX_S)
    found = [meter.rates_at(offset_s) for offset_s in (0.0, 59.9, 60.0, 3 * 3600 + 60.0, 59.0)]
    assert [None if rates is None else rates.input for rates in found] == [1.0, 1.0, 2.0, 1.0, 1.0]


def test_a_runs_cost_is_the_sum_whatever_the_number_of_workers() -> None:
    turns = [turn(20 + n, input_tokens=1000 * n, output_tokens=100, cached_tokens=10 * n) for n in range(1, 8)]
    alone, shared = summed(*turns), summed(*turns, workers=3)
    expected = sum((990 * n * 10 + 10 * n + 100 * 20) / 1e6 for n in range(1, 8))
    assert alone.total == pytest.approx(expected)
    assert alone.total_low == pytest.approx(expected)
    assert alone.total_high == pytest.approx(expected)
    assert shared.total == pytest.approx(expected)
    assert alone.per_1k_requests == pytest.approx(expected / 7 * 1000)
    assert alone.per_1m_output_tokens == pytest.approx(expected / 700 * 1e6)
    assert (alone.currency, alone.unknown_turns) == ("USD", 0)


def test_one_turn_with_unknown_cached_tokens_makes_the_total_an_interval() -> None:
    known = turn(20, input_tokens=1000, output_tokens=0, cached_tokens=0)
    cost = summed(known, turn(21, input_tokens=1000, output_tokens=0, cached_tokens=None))
    assert cost.total is None
    assert cost.total_low == pytest.approx(0.011)
    assert cost.total_high == pytest.approx(0.02)
    assert (cost.per_1k_requests, cost.per_1m_output_tokens) == (None, None)


def test_one_turn_without_usage_leaves_only_a_lower_bound() -> None:
    known = turn(20, input_tokens=1000, output_tokens=0, cached_tokens=0)
    cost = summed(known, turn(21, input_tokens=None, output_tokens=None, cached_tokens=None, reserved=0.5))
    assert (cost.total, cost.total_high, cost.unknown_turns) == (None, None, 1)
    assert cost.total_low == pytest.approx(0.01)


def test_a_turn_that_was_refused_costs_nothing() -> None:
    refused: dict[str, Any] = {
        "chunks_ms": (),
        "input_tokens": None,
        "output_tokens": None,
        "cached_tokens": None,
        "status": 429,
    }
    cost = summed(turn(20, cached_tokens=0), turn(21, outcome="http_429", **refused))
    assert cost.unknown_turns == 0
    assert cost.total == pytest.approx((10 * 10 + 3 * 20) / 1e6)


def test_before_the_price_lists_first_date_the_cost_is_unknown() -> None:
    never = ModelPrices("USD", "UTC", ())
    cost = summed(turn(20), prices=never)
    assert (cost.total, cost.total_low, cost.total_high, cost.unknown_turns) == (None, 0.0, None, 1)


def test_a_record_has_its_cost_where_it_is_exact() -> None:
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS, Meter(PRICES, START_UNIX_S))
    recorder.record(turn(20, input_tokens=1000, output_tokens=10, cached_tokens=0))
    recorder.record(turn(21, input_tokens=1000, output_tokens=10, cached_tokens=None))
    # More chunks than are taken in at once: its line is written with the snapshot.
    recorder.record(turn(22, chunks_ms=range(50, 4200), input_tokens=1000, output_tokens=10, cached_tokens=0))
    lines = [msgspec.json.decode(line) for line in _lines(snap(recorder).records)]
    by_end = sorted(lines, key=lambda line: float(line["intended_s"]))
    assert [line["cost"] for line in by_end] == [pytest.approx(0.0102), None, pytest.approx(0.0102)]


def test_a_scored_record_has_the_prices_it_was_reckoned_by_and_how_long_its_calls_were_written() -> None:
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS, Meter(PRICES, START_UNIX_S))
    written: dict[str, Any] = {"first_call_ns": ORIGIN_NS, "last_call_ns": ORIGIN_NS + 250_000_000}
    recorder.record(turn(20, marks={"right": True}, **written))
    recorder.record(turn(21, **written))
    recorder.record(turn(22, streamed=False, **written))
    scored, plain, whole = (msgspec.json.decode(line) for line in _lines(snap(recorder).records))
    rates = PRICES.at(START_UNIX_S + 20)
    assert rates is not None
    assert scored["rates"] == list(rates)
    assert (scored["tool_call_s"], plain["tool_call_s"]) == (0.25, 0.25)
    assert "rates" not in plain
    assert "tool_call_s" not in whole


def _lines(packed: bytes) -> list[bytes]:
    return gzip.decompress(packed).splitlines()


def test_hardware_costs_its_hours_over_what_came_out_of_it() -> None:
    # The measured window is 90 s: 0.6 USD at 24 an hour.
    cost = summed(*(turn(20 + n) for n in range(6)), currency=None, usd_per_hour=24.0)
    assert cost.total == cost.total_low == cost.total_high == pytest.approx(0.6)
    assert cost.per_1k_requests == pytest.approx(100.0)
    assert cost.per_1m_output_tokens == pytest.approx(0.6 / 18 * 1e6)
    assert cost.hardware is not None
    assert cost.hardware.per_1m_tokens == pytest.approx(0.6 / 78 * 1e6)
    assert cost.unknown_turns is None


def test_prices_and_hardware_stand_side_by_side() -> None:
    cost = summed(turn(20, cached_tokens=0), usd_per_hour=24.0)
    assert cost.total == pytest.approx((10 * 10 + 3 * 20) / 1e6)
    assert cost.hardware is not None
    assert cost.hardware.total == pytest.approx(0.6)


def test_a_workload_among_several_has_no_hardware_of_its_own() -> None:
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS)
    recorder.record(turn(20))
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(snap(recorder))
    summary = summarize(aggregate, RUN, ended_s=100.0, costs=CostBasis(usd_per_hour=24.0))
    assert summary.workloads["chat"].cost == Cost()
    assert summary.stages[1].cost.total == pytest.approx(0.4)


def test_without_prices_nothing_is_known_of_cost() -> None:
    assert summed(turn(20), currency=None) == Cost()


def test_a_reserve_is_the_most_a_turn_may_cost() -> None:
    reserve = Reserve(RATES, most_output=100)
    assert reserve.turn(1000, 400, 50) == pytest.approx((1000 * 10 + 50 * 20) / 1e6)
    # A plan that is only an estimate is not trusted below what the bytes can hold.
    assert reserve.turn(100, 4000, None) == pytest.approx((1000 * 10 + 100 * 20) / 1e6)
    assert reserve.turn(None, 4000, None) == pytest.approx((1000 * 10 + 100 * 20) / 1e6)


def _second(recorder: Recorder, at_s: float, tokens: int, reserved: float, aggregate: Aggregate) -> None:
    recorder.record(turn(at_s - 0.5, input_tokens=tokens, output_tokens=0, cached_tokens=0))
    assert aggregate.apply(snap(recorder, at_s, Gauges(reserved=reserved)))


def test_a_load_ends_before_its_budget_is_spent() -> None:
    aggregate, spending = Aggregate(PLAN), Spending(1.0, before=0.05)
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS, Meter(PRICES, START_UNIX_S))
    ended_at = None
    for second in range(1, 10):
        _second(recorder, second, 10_000, 0.05, aggregate)  # 0.1 USD a second, and always 0.05 in flight
        if spending.exhausted(aggregate, second):
            ended_at = second
            break
    # 0.05 + 0.1 s + 0.05 in flight, and 0.15 for what begins until the order arrives: first above 1.0 after 8 s.
    assert ended_at == 8
    assert spending.committed(aggregate, 8) < 1.0


def test_what_has_an_unknown_cost_is_taken_at_its_most() -> None:
    aggregate, spending = Aggregate(PLAN), Spending(1.0)
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS, Meter(PRICES, START_UNIX_S))
    recorder.record(turn(5, input_tokens=None, output_tokens=None, cached_tokens=None, reserved=0.4))
    assert aggregate.apply(snap(recorder, 6, Gauges(reserved=0.25)))
    assert spending.committed(aggregate, 6) == pytest.approx(0.65)
    aggregate.lose("w")  # what it had in flight was sent, and may be on the bill
    assert spending.committed(aggregate, 6) == pytest.approx(0.65)


def test_hardware_spends_by_the_hour() -> None:
    spending = Spending(1.0, usd_per_hour=3600.0)
    assert not spending.exhausted(Aggregate(PLAN), 0.5)
    assert spending.exhausted(Aggregate(PLAN), 1.01)


def test_asked_and_got_are_of_the_same_turns() -> None:
    turns = [
        turn(20, input_tokens_asked=100, input_tokens=110, output_tokens_asked=3),
        turn(21, input_tokens_asked=100, input_tokens=None, output_tokens_asked=3),
        turn(22, input_tokens=500),
        turn(23, outcome="cancelled", input_tokens_asked=100, input_tokens=100, output_tokens_asked=90),
    ]
    recorder = Recorder(PLAN, "w")
    recorder.begin(ORIGIN_NS)
    for measured in turns:
        recorder.record(measured)
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(snap(recorder))
    tokens = summarize(aggregate, RUN, ended_s=100.0).tokens
    assert tokens.input_asked == 100
    assert tokens.input_ratio == pytest.approx(1.1)
    assert (tokens.output_asked, tokens.output_ratio) == (6, 1.0)
    assert tokens.input is None
