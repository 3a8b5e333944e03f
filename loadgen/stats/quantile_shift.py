"""How far a quantile has moved between two runs, from the sessions within them: where there is one run a side.

A ratio of quantiles, whose interval comes from the shares below them: no density has to be estimated, and no shape is
assumed. What one run was favoured by as a whole (the machine's day) is in none of this; docs/comparison.md says what is
added for it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadgen.stats.batches import FEWEST_BATCHES, batch_means
from loadgen.stats.binomial import t_of, z_of
from loadgen.stats.clusters import effective_n_of_turns, equal_sized_sessions

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

# From fewer sessions that reach beyond a quantile, nobody can tell how their number varies.
_LEAST_SESSIONS_BEYOND = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """A side's values as a step function: `values` ascending, `upto` the share of all that is at or below each."""

    values: Floats
    upto: Floats

    @classmethod
    def of(cls, values: Floats, counts: npt.NDArray[np.int64] | None = None) -> "Spread":
        """From values in any order, at least one, each counted once or as often as `counts` says."""
        order = np.argsort(values, kind="stable")
        total = np.cumsum(np.ones(len(values)) if counts is None else counts[order])
        return cls(values[order], total / total[-1])

    def quantile(self, q: float) -> float:
        """By nearest rank."""
        # Shares are rounded quotients: 0.99 may lack its last bit.
        return float(self.values[min(int(np.searchsorted(self.upto, q - 1e-12)), len(self.values) - 1)])


@dataclass(frozen=True, slots=True)
class Below:
    """One side's turns, a row each: `hits` of its `sizes` values lie at or below a limit near the quantile.

    sessions: a small number for the session of each. times_s: when it was due.
    """

    hits: Floats
    sizes: Floats
    sessions: Codes
    times_s: Floats

    @property
    def share(self) -> float:
        """The part of all values at or below the limit."""
        return float(self.hits.sum() / self.sizes.sum())

    def surplus(self, sessions: int) -> Floats:
        """By session, how many more lie below than there should: sums to 0."""
        weights = self.hits - self.share * self.sizes
        return np.bincount(self.sessions, weights=weights, minlength=sessions).astype(np.float64)

    def straddles(self) -> bool:
        """Whether enough sessions have values on either side of the limit."""
        above, below = self.hits < self.sizes, self.hits > 0
        beyond = min(len(np.unique(self.sessions[above])), len(np.unique(self.sessions[below])))
        return beyond >= _LEAST_SESSIONS_BEYOND


def reach_unpaired(baseline: Below, candidate: Below, q: float, confidence: float) -> float | None:
    """By how much the shares of two sides below their own q-quantiles may differ by chance, at this confidence.

    The turns count for as many independent ones as their sessions and their times leave of them. None where too few
    sessions reach beyond the quantile.
    """
    effective = [_effective(side, confidence) for side in (baseline, candidate)]
    if None in effective:
        return None
    return z_of(confidence) * math.sqrt(q * (1 - q) * sum(1 / n for n in effective if n is not None))


def _effective(side: Below, confidence: float) -> float | None:
    if side.straddles():
        return effective_n_of_turns(side.hits, side.sizes, side.sessions, side.times_s, confidence)
    # Gaps are known in bins: all of them in one bin say nothing of how alike a session's are. Then it counts as one.
    counts = np.bincount(side.sessions, weights=side.sizes)
    return equal_sized_sessions(counts) if side.sizes.max() > 1 else None


def reach_paired(baseline: Below, candidate: Below, q: float, confidence: float) -> float | None:
    """The same where both sides played the same sessions, or most of them: the same number is the same session.

    What its content did to a session cancels; one that is on one side only counts as it is. Differences of sessions
    that follow each other are correlated where a queue links them; the larger of the errors over sessions and over
    stretches of them counts. None where too few sessions reach beyond the quantile, or are there at all.
    """
    if not baseline.straddles() or not candidate.straddles():
        return None
    count = int(max(baseline.sessions.max(), candidate.sessions.max())) + 1
    first_due = np.full(count, np.inf)
    moved = np.zeros(count)
    for side, sign in ((candidate, 1.0), (baseline, -1.0)):
        np.minimum.at(first_due, side.sessions, side.times_s)
        # The limit may lie beside the quantile: what varies there is scaled to what would at the quantile.
        scale = math.sqrt(q * (1 - q) / (side.share * (1 - side.share)))
        moved += sign * scale * side.surplus(count) / side.sizes.sum()
    moved = moved[np.isfinite(first_due)][np.argsort(first_due[np.isfinite(first_due)], kind="stable")]
    if len(moved) < FEWEST_BATCHES:
        return None
    over_sessions = t_of(confidence, len(moved) - 1) * float(np.std(moved, ddof=1)) * math.sqrt(len(moved))
    found = batch_means(moved)
    return max(over_sessions, t_of(confidence, found.degrees) * found.error * len(moved))


def log_ratio(baseline: Spread, candidate: Spread, q: float) -> float | None:
    """log(Qc / Qb) of the q-quantiles; None where one of them is 0."""
    return _log(candidate.quantile(q), baseline.quantile(q))


def bounds(baseline: Spread, candidate: Spread, q: float, reach: float) -> tuple[float | None, float | None]:
    """Bounds of log(Qc / Qb): the ratios at which the shares differ by no more than `reach`.

    The baseline scaled by a ratio r, both sides have a common q-quantile x; r is believed while the shares below x
    differ by at most `reach` (Woodruff, JASA 47, 1952, for two samples). None where even all of one side above, or
    below, would not differ by more.
    """
    if reach >= 2 * min(q, 1 - q) - 1e-9:  # 1 - 0.99 is not 0.01 to the last bit
        return None, None
    low = _log(candidate.quantile(q - reach / 2), baseline.quantile(q + reach / 2))
    high = _log(candidate.quantile(q + reach / 2), baseline.quantile(q - reach / 2))
    return low, high


def _log(candidate: float, baseline: float) -> float | None:
    return math.log(candidate / baseline) if candidate > 0 and baseline > 0 else None
