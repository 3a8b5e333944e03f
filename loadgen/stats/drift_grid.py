"""The regular bins that a series is looked at in, and what its seasons take out of it: the design of a drift's tests.

Called by drift.py and drift_tests.py. Bins are hours (wider ones for long or sparse series), since windows of minutes
add correlation and little else. A season's phase is (hour of the day, weekday or weekend): what every Monday to Friday,
or both days of a weekend, have in common is no drift. So a week's weekend tells of a change within it only, and a
change that comes with a weekend and goes with it is none.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from loadgen.stats.clusters import F64

I64 = npt.NDArray[np.int64]

# Correlations of neighbouring bins for which expectations are tabled.
RHOS: F64 = np.linspace(0.0, 0.9, 10)
# Bins a day that are tried, and how many there may be in all: matrices of their square are made.
_A_DAY = (24, 12, 8, 6, 4, 3, 2, 1)
_MOST_BINS = 400
_FEWEST_DAYS, _FEWEST_BINS, _FEWEST_FREE = 3, 20, 10
# Bins that a level is told from, on either side of a step, and how much of a step its seasons must leave.
_FEWEST_BESIDE, _LEAST_LEFT, _LEAST_SHARE = 3, 1.5, 1 / 42
# The first day of 1970 was a Thursday, a week begins on Monday.
_THURSDAY, _WEEKDAYS = 3 / 7, 5 / 7


class TooLittleError(Exception):
    """What there is decides nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Binned:
    """numbers: of the bins that hold values, ascending, bin 0 first; means: of each; phases: which season's phase.

    bin_s: how wide. origin_s: where bin 0 begins. a_day: bins a season.
    """

    numbers: I64
    means: F64
    phases: I64
    bin_s: float
    origin_s: float
    a_day: int


def binned(times_s: F64, values: F64, season_s: float, week_s: float) -> Binned:
    """Values, all known and in order of time, as means of bins. Raises TooLittleError."""
    if len(times_s) == 0 or times_s[-1] - times_s[0] < (_FEWEST_DAYS - 0.5) * season_s:
        raise TooLittleError(f"less than {_FEWEST_DAYS} days of values: a season can't be told from a drift")
    bin_s = season_s / _bins_a_day(times_s, season_s)
    first = int(times_s[0] // bin_s)
    all_numbers = (times_s // bin_s).astype(np.int64) - first
    numbers, at = np.unique(all_numbers, return_inverse=True)
    means = np.bincount(at, weights=values) / np.bincount(at)
    starts = (numbers + first) * bin_s
    a_day = round(season_s / bin_s)
    weekend = ((starts + 0.5 * bin_s) / week_s + _THURSDAY) % 1.0 >= _WEEKDAYS
    phases = (numbers + first) % a_day + a_day * weekend
    phases = np.unique(phases, return_inverse=True)[1].astype(np.int64)
    free = len(numbers) - int(phases.max()) - 1
    if len(numbers) < _FEWEST_BINS or free < _FEWEST_FREE:
        bins = f"{len(numbers)} stretches of {bin_s / 3600:g} h"
        raise TooLittleError(f"values in {bins} only, {max(0, free)} of them beyond what seasons take")
    return Binned(numbers, means, phases, bin_s, first * bin_s, a_day)


def _bins_a_day(times_s: F64, season_s: float) -> int:
    """The most that values mostly fill and that do not come to too many in all."""
    spacing = float(np.median(np.diff(times_s)))
    days = float(times_s[-1] - times_s[0]) / season_s
    fits = (count for count in _A_DAY if spacing <= 1.01 * season_s / count and days * count <= _MOST_BINS)
    return next(fits, 1)


class Design:
    """What follows from which bins there are, for any values in them. Matrices are F64[bins, bins] or smaller."""

    def __init__(self, numbers: I64, phases: I64, a_day: int) -> None:
        self.numbers, self.phases = numbers, phases
        self.size = len(numbers)
        member = np.zeros((self.size, int(phases.max()) + 1))
        member[np.arange(self.size), phases] = 1.0
        self.within: F64 = np.eye(self.size) - (member / member.sum(axis=0)) @ member.T
        self.neighbours: I64 = np.flatnonzero(np.diff(numbers) == 1)
        self.splits, self.steps, self.lengths = self._steps(a_day)
        line = self.within @ (numbers - numbers.mean())
        self.line_length = float(np.linalg.norm(line))
        self.line: F64 = line / max(self.line_length, 1e-300)

    def _steps(self, a_day: int) -> tuple[I64, F64, F64]:
        """Where a step may begin (the first bin after it), each as a unit vector without seasons, and how long it was.

        Raises TooLittleError where the seasons leave none.
        """
        beside = max(_FEWEST_BESIDE, a_day // 2)
        splits = np.arange(beside, self.size - beside + 1)
        after = np.arange(self.size)[:, None] >= splits[None, :]
        steps = self.within @ after.astype(np.float64)
        lengths = np.linalg.norm(steps, axis=0)
        seen = lengths**2 >= max(_LEAST_LEFT, _LEAST_SHARE * self.size)
        if not seen.any():
            raise TooLittleError("seasons leave nothing by which a drift could be told")
        return splits[seen], steps[:, seen] / lengths[seen], lengths[seen]

    @cached_property
    def pairs(self) -> tuple[I64, I64]:
        """(earlier, later) bins of the same phase: what the seasonal Kendall test compares."""
        found = []
        for phase in range(int(self.phases.max()) + 1):
            of_phase = np.flatnonzero(self.phases == phase)
            one, other = np.triu_indices(len(of_phase), 1)
            found.append((of_phase[one], of_phase[other]))
        return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])

    @cached_property
    def expected(self) -> tuple[F64, F64]:
        """For each of RHOS: what neighbouring residuals seem to correlate by, and the residuals' sum of squares over
        the variance of a bin. Seasons take more out of what is correlated, so that residuals look less so."""
        seem, squares = [], []
        for rho in RHOS:
            residual = self.within @ self.correlations(float(rho)) @ self.within
            squares.append(float(np.trace(residual)))
            beside = float(residual[self.neighbours, self.neighbours + 1].sum())
            seem.append(beside / max(1, len(self.neighbours)) * self.size / squares[-1])
        return np.maximum.accumulate(np.array(seem)), np.array(squares)

    def rho(self, residuals: F64) -> F64:
        """The correlation of neighbouring bins, F64[...], 0 to 0.9, from residuals F64[..., bins]."""
        squares = np.einsum("...i,...i->...", residuals, residuals)
        at = self.neighbours
        if len(at) == self.size - 1:  # Without gaps, no copies are needed.
            beside = np.einsum("...i,...i->...", residuals[..., :-1], residuals[..., 1:])
        else:
            beside = np.einsum("...i,...i->...", residuals[..., at], residuals[..., at + 1])
        seen = beside / max(1, len(at)) * self.size / np.maximum(squares, 1e-300)
        found: F64 = np.interp(seen, self.expected[0], RHOS)
        return found

    def variance(self, residuals: F64, rho: F64) -> F64:
        """The variance of a bin, F64[...], of residuals F64[..., bins] whose neighbours correlate by rho F64[...]."""
        squares = np.einsum("...i,...i->...", residuals, residuals)
        found: F64 = squares / np.interp(rho, RHOS, self.expected[1])
        return found

    def correlations(self, rho: float) -> F64:
        """Of all bins with each other."""
        found: F64 = np.power(rho, np.abs(self.numbers[:, None] - self.numbers[None, :]))
        return found


@lru_cache(maxsize=64)
def _design(numbers: bytes, phases: bytes, a_day: int) -> Design:
    return Design(np.frombuffer(numbers, np.int64), np.frombuffer(phases, np.int64), a_day)


def design_of(series: Binned) -> Design:
    """Its design; series with the same bins share one, and all that was worked out for it. Raises TooLittleError."""
    return _design(series.numbers.tobytes(), series.phases.tobytes(), series.a_day)
