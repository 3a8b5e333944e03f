"""Where the buckets of the exported histograms end.

Twelve a decade, in a factor of at most 1.25: a quantile read from them is within 25 % at worst, 7 % as a rule, where
buckets at 1, 2, 5 miss a tail by 12 to 48 %. Decades end on the same digits, so that 100 ms and 1 s are bounds; all are
whole µs, so that the 1 µs steps of our own histograms split nowhere.
"""

from typing import Final

from loadgen.metrics.snapshot import A_TOKEN_NS

_DIGITS = (10, 12, 15, 18, 22, 27, 33, 40, 49, 59, 71, 85)
_NS = 1000


def _series(first: int, last: int) -> tuple[int, ...]:
    """The bounds from `first` to `last`, both among the digits times a power of ten."""
    bounds = [digits * 10**power for power in range(9) for digits in _DIGITS]
    return tuple(bound for bound in bounds if first <= bound <= last)


# In ns. A turn may take as long as its timeout, 600 s by default.
DURATIONS: Final = tuple(us * _NS for us in _series(1_000, 710_000_000))
# Gaps of one read are 0, those of a fast server some 100 µs; lag begins at the timer's own.
GAPS: Final = tuple(us * _NS for us in _series(10, 100_000_000))
# In steps of a token.
TOKENS: Final = tuple(n * A_TOKEN_NS for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, *_series(10, 1_500_000)))
