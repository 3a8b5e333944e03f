"""From the requests of a probe to its measures. What is not known is null, never 0, and a share of unknowns is unknown.

Quantiles follow the rules of summaries: nearest rank, and null where there are too few values to have one.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from loadgen.history.model import Measure
from loadgen.metrics.cost import CostRange
from loadgen.soak.sending import Asked
from loadgen.stats.binomial import t_of
from loadgen.stats.proportions import wilson
from loadgen.stats.quantiles import rank_of

_CONFIDENCE = 0.95
_MILLION = 1e6


def unknown(unit: str) -> Measure:
    """Nothing is known of it."""
    return Measure(None, None, None, 0, unit)


def exactly(value: float | None, n: int, unit: str) -> Measure:
    """One figure without bounds."""
    return Measure(value, None, None, n, unit)


def mean_of(values: Sequence[float], unit: str) -> Measure:
    """The mean with Student's interval; null for none, without bounds below two."""
    n = len(values)
    if n < 2:
        return exactly(values[0] if values else None, n, unit)
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    half = t_of(_CONFIDENCE, n - 1) * spread / math.sqrt(n)
    return Measure(mean, mean - half, mean + half, n, unit)


def spread_of(values: Sequence[float], unit: str) -> Measure:
    """The standard deviation; null below two values."""
    return exactly(float(np.std(values, ddof=1)) if len(values) > 1 else None, len(values), unit)


def quantile_of(values: Sequence[float], q: float, unit: str) -> Measure:
    """The q-quantile by nearest rank; null where n < 1 / (1 - q)."""
    n = len(values)
    if n < round(1 / (1 - q), 6):
        return exactly(None, n, unit)
    return exactly(sorted(values)[rank_of(n, q) - 1], n, unit)


def share_of(hits: int, n: int) -> Measure:
    """A proportion with Wilson's interval; null of nothing."""
    interval = wilson(hits, n, _CONFIDENCE)
    return Measure(interval.estimate, interval.low, interval.high, n, "ratio")


def known(values: Iterable[float | None]) -> list[float]:
    """All of them; none at all where one is unknown, for what is left would be of other requests."""
    found = list(values)
    return [] if any(value is None for value in found) else [value for value in found if value is not None]


def cost_per(costs: Sequence[CostRange | None], count: float, currency: str, n: int) -> Measure:
    """The sum of costs for each of `count`; an interval where a share of tokens is unknown, null where all are."""
    if not costs or count <= 0 or any(cost is None for cost in costs):
        return unknown(currency)
    low = math.fsum(cost.low for cost in costs if cost is not None) / count
    high = math.fsum(cost.high for cost in costs if cost is not None) / count
    # Sums of the same numbers in another order: equal but for the last digits.
    return Measure(low if high - low <= 1e-9 * high else None, low, high, n, currency)


def cost_per_million_output(asked: Sequence[Asked], currency: str) -> Measure:
    """What a million output tokens cost, prompts included."""
    tokens = known(one.output_tokens for one in asked)
    return cost_per([one.cost for one in asked], sum(tokens) / _MILLION, currency, len(asked))


def hit_ratio(one: Asked) -> Measure:
    """The share of a prompt's tokens that were found in the cache."""
    if one.cached_tokens is None or not one.input_tokens:
        return unknown("ratio")
    return exactly(min(1.0, one.cached_tokens / one.input_tokens), 1, "ratio")


def lifetime_of(warm: float | None, checks: Sequence[tuple[float, float | None]]) -> Measure:
    """How long an unused prefix stays, as an interval: from the longest delay before the first miss that still hit, to
    the first that did not.

    warm: the hit ratio at once. checks: of each re-check its delay in seconds and its hit ratio, None where unknown. A
    hit is at least half of what hits at once: a prompt's own template may always hit. Without any bound, all null.
    """
    if warm is None:
        return unknown("s")
    seen = sorted((delay_s, ratio) for delay_s, ratio in checks if ratio is not None)
    low, high = (0.0, None) if warm > 0 else (None, 0.0)
    for delay_s, ratio in seen if warm > 0 else ():
        if ratio < warm / 2:
            high = delay_s
            break
        low = delay_s
    if not seen:
        return unknown("s")
    return Measure(None, low, high, len(seen), "s")
