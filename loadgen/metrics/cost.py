"""What turns cost: a turn's price from its tokens and the rates of its hour, and a run's cost from the counted sums.

The recorder calls `count_tokens` once a turn, on the event loop; the summary calls `cost_block`. An unknown count is
never taken for 0: where only the cached share (or the reasoning share) is unknown, the cost is an interval; where input
or output tokens are, it is unknown.
"""

from typing import NamedTuple

import msgspec

from loadgen.metrics.counters import Counters
from loadgen.metrics.summary import Cost, HardwareCost
from loadgen.metrics.turn import TurnMeasurement
from loadgen.prices import ModelPrices, Rates

_MILLION = 1e6
_HOUR_S = 3600.0
_MINUTE_S = 60
# Dense text, such as code or digits; what is planned may be an estimate that was never calibrated.
_FEWEST_BYTES_A_TOKEN = 4


class CostRange(NamedTuple):
    """A cost in the list's currency; low and high are the same where all is known."""

    low: float
    high: float

    @property
    def exact(self) -> float | None:
        """The cost itself, None where it is only known to lie between."""
        return self.low if self.low == self.high else None


def cost_of(
    rates: Rates,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_tokens: int | None = None,
    reasoning_tokens: int | None = None,
) -> CostRange | None:
    """What these tokens cost at these rates; None where input or output tokens are unknown.

    cached_tokens are part of the input, reasoning_tokens of the output. Where one of them is unknown and has a price of
    its own, the cost lies between none and all of them.
    """
    if input_tokens is None or output_tokens is None:
        return None
    came_in = _between(input_tokens, cached_tokens, rates.input, rates.cached_input)
    went_out = _between(output_tokens, reasoning_tokens, rates.output, rates.reasoning)
    return CostRange((came_in.low + went_out.low) / _MILLION, (came_in.high + went_out.high) / _MILLION)


def _between(whole: int, part: int | None, price: float, part_price: float) -> CostRange:
    if part is not None:
        known = min(part, whole)
        cost = (whole - known) * price + known * part_price
        return CostRange(cost, cost)
    return CostRange(whole * min(price, part_price), whole * max(price, part_price))


class Meter:
    """Prices turns by the instant they ended, when a server counts their tokens. One a worker and run."""

    __slots__ = ("_minute", "_origin_unix_s", "_prices", "_rates", "spent")

    def __init__(self, prices: ModelPrices, origin_unix_s: float) -> None:
        """origin_unix_s: the run's start by the wall clock, from which offsets count."""
        self._prices = prices
        self._origin_unix_s = origin_unix_s
        self._minute: int | None = None
        self._rates: Rates | None = None
        # The most that this worker's turns have cost so far.
        self.spent = 0.0

    def rates_at(self, offset_s: float) -> Rates | None:
        """The rates so many seconds after the start; None where the list has no price for that time."""
        # Windows begin and end at whole minutes in every zone, so a minute has one price: no look-up a turn.
        minute = int((self._origin_unix_s + offset_s) // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._rates = minute, self._prices.at(minute * _MINUTE_S)
        return self._rates


class Reserve:
    """What a turn in flight may cost at most: at the run's dearest rates, nothing cached, as long as it may get."""

    __slots__ = ("_dearest", "_most_output")

    def __init__(self, dearest: Rates, most_output: int | None) -> None:
        """most_output: the limit of turns without one of their own; None where they have none."""
        self._dearest = dearest
        self._most_output = most_output

    def turn(self, input_tokens: int | None, body_bytes: int, output_tokens: int | None) -> float:
        """Of a turn by its planned tokens and its body's size. An answer without a limit can't be reserved for."""
        came_in = max(input_tokens or 0, body_bytes // _FEWEST_BYTES_A_TOKEN)
        went_out = output_tokens or self._most_output or 0
        cost = cost_of(self._dearest, came_in, went_out)
        assert cost is not None
        return cost.high


class Purse:
    """A worker's share of the budget. Between two reports nobody else can hold it to that: a fast target and dear
    tokens spend a small budget within a second."""

    __slots__ = ("_allowance", "_meter", "empty")

    def __init__(self, meter: Meter, allowance: float) -> None:
        self._meter = meter
        self._allowance = allowance
        self.empty = False

    def affords(self, in_flight: float) -> bool:
        """Whether a turn may be sent that, with all others in flight, may cost so much. Once it may not, none may."""
        self.empty = self.empty or self._meter.spent + in_flight > self._allowance
        return not self.empty


def bears_tokens(m: TurnMeasurement) -> bool:
    """Whether a token sum without this turn would be too small: it is ok, gave output, or reported usage."""
    return (
        m.outcome == "ok" or m.first_output_ns is not None or m.input_tokens is not None or m.output_tokens is not None
    )


def count_tokens(counters: Counters, m: TurnMeasurement, meter: Meter | None, ended_s: float) -> float | None:
    """Add a token-bearing turn's tokens and cost to the counters; its cost where that is exactly known.

    ended_s: its end, in seconds from the run's start.
    """
    for kind, tokens in enumerate((m.input_tokens, m.output_tokens, m.cached_tokens, m.reasoning_tokens)):
        if tokens is None:
            counters.unknown_tokens[kind] += 1
        else:
            counters.tokens[kind] += tokens
    if m.outcome == "ok":
        if m.input_tokens_asked is not None and m.input_tokens is not None:
            counters.input_asked += m.input_tokens_asked
            counters.input_got += m.input_tokens
        if m.output_tokens_asked is not None and m.output_tokens is not None:
            counters.output_asked += m.output_tokens_asked
            counters.output_got += m.output_tokens
    if meter is None:
        return None
    rates = meter.rates_at(ended_s)
    cost = None
    if rates is not None:
        cost = cost_of(rates, m.input_tokens, m.output_tokens, m.cached_tokens, m.reasoning_tokens)
    if cost is None:
        counters.cost_unknown += 1
        counters.cost_unknown_reserved += m.reserved
        meter.spent += m.reserved
        return None
    counters.cost_low += cost.low
    counters.cost_high += cost.high
    meter.spent += cost.high
    return cost.exact


class CostBasis(msgspec.Struct, frozen=True):
    """What a run's cost is reckoned from: a price list's currency, an hour of one's own hardware, both or neither."""

    currency: str | None = None
    usd_per_hour: float | None = None


def cost_block(counters: Counters, basis: CostBasis, window_s: float, *, alone: bool) -> Cost:
    """The cost of what the counters hold; window_s is the length of the measured window.

    alone: whether the hardware served nothing else meanwhile; a workload among several has no share of its own.
    """
    hardware = None
    if basis.usd_per_hour is not None and alone and window_s > 0:
        hardware = _hardware_cost(counters, basis.usd_per_hour * window_s / _HOUR_S)
    if basis.currency is not None:
        return _priced(counters, basis.currency, hardware)
    if hardware is None:
        return Cost()
    return Cost(
        currency="USD",
        total=hardware.total,
        total_low=hardware.total,
        total_high=hardware.total,
        per_1k_requests=hardware.per_1k_requests,
        per_1m_output_tokens=hardware.per_1m_output_tokens,
        hardware=hardware,
    )


def _priced(counters: Counters, currency: str, hardware: HardwareCost | None) -> Cost:
    unknown = counters.cost_unknown
    low, high = counters.cost_low, counters.cost_high
    # Sums of the same numbers in another order: equal but for the last digits.
    total = low if not unknown and high - low <= 1e-9 * high else None
    output = None if counters.unknown_tokens[1] else counters.tokens[1]
    return Cost(
        currency=currency,
        total=total,
        total_low=low,
        total_high=None if unknown else high,
        per_1k_requests=_per(total, counters.ok, 1e3),
        per_1m_output_tokens=_per(total, output, _MILLION),
        unknown_turns=unknown,
        hardware=hardware,
    )


def _hardware_cost(counters: Counters, total: float) -> HardwareCost:
    output = None if counters.window_output_unknown else counters.window_output
    both = None if output is None or counters.window_input_unknown else output + counters.window_input
    return HardwareCost(
        total=total,
        per_1k_requests=_per(total, counters.window_ok, 1e3),
        per_1m_output_tokens=_per(total, output, _MILLION),
        per_1m_tokens=_per(total, both, _MILLION),
    )


def _per(total: float | None, count: float | None, unit: float) -> float | None:
    return total / count * unit if total is not None and count else None
