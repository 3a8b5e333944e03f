"""What a recording holds, as figures: made by the survey of a recording, shown by `loadgen trace`.

Only data and one accumulator, for the room that reads recordings and the room that prints know nothing of each other.
A figure that the recording does not give is None.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

# Values within half a percent of each other share a bucket, so that any number of them is a few thousand counts.
_STEP = math.log(1.005)


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures of many values. n, mean, min, max and cv are exact, quantiles (nearest rank) within 0.25 %.

    cv: standard deviation over mean; None for a mean of 0. zeros: how many values are 0. bars: how many of the others
    lie in each of up to 32 equal steps of the logarithm, from `least` (the least above 0, None for none) to max.
    """

    n: int
    mean: float
    min: float
    p50: float
    p90: float
    p99: float
    max: float
    cv: float | None
    zeros: int
    least: float | None
    bars: tuple[int, ...]


@dataclass(slots=True)
class Tally:
    """Takes values of 0 or more one by one; memory does not grow with their number. whole: they are whole numbers."""

    whole: bool = False
    n: int = 0
    low: float = math.inf
    high: float = 0.0
    _mean: float = 0.0
    _squares: float = 0.0
    _counts: Counter[int] = field(default_factory=Counter)
    _zeros: int = 0
    _least: float = math.inf

    def add(self, value: float) -> None:
        """Count one value."""
        self.n += 1
        self.low, self.high = min(self.low, value), max(self.high, value)
        # Welford's running variance: sums of squares lose all digits where the mean is large.
        delta = value - self._mean
        self._mean += delta / self.n
        self._squares += delta * (value - self._mean)
        if value > 0:
            self._least = min(self._least, value)
            self._counts[round(math.log(value) / _STEP)] += 1
        else:
            self._zeros += 1

    def spread(self, bars: int = 32) -> Spread | None:
        """The figures; None where nothing was counted."""
        if not self.n:
            return None
        cv = math.sqrt(self._squares / self.n) / self._mean if self._mean else None
        return Spread(
            self.n,
            self._mean,
            self.low,
            self._quantile(0.5),
            self._quantile(0.9),
            self._quantile(0.99),
            self.high,
            cv,
            self._zeros,
            self._least if self._counts else None,
            self._bars(bars),
        )

    def _quantile(self, share: float) -> float:
        left = math.ceil(share * self.n) - self._zeros
        if left <= 0:
            return 0.0
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                value = math.exp(bucket * _STEP)
                return min(max(round(value) if self.whole else value, self.low), self.high)
        return self.high

    def _bars(self, count: int) -> tuple[int, ...]:
        if not self._counts:
            return ()
        first, last = min(self._counts), max(self._counts)
        count = min(count, last - first + 1)
        bars = [0] * count
        for bucket, values in self._counts.items():
            bars[(bucket - first) * count // (last - first + 1)] += values
        return tuple(bars)


@dataclass(frozen=True, slots=True)
class Reuse:
    """How much of the prompts a prefix cache that forgets nothing would have had, over all of them.

    by: what is counted, tokens, or bytes of text where the recording has no tokens. total: of all prompts.
    block_tokens: the recording's own blocks, None for text; distinct_blocks: how many it has.
    """

    hit_rate: float
    by: str
    total: int
    block_tokens: int | None
    distinct_blocks: int | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many requests were sent in each `step_s` seconds from the first one on."""

    step_s: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TraceFigures:
    """A recording at a glance.

    sessions, requests: those that would be played; sub_agents: sessions beside others, not in `sessions`.
    skipped, first_mistakes: lines that can't be used. empty: records in which nothing is asked.
    duration_s: from the first request to the last. prompt_bytes: of recorded text. gaps_s: between the starts of
    successive sessions. waits_s: between an answer's end (where it is known) and the session's next request.
    quantum_s: what timestamps seem to be rounded to; None where they are not. notes: what a reader should know.
    """

    path: str
    format: str
    sessions: int
    requests: int
    sub_agents: int
    skipped: int
    first_mistakes: tuple[str, ...]
    empty: int
    duration_s: float | None
    turns: Spread | None
    input_tokens: Spread | None
    output_tokens: Spread | None
    prompt_bytes: Spread | None
    gaps_s: Spread | None
    waits_s: Spread | None
    quantum_s: float | None
    arrivals: Arrivals | None
    reuse: Reuse | None
    notes: tuple[str, ...]
