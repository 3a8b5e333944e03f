"""What the variance of crossed observations is made of: tasks, phrasings, what is between the two, and the rest.

The model is y = mean + task + phrasing + task x phrasing + rest, all of them random (Searle, Casella and McCulloch
1992, chapter 5). Estimates are Henderson's third method: sums of squares by fitting constants, set equal to what they
are expected to be; with equal numbers in all cells that is the analysis of variance. Nothing is assumed about shapes,
so that it holds for right and wrong as 1 and 0. docs/reasoning.md has the formulas and how the intervals were tested.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from loadgen.stats.batches import degrees_of_squares
from loadgen.stats.binomial import t_of, z_of
from loadgen.stats.clusters import F64

I64 = npt.NDArray[np.int64]
# F with so many degrees of freedom below is chi squared.
_INFINITE = 1e9
# A mean square of fewer degrees tells nothing of its own size.
_FEWEST_DEGREES = 1.0
# Of the degrees that the scatter of their effects shows, what tasks and phrasings are granted: all of them left good
# models' skewed effects at 92 %, and so few phrasings scatter much by chance alone (benchmarks/variance.md).
_OF_TASKS, _OF_PHRASINGS = 0.8, 1.2


@dataclass(frozen=True, slots=True)
class Component:
    """A variance with its interval, None where the data can't tell this part from another (no repeats).

    unbounded: the unbiased estimate, which may be below 0; then `estimate` is 0. high is None as well where nothing
    varied: that so many answers were all alike does not say how far others could differ.
    """

    estimate: float | None
    low: float | None
    high: float | None
    unbounded: float | None = None

    @property
    def truncated(self) -> bool:
        """Whether the estimate came out below 0 and is shown as 0."""
        return self.unbounded is not None and self.unbounded < 0


@dataclass(frozen=True, slots=True)
class Components:
    """How the variance of one observation is made up. icc: the share of it that is between tasks; total: the sum.

    Without repeats, rest is interaction and rest together and interaction is unknown.
    """

    task: Component
    phrasing: Component
    interaction: Component
    rest: Component
    total: float
    icc: Component
    n: int
    tasks: int
    phrasings: int


@dataclass(frozen=True, slots=True)
class _Square:
    """A mean square: its value, its degrees of freedom, and by what the variances of task (or phrasing), interaction
    and rest come into what it is expected to be."""

    value: float
    degrees: float
    own: float
    interaction: float


_UNKNOWN = Component(None, None, None)


def components(values: F64, tasks: I64, phrasings: I64, confidence: float = 0.95) -> Components | None:
    """Split the variance of values F64[n] of tasks and phrasings I64[n] (any numbers); None with fewer than two
    of either, or where the cells do not hang together.

    Intervals are those of Ting et al. (1990) for differences of mean squares, whose degrees of freedom are reduced to
    what the scatter between tasks shows, for 0 and 1 are not normal. Cells may be empty or of unequal size.
    """
    table = _Table.of(values, tasks, phrasings)
    if table is None:
        return None
    tail = (1 - confidence) / 2
    squares = table.squares()
    noise = _noise(squares.interaction, squares.rest)
    task = _difference(squares.task, _against(squares.task, squares), tail)
    phrasing = _difference(squares.phrasing, _against(squares.phrasing, squares), tail)
    if squares.rest is None:
        interaction, rest = _UNKNOWN, _alone(noise, tail)
    else:
        interaction, rest = _difference(squares.interaction, squares.rest, tail), _alone(squares.rest, tail)
    total = math.fsum(part.estimate or 0.0 for part in (task, phrasing, interaction, rest))
    return Components(task, phrasing, interaction, rest, total, _share(task, total), len(values), *table.counts.shape)


@dataclass(frozen=True, slots=True)
class _Squares:
    task: _Square
    phrasing: _Square
    interaction: _Square
    rest: _Square | None


def _noise(interaction: _Square, rest: _Square | None) -> _Square:
    return interaction if rest is None else rest


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells of tasks x phrasings: counts F64[a, b], sums F64[a, b], squares within cells F64[a, b]."""

    counts: F64
    sums: F64
    within: F64

    @classmethod
    def of(cls, values: F64, tasks: I64, phrasings: I64) -> "_Table | None":
        rows, row = np.unique(tasks, return_inverse=True)
        columns, column = np.unique(phrasings, return_inverse=True)
        shape = (len(rows), len(columns))
        if min(shape) < 2:
            return None
        counts, sums, squares = (np.zeros(shape) for _ in range(3))
        np.add.at(counts, (row, column), 1.0)
        np.add.at(sums, (row, column), values)
        np.add.at(squares, (row, column), values * values)
        within = np.maximum(0.0, squares - np.divide(sums**2, counts, out=np.zeros(shape), where=counts > 0))
        table = cls(counts, sums, within)
        # Cells that hang together, and more of them than the constants that are fitted to them.
        spare = (counts > 0).sum() - sum(shape) + 1
        return table if spare >= 1 and np.linalg.matrix_rank(table._reduced(0)) == shape[1] - 1 else None

    def _reduced(self, axis: int) -> F64:
        """The normal equations of one side (columns for axis 0) once the other side's constants are eliminated."""
        counts = self.counts if axis == 0 else self.counts.T
        reduced: F64 = np.diag(counts.sum(axis=0)) - counts.T @ (counts / counts.sum(axis=1, keepdims=True))
        return reduced

    def squares(self) -> _Squares:
        """The four mean squares."""
        n = self.counts
        total, filled = float(n.sum()), int((n > 0).sum())
        rows, columns = n.shape
        fitted, leverage, explained = self._fit()
        means = np.divide(self.sums, n, out=np.zeros_like(n), where=n > 0)
        between = n * (means - fitted) ** 2
        spare = filled - rows - columns + 1
        crossed = float((n**2 * leverage).sum())
        interaction = _Square(
            float(between.sum()) / spare,
            _degrees_crossed(between, (n > 0).astype(np.float64), spare),
            (total - crossed) / spare,
            (total - crossed) / spare,
        )
        return _Squares(
            self._side(1, explained, crossed),
            self._side(0, explained, crossed),
            interaction,
            self._rest(total - filled),
        )

    def _fit(self) -> tuple[F64, F64, float]:
        """The additive fit of every cell, the leverage of each cell, and the sum of squares that the fit explains."""
        n, by_row = self.counts, self.counts.sum(axis=1, keepdims=True)
        shares = n / by_row
        inverse = np.linalg.pinv(self._reduced(0))
        column = inverse @ (self.sums.sum(axis=0) - shares.T @ self.sums.sum(axis=1))
        row = (self.sums.sum(axis=1, keepdims=True) - n @ column[:, None]) / by_row
        fitted: F64 = row + column[None, :]
        through = shares @ inverse
        own = np.einsum("ij,ij->i", through, shares)[:, None]
        leverage: F64 = 1 / by_row + own - 2 * through + np.diag(inverse)[None, :]
        return fitted, leverage, float((self.sums * fitted).sum())

    def _side(self, axis: int, explained: float, crossed: float) -> _Square:
        """The mean square of tasks (axis 1) or phrasings (axis 0), the other side's constants fitted before."""
        n, sums = (self.counts, self.sums) if axis == 1 else (self.counts.T, self.sums.T)
        others = n.sum(axis=0)
        degrees = n.shape[0] - 1
        alone = float((sums.sum(axis=0) ** 2 / others).sum())
        overlap = float(((n**2).sum(axis=0) / others).sum())
        value = max(0.0, explained - alone) / degrees
        effects = (sums - n * (sums.sum(axis=0) / others)).sum(axis=1) ** 2 / n.sum(axis=1)
        seen = degrees_of_squares(effects) * (_OF_TASKS if axis == 1 else _OF_PHRASINGS)
        return _Square(
            value, max(1.0, min(degrees, seen)), (float(n.sum()) - overlap) / degrees, (crossed - overlap) / degrees
        )

    def _rest(self, degrees: float) -> _Square | None:
        if degrees < _FEWEST_DEGREES:
            return None
        found = _degrees_crossed(self.within, np.maximum(self.counts - 1, 0), degrees)
        return _Square(float(self.within.sum()) / degrees, found, 1.0, 0.0)


def _degrees_crossed(sums: F64, sizes: F64, most: float) -> float:
    """Degrees of freedom of sum(sums) / sum(sizes) of cells F64[a, b], from how it scatters over tasks and phrasings.

    Both variances are added (Cameron, Gelbach and Miller 2011); twice the squared mean over a variance is its degrees
    of freedom (Satterthwaite 1946), fewer where that was seen from few (Korn and Graubard 1998).
    """
    total = float(sums.sum())
    by_task, by_phrasing = (_scatter(sums.sum(axis=axis), sizes.sum(axis=axis)) for axis in (1, 0))
    scatter = by_task + by_phrasing
    if total <= 0 or scatter <= 0:
        return most
    seen_from = scatter**2 / (by_task**2 / (sums.shape[0] - 1) + by_phrasing**2 / (sums.shape[1] - 1))
    degrees = 2 * total * total / scatter * (z_of(0.95) / t_of(0.95, seen_from)) ** 2
    return max(1.0, min(most, degrees))


def _scatter(sums: F64, sizes: F64) -> float:
    """The variance of sum(sums), a ratio to sum(sizes), seen from its parts (Cochran 1977, 6.4)."""
    spread = sums - float(sums.sum()) / float(sizes.sum()) * sizes
    return len(sums) / (len(sums) - 1) * float(np.dot(spread, spread))


def _against(square: _Square, squares: _Squares) -> _Square:
    """What a mean square is expected to be where its own part is 0, as one mean square (Satterthwaite 1946)."""
    crossed, rest = squares.interaction, squares.rest
    if rest is None or crossed.interaction <= 0:
        return crossed
    share = square.interaction / crossed.interaction
    parts = share * crossed.value, (1 - share) * rest.value
    value = math.fsum(parts)
    if abs(1 - share) < 1e-9 or value <= 0:
        return crossed
    scatter = parts[0] ** 2 / crossed.degrees + parts[1] ** 2 / rest.degrees
    return _Square(value, max(1.0, value * value / scatter), 0.0, 0.0)


def _difference(square: _Square, noise: _Square, tail: float) -> Component:
    """The variance in (square - noise) / own, with the bounds of Ting et al. (1990), not below 0."""
    if square.own <= 0:
        return _UNKNOWN
    found = (square.value - noise.value) / square.own
    if square.value <= 0 and noise.value <= 0:
        return Component(0.0, 0.0, None, 0.0)
    low, high = _bounds(square, noise, tail)
    return Component(max(0.0, found), max(0.0, found - low / square.own), max(0.0, found + high / square.own), found)


def _bounds(one: _Square, other: _Square, tail: float) -> tuple[float, float]:
    """How far below and above the difference of two mean squares reaches."""

    def f(upper: float, above: float, below: float) -> float:
        return float(fdtri(above, below, 1 - upper))

    n1, n2 = one.degrees, other.degrees
    g1, g2 = 1 - 1 / f(tail, n1, _INFINITE), 1 - 1 / f(tail, n2, _INFINITE)
    h1, h2 = 1 / f(1 - tail, n1, _INFINITE) - 1, 1 / f(1 - tail, n2, _INFINITE) - 1
    above, below = f(tail, n1, n2), f(1 - tail, n1, n2)
    g12 = ((above - 1) ** 2 - g1**2 * above**2 - h2**2) / above
    h12 = ((1 - below) ** 2 - h1**2 * below**2 - g2**2) / below
    x, y = one.value, other.value
    low = g1**2 * x * x + h2**2 * y * y + g12 * x * y
    high = h1**2 * x * x + g2**2 * y * y + h12 * x * y
    return math.sqrt(max(0.0, low)), math.sqrt(max(0.0, high))


def _alone(square: _Square, tail: float) -> Component:
    """A mean square as an estimate by itself."""
    if square.value <= 0:
        return Component(0.0, 0.0, None, 0.0)
    low = 1 / float(fdtri(square.degrees, _INFINITE, 1 - tail))
    high = 1 / float(fdtri(square.degrees, _INFINITE, tail))
    return Component(square.value, square.value * low, square.value * high, square.value)


def _share(part: Component, total: float) -> Component:
    """A component as a share of the total, bounds too; None where nothing varies."""
    if total <= 0 or part.estimate is None or part.low is None or part.high is None:
        return _UNKNOWN
    return Component(
        part.estimate / total, min(1.0, part.low / total), min(1.0, part.high / total), part.estimate / total
    )
