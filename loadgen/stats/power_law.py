"""How one quantity grows with another: the exponent of a power law, by least squares on logarithms.

For time against length: 1 is linear, 2 is what dense attention comes to, 0 is no growth at all.
"""

import numpy as np

from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval

# Below this the interval says nothing.
_FEWEST = 4


def exponent(sizes: F64, values: F64, confidence: float = 0.95) -> Interval:
    """The slope of log(values) over log(sizes), both above 0, one pair an independent unit.

    Its error is HC3's (MacKinnon and White 1985), for the scatter of a time grows with a queue, and its bounds are
    Student's. Nothing is estimated from a single size; no bounds below four pairs.
    """
    x, y = np.log(sizes), np.log(values)
    n = len(x)
    if n < 2 or len(np.unique(sizes)) < 2:
        return Interval(None, None, None, confidence, n, n)
    centred = x - x.mean()
    spread = float(np.dot(centred, centred))
    slope = float(np.dot(centred, y)) / spread
    if n < _FEWEST:
        return Interval(slope, None, None, confidence, n, n)
    residuals = y - y.mean() - slope * centred
    leverage = np.minimum(1.0 / n + centred**2 / spread, 1 - 1e-9)
    scaled = centred * residuals / (1 - leverage)
    half = t_of(confidence, n - 2) * float(np.sqrt(np.dot(scaled, scaled))) / spread
    return Interval(slope, slope - half, slope + half, confidence, n, n)


def geometric_mean(ratios: F64, confidence: float = 0.95) -> Interval:
    """The geometric mean of ratios above 0, one an independent unit, with Student's interval on their logarithms."""
    n = len(ratios)
    if n == 0:
        return Interval(None, None, None, confidence, 0, 0)
    logs = np.log(ratios)
    mean = float(logs.mean())
    if n < 2:
        return Interval(float(np.exp(mean)), None, None, confidence, n, n)
    half = t_of(confidence, n - 1) * float(logs.std(ddof=1)) / float(np.sqrt(n))
    return Interval(float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half)), confidence, n, n)
