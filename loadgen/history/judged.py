"""Which drifts of a soak's measures are told: the family they are tested in, and how large each must be to matter.

Called by week.py and by the study of weeks (benchmarks/drift.py), so that what was studied is what judges.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from loadgen.stats.clusters import F64
from loadgen.stats.drift import Drifts, Series, find_drifts

# Of measures that begin so, the least change that is told: of what was before, or of shares in points.
_LEAST: Final = {"cache.": 0.05, "latency.": 0.05, "tools.": 0.05, "errors.": 0.01, "output.tokens.sd": 0.1}
_LEAST_ELSE: Final = 0.02
# Answers of each class vary by half of their length: a change that all classes share shows in all of them together.
POOLED: Final = ("output.tokens.mean", "output.tokens.sd")


def judged(series: Mapping[str, Series]) -> Drifts:
    """The drifts of one soak's measures, by name, all in one family."""
    return find_drifts(series, minimum_effect={name: _least(name) for name in series})


def _least(name: str) -> float:
    return next((least for start, least in _LEAST.items() if name.startswith(start)), _LEAST_ELSE)


def pooled(series: Mapping[str, Series]) -> dict[str, Series]:
    """Measures of all classes of prompts together: `output.tokens.mean` is the geometric mean of
    `output.tokens.mean.CLASS`, in windows that have all classes. None where there is but one class."""
    found = {}
    for name in POOLED:
        classes = [one for other, one in series.items() if other.startswith(f"{name}.")]
        if len(classes) > 1:
            found[name] = _together(classes)
    return found


def _together(classes: list[Series]) -> Series:
    times_s = np.unique(np.concatenate([one.times_s for one in classes]))
    total: F64 = np.zeros(len(times_s))
    for one in classes:
        logarithms = np.full(len(times_s), np.nan)
        logarithms[np.searchsorted(times_s, one.times_s)] = _log(one.values)
        total += logarithms
    return Series(times_s, np.exp(total / len(classes)))


def _log(values: F64) -> F64:
    """NaN where there is none: of nothing, and of the unknown."""
    found = np.full(len(values), np.nan)
    np.log(values, out=found, where=values > 0)
    return found
