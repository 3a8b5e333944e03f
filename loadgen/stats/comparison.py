"""Two sides held against each other: shifts with intervals, over runs where there are several, else over sessions.

The unit is the run, or the session within one run a side, never the turn: turns of a run share whatever the machine and
the network did that day. Shifts of times and rates are of logarithms (a ratio, whatever the size); those of shares are
differences. Every shift has two intervals: its own, and a wider one that holds for all figures of a family together.
docs/comparison.md has the rules that are built on these, `benchmarks/comparison.py` their error rates.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from loadgen.stats.binomial import t_of

Floats = npt.NDArray[np.float64]

# The critical value moves by under 1 % between seeds; the same data always give the same outcome.
_DRAWS = 20_000
_SEED = 1
# The normal quantile of four in five, by which a shift must lie beyond the critical value.
_POWER = 0.8416
_MOST_RUNS = 100


@dataclass(frozen=True, slots=True)
class Shift:
    """Candidate minus baseline: of logarithms, or of shares. None where nothing is known on that side.

    low, high: the interval of this figure alone. wide_low, wide_high: of all figures of the family together.
    """

    estimate: float
    low: float | None
    high: float | None
    wide_low: float | None
    wide_high: float | None


@dataclass(frozen=True, slots=True)
class Noise:
    """What the spread of m figures over runs tells: one entry a figure.

    sd: of one run; of the difference within a pair where runs are paired. df: degrees of freedom. critical: how many
    standard errors the interval of all figures together spans to either side.
    """

    sd: Floats
    df: int
    critical: float


def by_runs(baseline: Floats, candidate: Floats, confidence: float = 0.95) -> tuple[list[Shift], Noise]:
    """Shifts of m figures between two sides of runs, arrays [runs of the side, m]; at least 3 runs in all.

    Student's two-sample interval with the pooled variance, so that one candidate run can be held against many of the
    baseline's; it takes the spread from run to run for the same on both sides.
    """
    a, b = len(baseline), len(candidate)
    df = a + b - 2
    if df < 1:
        raise ValueError("one run a side has no spread from run to run")
    centred = np.vstack((baseline - baseline.mean(axis=0), candidate - candidate.mean(axis=0)))
    sd = np.sqrt((centred**2).sum(axis=0) / df)
    estimate = candidate.mean(axis=0) - baseline.mean(axis=0)
    both = np.vstack((baseline, candidate))
    critical = _critical(both - both.mean(axis=0), df, confidence, centre=True)
    noise = Noise(sd, df, critical)
    return _shifts(estimate, sd * math.sqrt(1 / a + 1 / b), noise, confidence), noise


def by_pairs(baseline: Floats, candidate: Floats, confidence: float = 0.95) -> tuple[list[Shift], Noise]:
    """The same for runs that belong together two by two (row i of one with row i of the other); at least 2 pairs."""
    if len(baseline) < 2 or len(baseline) != len(candidate):
        raise ValueError("pairs take as many runs on either side, at least 2")
    differences = candidate - baseline
    pairs = len(differences)
    sd = differences.std(axis=0, ddof=1)
    noise = Noise(sd, pairs - 1, _critical(differences, pairs - 1, confidence, centre=False))
    return _shifts(differences.mean(axis=0), sd / math.sqrt(pairs), noise, confidence), noise


def _shifts(estimate: Floats, error: Floats, noise: Noise, confidence: float) -> list[Shift]:
    alone = t_of(confidence, noise.df) * error
    together = noise.critical * error
    return [
        Shift(float(d), float(d - n), float(d + n), float(d - w), float(d + w))
        for d, n, w in zip(estimate, alone, together, strict=True)
    ]


def _critical(rows: Floats, df: int, confidence: float, *, centre: bool) -> float:
    """The quantile of max |t| over the figures where nothing has changed, by random rotations of the runs.

    Each figure's t is Student's whatever the rotation, and their dependence on each other is that of the data: the
    quantiles of one run move together, so that 20 of them ask for far less than Bonferroni's correction for 20. Exact
    for normal logarithms, at any number of runs (Langsrud, Statistics and Computing 15, 2005; max-t: Westfall and
    Young 1993).
    rows: [runs, m], their mean taken out if `centre`.
    """
    squares = (rows**2).sum(axis=0)
    moving = squares > 0
    if moving.sum() < 1:
        return t_of(confidence, df)
    rows, squares = rows[:, moving], squares[moving]
    turned = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(rows)))
    if centre:
        turned -= turned.mean(axis=1, keepdims=True)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    along = (turned @ rows) ** 2
    # Rounding may leave an angle's cosine above 1 by a hair where there is but one dimension to turn in.
    beside = np.maximum(squares - along, squares * 1e-12)
    largest = np.sqrt((along / beside).max(axis=1) * df)
    return max(float(np.quantile(largest, confidence)), t_of(confidence, df))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of one side with the distances to its bounds; None where there is no bound on that side."""

    value: float
    below: float | None
    above: float | None

    @classmethod
    def within(cls, value: float, low: float | None, high: float | None) -> "Estimate":
        """From an interval's bounds."""
        return cls(value, None if low is None else value - low, None if high is None else high - value)


def difference(baseline: Estimate, candidate: Estimate) -> tuple[float | None, float | None]:
    """Bounds of candidate minus baseline from the two sides' own intervals, which need not be symmetric.

    MOVER (Zou and Donner, Statistics in Medicine 27, 2008); for Wilson's intervals this is Newcombe's method 10.
    """
    d = candidate.value - baseline.value
    down, up = _root(candidate.below, baseline.above), _root(candidate.above, baseline.below)
    return None if down is None else d - down, None if up is None else d + up


def widened(low: float | None, high: float | None, estimate: float, by: float) -> tuple[float | None, float | None]:
    """The interval with an independent error of half-width `by` added, in quadrature."""
    down = _root(None if low is None else estimate - low, by)
    up = _root(None if high is None else high - estimate, by)
    return None if down is None else estimate - down, None if up is None else estimate + up


def _root(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else math.hypot(one, other)


def union(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    """The interval that spans both."""
    low = None if one[0] is None or other[0] is None else min(one[0], other[0])
    high = None if one[1] is None or other[1] is None else max(one[1], other[1])
    return low, high


def runs_needed(
    shift: Shift,
    runs: tuple[int, int],
    df: float,
    *,
    margin: float,
    tolerance: float,
    confidence: float,
    paired: bool = False,
) -> int | None:
    """How many runs a side it would take to tell, were the shift and the spread what they look like now.

    shift: positive for worse. runs: there are of the baseline and the candidate, that the shift's intervals came from
    with `df` degrees of freedom. To tell: a change of at least `margin` from none, or that nothing is worse by
    `tolerance`; in four of five cases. None where not known, or over 100.
    """
    low, high, wide_low, wide_high = shift.low, shift.high, shift.wide_low, shift.wide_high
    if low is None or high is None or wide_low is None or wide_high is None or high <= low:
        return None
    critical = t_of(confidence, df)
    parts = 1 / runs[0] if paired else 1 / runs[0] + 1 / runs[1]
    sd = (high - low) / 2 / critical / math.sqrt(parts)
    chance = 2 * float(stdtr(df, -critical * (wide_high - wide_low) / (high - low)))

    def enough(count: int) -> bool:
        error = sd * math.sqrt((1 if paired else 2) / count)
        degrees = (count - 1) * (1 if paired else 2)
        changed = (t_of(1 - chance, degrees) + _POWER) * error <= abs(shift.estimate)
        same = (t_of(confidence, degrees) + _POWER) * error <= tolerance - shift.estimate
        return same or (changed and abs(shift.estimate) >= margin)

    return next((count for count in range(2, _MOST_RUNS + 1) if enough(count)), None)
