"""What happened when: turns, tokens and gaps in equal bins of time, so that a figure is as small for a million turns.

Pure functions of arrays. An unknown is NaN, and NaN is never counted as 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loadgen.metrics.gap_bins import EDGES_NS
from loadgen.metrics.turn_table import Codes, Floats, Mask, TurnTable

Counts = npt.NDArray[np.int64]
Grid = npt.NDArray[np.float64]

_MOST_BINS = 120
_LEAST_BINS = 12
# A p99 takes 100 turns: bins are made wide enough for that, as long as enough bins are left to see a course.
_WANTED_PER_BIN = 100
_WIDTHS_S: Final = (
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0),
    *(7200.0, 14400.0, 28800.0, 86400.0),
)
_AT_ONCE = 20_000
GAP_EDGES_S: Final = tuple(edge / 1e9 for edge in EDGES_NS)


@dataclass(frozen=True, slots=True)
class Bins:
    """`count` bins of `width_s` from the run's start."""

    width_s: float
    count: int

    @property
    def middles_s(self) -> Floats:
        """The middle of each bin."""
        return np.asarray((np.arange(self.count) + 0.5) * self.width_s, dtype=np.float64)

    @property
    def starts_s(self) -> Floats:
        """The start of each bin."""
        return np.asarray(np.arange(self.count) * self.width_s, dtype=np.float64)

    def of(self, times_s: Floats) -> npt.NDArray[np.int64]:
        """The bin of each time; what lies outside counts to the first or the last."""
        return np.clip((times_s // self.width_s).astype(np.int64), 0, self.count - 1)


def bins_for(total_s: float, turns: int) -> Bins:
    """Bins for a run of this length and so many turns: at least 12 where that is not below 0.1 s, at most 120."""
    total_s = max(total_s, _WIDTHS_S[0])
    fitting = [width for width in _WIDTHS_S if total_s / width <= _MOST_BINS] or [total_s / _MOST_BINS]
    seen = [width for width in fitting if total_s / width >= _LEAST_BINS] or fitting[:1]
    full = [width for width in seen if turns * width / total_s >= _WANTED_PER_BIN]
    width = full[0] if full else seen[-1]
    return Bins(width, max(1, int(np.ceil(total_s / width - 1e-9))))


@dataclass(frozen=True, slots=True)
class Bands:
    """Quantiles of the values in each bin; NaN where there are too few for them (n < 1 / (1 - q))."""

    n: Counts
    p50: Floats
    p90: Floats
    p99: Floats
    highest: Floats


def bands(bins: Bins, times_s: Floats, values: Floats) -> Bands:
    """Nearest-rank quantiles of each bin's values; values that are NaN are left out."""
    known = ~np.isnan(values)
    at, values = bins.of(times_s[known]), values[known]
    order = np.lexsort((values, at))
    ordered = values[order]
    n = np.bincount(at, minlength=bins.count)
    first = np.cumsum(n) - n

    def ranked(q: float) -> Floats:
        enough = (n > 0) & (n >= 1 / (1 - q) - 1e-9 if q < 1 else n > 0)
        rank = np.maximum(np.ceil(np.round(q * n, 6)).astype(np.int64), 1)
        found = np.full(bins.count, np.nan)
        found[enough] = ordered[(first + rank - 1)[enough]]
        return found

    return Bands(n, ranked(0.5), ranked(0.9), ranked(0.99), ranked(1.0))


def per_second(bins: Bins, times_s: Floats, weights: Floats | None = None) -> Floats:
    """What fell into each bin, per second. A NaN weight makes its bin NaN: the sum is not known."""
    return np.bincount(bins.of(times_s), weights=weights, minlength=bins.count) / bins.width_s


def spread(bins: Bins, starts_s: Floats, ends_s: Floats, weights: Floats) -> Floats:
    """The weights, each spread evenly from its start to its end, as sums of each bin; NaN makes its bins NaN."""
    total = np.zeros(bins.count)
    for row, at, part in _shares(bins, starts_s, ends_s):
        total += np.bincount(at, weights=weights[row] * part, minlength=bins.count)
    return total


def in_flight(bins: Bins, taken_s: Floats, ends_s: Floats) -> Floats:
    """The mean number of turns in flight in each bin."""
    return spread(bins, taken_s, ends_s, ends_s - taken_s) / bins.width_s


def gap_grid(bins: Bins, table: TurnTable) -> Grid:
    """Gaps between chunks by time and length, [time bin, gap bin]: each turn's spread evenly over its output."""
    rows, kinds = bins.count, len(GAP_EDGES_S) + 1
    grid = np.zeros(rows * kinds)
    first, end = table.numbers["first_output_s"], table.numbers["end_s"]
    for start in range(0, len(table.gap_turn), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        turn = table.gap_turn[part]
        for row, at, fraction in _shares(bins, first[turn], end[turn]):
            counted = table.gap_count[part][row] * fraction
            grid += np.bincount(at * kinds + table.gap_bin[part][row], weights=counted, minlength=len(grid))
    return grid.reshape(rows, kinds)


def grid_quantile(grid: Grid, edges: Floats, q: float) -> Floats:
    """The q-quantile of each row of a grid, as the upper edge of its bin; NaN for too few values, or the open bin."""
    total = grid.sum(axis=1)
    upto = np.cumsum(grid, axis=1)
    # Parts of counts add up to a hair less or more than whole ones.
    at = (upto < (q * total - 1e-6)[:, None]).sum(axis=1)
    upper = np.append(edges, np.nan)[np.minimum(at, len(edges))]
    return np.where(total >= 1 / (1 - q) - 1e-6, upper, np.nan)


def heat(bins: Bins, times_s: Floats, values: Floats, edges: Floats) -> Grid:
    """How many values fell into each cell, [time bin, value bin]; NaN values are left out."""
    known = ~np.isnan(values)
    column = np.clip(np.searchsorted(edges, values[known], side="left") - 1, 0, len(edges) - 2)
    cells = bins.of(times_s[known]) * (len(edges) - 1) + column
    return np.bincount(cells, minlength=bins.count * (len(edges) - 1)).reshape(bins.count, -1).astype(np.float64)


def log_edges(values: Floats, count: int) -> Floats:
    """Edges of `count` bins, equal on a logarithmic axis, that hold all values above 0."""
    above = values[values > 0]
    if not len(above):
        return np.geomspace(1e-6, 1.0, count + 1)
    low, high = float(above.min()), float(above.max())
    return np.geomspace(low * 0.999, max(high, low * 1.05) * 1.001, count + 1)


def rows_of(mask: Mask) -> Codes:
    """The rows that a mask holds."""
    return np.flatnonzero(mask).astype(np.int32)


def _shares(bins: Bins, starts_s: Floats, ends_s: Floats) -> Iterator[tuple[Counts, Counts, Floats]]:
    """(row, bin, share of the row that lies in the bin), some thousand rows at a time.

    A row without length lies in the bin of its start whole; one without a start in none.
    """
    known = np.flatnonzero(~(np.isnan(starts_s) | np.isnan(ends_s)))
    for begin in range(0, len(known), _AT_ONCE):
        row = known[begin : begin + _AT_ONCE]
        start, end = starts_s[row], ends_s[row]
        first, last = bins.of(start), bins.of(end)
        counts = last - first + 1
        index = np.repeat(np.arange(len(row)), counts)
        at = first[index] + (np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts))
        low = np.maximum(start[index], at * bins.width_s)
        high = np.minimum(end[index], (at + 1) * bins.width_s)
        length = end - start
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(length[index] > 0, np.maximum(high - low, 0) / length[index], 1.0 / counts[index])
        yield row[index], at, part
