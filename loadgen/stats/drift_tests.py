"""The two tests of a series for drift, and what chance alone makes of them.

Called by drift.py. A step is looked for at every bin (the largest of all t: Quandt 1960, Andrews 1993), a trend by the
seasonal Kendall test (Hirsch, Slack and Smith 1982): over all phases of the seasons, how many pairs of days rise and
how many fall. Both are divided by an error that knows of serial correlation, estimated with the best step or the best
line taken out, lest a drift should pass for correlation. Hirsch and Slack's (1984) covariances from the ranks of whole
seasons need ten of them: in a week they can't rise above z = 3. Here they follow from the correlation of neighbouring
bins, as in Hamed and Rao (1998). What a statistic's value is worth is found by playing it on series of nothing but
chance with the same bins, seasons and correlation, and, before anything is claimed, on the series' own scatter in
another order, for what is rare comes in clusters that no normal series has.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.special import ndtri
from scipy.stats import rankdata

from loadgen.stats.clusters import F64
from loadgen.stats.drift_grid import RHOS, Design

_SEED = 7
# Draws are made in these steps until so many were as large as what was seen (Besag and Clifford 1991).
_DRAWS = (500, 3_000, 12_000)
_ENOUGH = 20
_REDRAWN = 12_000
_CHUNK = 1_000
_PAIRS = 64
_NOISELESS = 1e-9
# A share of equal values from which on a series is no normal one.
_LUMPY = 0.1


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of many series at once, F64[series]. step: the largest t of a step, where: its number among the design's splits.

    trend: z of the seasonal Kendall test. *_left: the sum of squares, on the scale of scores, that step or line leave.
    *_rho: the correlation of neighbours with that taken out.
    """

    step: F64
    where: npt.NDArray[np.int64]
    trend: F64
    step_left: F64
    line_left: F64
    step_rho: F64
    line_rho: F64


@dataclass(frozen=True, slots=True)
class Tested:
    """One series. p_step, p_trend: chances of as much by chance; the rest as in Statistics."""

    p_step: float
    p_trend: float
    where: int
    steps_better: bool
    step_rho: float
    line_rho: float


def tested(design: Design, values: F64) -> Tested:
    """Both tests of a series, F64[bins], against normal series of chance alone."""
    residuals = design.within @ values
    if float(residuals @ residuals) <= _NOISELESS**2 * float(values @ values):
        return Tested(1.0, 1.0, 0, True, 0.0, 0.0)
    seen = _statistics(design, scores_of(design, residuals[None, :], lumpy=is_lumpy(values)), values[None, :])
    return Tested(
        _chance(design, float(seen.step_rho[0]), float(seen.step[0]), "step"),
        _chance(design, float(seen.line_rho[0]), abs(float(seen.trend[0])), "trend"),
        int(seen.where[0]),
        bool(seen.step_left[0] <= seen.line_left[0]),
        float(seen.step_rho[0]),
        float(seen.line_rho[0]),
    )


def confirmed(design: Design, values: F64, first: Tested) -> Tested:
    """The same against the series' own scatter in another order as well: a permutation test of its innovations.

    Only of lumpy ones: the scores of all others are those of a normal series, in another order.
    """
    if not is_lumpy(values):
        return first
    scores = values[None, :] @ design.within
    seen = _statistics(design, scores, values[None, :])
    rho, at = first.step_rho, design.neighbours
    # Seasons' medians are taken out (a price's hours), not their means, which leave dents of what is rare elsewhere.
    phases = design.phases
    usual = np.array([np.median(values[phases == phase]) for phase in range(int(phases.max()) + 1)])
    beyond = values - usual[phases]
    pool = beyond[at + 1] - rho * beyond[at]
    rng, made, above = np.random.default_rng(_SEED), 0, np.zeros(2)
    while made < _REDRAWN and above.min() < _ENOUGH:
        series = drawn(design, rho, _CHUNK, rng, pool - pool.mean())
        found = _statistics(design, series @ design.within, series)
        above += [(found.step >= seen.step[0]).sum(), (np.abs(found.trend) >= abs(float(seen.trend[0]))).sum()]
        made += _CHUNK
    p_step, p_trend = (above + 1) / (made + 1)
    return replace(first, p_step=max(first.p_step, float(p_step)), p_trend=max(first.p_trend, float(p_trend)))


def drawn(design: Design, rho: float, count: int, rng: np.random.Generator, pool: F64 | None = None) -> F64:
    """Series of nothing but chance, F64[count, bins], variance 1, neighbours correlated by rho.

    pool: innovations, put into another order each time: with as many rare ones as there were. By default normal ones.
    """
    width = int(design.numbers[-1]) + 1
    if pool is None:
        noise = rng.standard_normal((count, width))
    else:
        noise = rng.permuted(np.tile(np.resize(pool, width), (count, 1)), axis=1)
    noise[:, 1:] *= np.sqrt(1 - rho * rho)
    series: F64 = lfilter([1.0], [1.0, -rho], noise, axis=1)
    return np.ascontiguousarray(series[:, design.numbers])


def is_lumpy(values: F64) -> bool:
    """Whether many values are the same: shares of a few hits, rates that are mostly 0."""
    return bool(np.unique(values, return_counts=True)[1].max() >= _LUMPY * len(values))


def scores_of(design: Design, residuals: F64, *, lumpy: bool) -> F64:
    """Normal scores of ranks (van der Waerden), F64[series, bins]: one wild bin weighs no more than the largest of
    normal ones. Lumpy ones stay as they are: ranks would make much of the small dents that a rare value leaves in its
    season's other days."""
    if lumpy:
        return residuals
    ranks = rankdata(residuals, axis=1)
    found: F64 = ndtri(ranks / (ranks.shape[1] + 1)) @ design.within
    return found


def _statistics(design: Design, scores: F64, values: F64) -> Statistics:
    """scores: without seasons; values: of the same order within each phase, for the comparison of pairs."""
    along = scores @ design.steps
    rows, where = np.arange(len(scores)), np.argmax(np.abs(along), axis=1)
    best = along[rows, where]
    left = scores - best[:, None] * design.steps[:, where].T
    step_rho = design.rho(left)
    # A series without any scatter has an infinite t: it has changed, if at all, for certain.
    floor = _NOISELESS * np.einsum("ij,ij->i", scores, scores)
    error = np.sqrt(np.maximum(design.variance(left, step_rho), floor) * _longer(step_rho))
    beyond = scores - (scores @ design.line)[:, None] * design.line[None, :]
    line_rho = design.rho(beyond)
    trend = kendall(design, values) / np.interp(line_rho, RHOS, kendall_deviations(design))
    squares, over = (np.einsum("ij,ij->i", each, each) for each in (left, beyond))
    return Statistics(np.abs(best) / error, where, trend, squares, over, step_rho, line_rho)


def _longer(rho: F64) -> F64:
    """How many times as much a mean varies as one of independent bins would."""
    return (1 + rho) / (1 - rho)


def kendall(design: Design, values: F64) -> F64:
    """The seasonal Kendall statistic, F64[series]: pairs of one phase that rise, less those that fall."""
    earlier, later = design.pairs
    # Bins first: pairs are then compared row by row.
    by_bin = np.ascontiguousarray(values.T)
    found = np.zeros(len(values))
    for start in range(0, len(earlier), _PAIRS):
        one, other = by_bin[earlier[start : start + _PAIRS]], by_bin[later[start : start + _PAIRS]]
        found += (other > one).sum(axis=0, dtype=np.int32) - (other < one).sum(axis=0, dtype=np.int32)
    return found


@lru_cache(maxsize=64)
def kendall_deviations(design: Design) -> F64:
    """The standard deviation of the seasonal Kendall statistic of chance alone, for each of RHOS."""
    rng = np.random.default_rng(_SEED)
    return np.array([float(kendall(design, drawn(design, rho, _DRAWS[0] * 2, rng)).std()) for rho in RHOS])


@lru_cache(maxsize=512)
def _played(design: Design, rho: float, stage: int) -> tuple[F64, F64]:
    """Both statistics of _DRAWS[stage] series of chance alone, ascending."""
    rng, step, trend = np.random.default_rng((_SEED, stage)), [], []
    for start in range(0, _DRAWS[stage], _CHUNK):
        series = drawn(design, rho, min(_CHUNK, _DRAWS[stage] - start), rng)
        found = _statistics(design, series @ design.within, series)
        step.append(found.step)
        trend.append(np.abs(found.trend))
    return np.sort(np.concatenate(step)), np.sort(np.concatenate(trend))


def _chance(design: Design, rho: float, value: float, test: str) -> float:
    """How often chance alone gives as much; at the next greater correlation tabled, for rho is an estimate."""
    above = float(RHOS[min(len(RHOS) - 1, int(np.searchsorted(RHOS, rho - 1e-9)))])
    found = 1.0
    for stage in range(len(_DRAWS)):
        sample = _played(design, above, stage)[0 if test == "step" else 1]
        count = len(sample) - int(np.searchsorted(sample, value))
        found = (count + 1) / (len(sample) + 1)
        if count >= _ENOUGH:
            break
    return found
