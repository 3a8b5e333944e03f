"""The one histogram: HdrHistogram's geometry (1 µs to 24 h, 3 digits) over integer nanoseconds.

`PendingHistogram` collects on a worker's event loop and costs an array append a value; `SparseHistogram` is what it
drains to and what travels; `Histogram` is the master's dense sum. Merging adds counts, so it is exact and its order
does not matter; percentiles are never averaged. n, sum, min and max are exact; a quantile is within 0.1 % or 0.5 µs.

The geometry is that of http://hdrhistogram.org: counts[0..2047] are 1 µs wide, then each block of 1,024 doubles the
width. A value is rounded to the nearest µs first; 0 ns is legal and lands in counts[0].
"""

from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

HIGHEST_US = 24 * 3600 * 1_000_000
DIGITS = 3
_HALF_MAGNITUDE = 10  # 3 digits need 2 * 10^3 steps below a doubling: 2^11 = 2048 sub-buckets, halves of 2^10
_HALF = 1 << _HALF_MAGNITUDE
_SUB_BUCKETS = 2 * _HALF
# Folding 8,192 values takes numpy about 0.15 ms, so that a busy loop never pays more in one turn.
FOLD_AT = 8192

Counts = npt.NDArray[np.int64]


def indexes_of(values_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bucket index of each value. A negative duration (no single clock gives one) counts as 0."""
    us = (values_ns + 500) // 1000
    np.clip(us, 0, HIGHEST_US, out=us)
    # frexp's exponent is the bit length, exactly so below 2^53; the first 2,048 values are a bucket of their own.
    bucket = np.frexp(us.astype(np.float64))[1].astype(np.int64) - (_HALF_MAGNITUDE + 1)
    np.maximum(bucket, 0, out=bucket)
    return (bucket << _HALF_MAGNITUDE) + (us >> bucket)


def highest_us(index: int) -> int:
    """The greatest µs value that falls into this bucket (HdrHistogram's highest equivalent value)."""
    if index < _SUB_BUCKETS:
        return index
    bucket = (index >> _HALF_MAGNITUDE) - 1
    return (((index & (_HALF - 1)) + _HALF + 1) << bucket) - 1


class SparseHistogram(msgspec.Struct, frozen=True, array_like=True):
    """Counts of the touched buckets only: `index` as little-endian uint16, `counts` as uint32, same length.

    n, sum_ns, min_ns and max_ns are exact. Never empty.
    """

    index: bytes
    counts: bytes
    n: int
    sum_ns: int
    min_ns: int
    max_ns: int

    def indexes(self) -> npt.NDArray[np.uint16]:
        """The touched buckets, ascending."""
        return np.frombuffer(self.index, dtype="<u2")

    def count_values(self) -> npt.NDArray[np.uint32]:
        """How many values each of them holds."""
        return np.frombuffer(self.counts, dtype="<u4")

    def values_ms(self) -> list[tuple[float, int]]:
        """(milliseconds, count) of each touched bucket, each by its highest equivalent value.

        Not cut to min and max: whoever keys a table by these must meet the same few values again and again.
        """
        return [
            (highest_us(int(index)) / 1e3, int(count))
            for index, count in zip(self.indexes(), self.count_values(), strict=True)
        ]


class PendingHistogram:
    """A worker's values since the last drain. Memory is bounded: raw values are folded into counts at `FOLD_AT`.

    Hot code appends to `values` (ns) itself and calls `fold()` once it has grown past FOLD_AT.
    """

    __slots__ = ("_counts", "_max_ns", "_min_ns", "_n", "_sum_ns", "values")

    def __init__(self) -> None:
        self.values = array("q")
        self._counts: Counts | None = None
        self._n = 0
        self._sum_ns = 0
        self._min_ns = 0
        self._max_ns = 0

    def __bool__(self) -> bool:
        return self._n > 0 or len(self.values) > 0

    def fold(self) -> None:
        """Turn the raw values into counts."""
        if not self.values:
            return
        values = np.frombuffer(self.values, dtype=np.int64)
        low, high = int(values.min()), int(values.max())
        self._min_ns = min(self._min_ns, low) if self._n else low
        self._max_ns = max(self._max_ns, high) if self._n else high
        self._sum_ns += int(values.sum())
        self._n += len(values)
        self._counts = _added(self._counts, np.bincount(indexes_of(values)))
        self.values = array("q")

    def drain(self) -> SparseHistogram | None:
        """Everything since the last drain, and forget it; None where there was nothing."""
        self.fold()
        if self._counts is None:
            return None
        touched = np.flatnonzero(self._counts)
        drained = SparseHistogram(
            index=touched.astype("<u2").tobytes(),
            counts=self._counts[touched].astype("<u4").tobytes(),
            n=self._n,
            sum_ns=self._sum_ns,
            min_ns=self._min_ns,
            max_ns=self._max_ns,
        )
        self._counts, self._n, self._sum_ns = None, 0, 0
        return drained


def _added(counts: Counts | None, more: Counts) -> Counts:
    """The sum of two count arrays of any lengths; reuses the longer one."""
    if counts is None:
        return more
    if len(counts) < len(more):
        counts, more = more, counts
    counts[: len(more)] += more
    return counts


class Dist(msgspec.Struct, frozen=True):
    """A distribution in seconds. pX is None where n < 1 / (1 - X): it would only repeat the maximum."""

    n: int
    mean: float
    min: float
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None = msgspec.field(name="p99.9")
    max: float


class Histogram:
    """The master's sum of any number of sparse histograms; at most 28,000 counts, however many values."""

    __slots__ = ("_counts", "max_ns", "min_ns", "n", "sum_ns")

    def __init__(self) -> None:
        self._counts: Counts = np.zeros(0, dtype=np.int64)
        self.n = 0
        self.sum_ns = 0
        self.min_ns = 0
        self.max_ns = 0

    def merge(self, sparse: SparseHistogram) -> None:
        """Add what a worker drained."""
        index = sparse.indexes()
        if (missing := int(index[-1]) + 1 - len(self._counts)) > 0:
            self._counts = np.concatenate((self._counts, np.zeros(missing, dtype=np.int64)))
        # Only what it touches, each bucket once: 10 µs against 16 for a whole array of zeros, filled in and added.
        self._counts[index] += sparse.count_values()
        self._take(sparse.n, sparse.sum_ns, sparse.min_ns, sparse.max_ns)

    def add(self, other: "Histogram") -> None:
        """Add another histogram, which stays as it is."""
        if other.n:
            self._counts = _added(self._counts, other._counts.copy())
            self._take(other.n, other.sum_ns, other.min_ns, other.max_ns)

    def _take(self, n: int, sum_ns: int, min_ns: int, max_ns: int) -> None:
        self.min_ns = min(self.min_ns, min_ns) if self.n else min_ns
        self.max_ns = max(self.max_ns, max_ns) if self.n else max_ns
        self.n += n
        self.sum_ns += sum_ns

    def quantile(self, q: float) -> float | None:
        """The q-quantile (0 < q <= 1) in seconds; None where empty."""
        found = self.quantile_ns(q)
        return None if found is None else found / 1e9

    def quantile_ns(self, q: float) -> int | None:
        """The q-quantile (0 < q <= 1) in ns by nearest rank, ceil(q n); None where empty.

        A bucket answers with its highest equivalent value, as HdrHistogram's getValueAtPercentile does, held within
        the exact minimum and maximum.
        """
        if not self.n:
            return None
        # 0.99 * 100 is 99.00000000000001 in some products: round before the ceiling, else the rank is one too high.
        return self.at_rank_ns(max(1, int(-(-round(q * self.n, 6) // 1))))

    def at_rank_ns(self, rank: int) -> int:
        """The rank-th smallest value (1 <= rank <= n) in ns, answered as `quantile_ns` does."""
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        return min(max(highest_us(index) * 1000, self.min_ns), self.max_ns)

    def at_most(self, limits_ns: Sequence[int]) -> list[int]:
        """How many values lie at or below each limit; those of a limit's own bucket (0.1 % wide) all count as below."""
        if not len(self._counts):
            return [0] * len(limits_ns)
        indexes = np.minimum(indexes_of(np.array(limits_ns, dtype=np.int64)), len(self._counts) - 1)
        found: list[int] = np.cumsum(self._counts)[indexes].tolist()
        return found

    def dist(self) -> Dist | None:
        """The distribution in seconds; None where nothing was measured."""
        if not self.n:
            return None

        def known(q: float, least: int) -> float | None:
            return self.quantile(q) if self.n >= least else None

        return Dist(
            n=self.n,
            mean=self.sum_ns / self.n / 1e9,
            min=self.min_ns / 1e9,
            p50=known(0.5, 2),
            p90=known(0.9, 10),
            p95=known(0.95, 20),
            p99=known(0.99, 100),
            p99_9=known(0.999, 1000),
            max=self.max_ns / 1e9,
        )

    def to_hdrh(self) -> Any:
        """The same counts as an `hdrh` HdrHistogram in µs, for its encoder and its tools."""
        made = HdrHistogram(1, HIGHEST_US, DIGITS)
        if self.n:
            # A writable view of its ctypes array: 28,000 record_value calls would take 40 ms.
            np.ctypeslib.as_array(made.counts)[: len(self._counts)] = self._counts
            touched = np.flatnonzero(self._counts)
            made.set_internal_tacking_values(int(touched[0]), int(touched[-1]), self.n)
        return made
