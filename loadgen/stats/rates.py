"""Intervals of rates (throughput) from counts in bins that follow each other in time: batch means."""

import numpy as np

from loadgen.stats.batches import FEWEST_BATCHES, batch_means, batch_means_in_stages
from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64, I32
from loadgen.stats.interval import Interval

# Streams of 20 s on average, seen for a minute, would cover 85 to 90 % without this.
_REMEMBERS = 0.6


def rate_interval(events_per_bin: F64, bin_s: float, confidence: float = 0.95, stages: I32 | None = None) -> Interval:
    """Events per second, from how many fell into each bin of `bin_s` seconds, in order of time.

    A t interval over batch means, for what happens in one second leaves its traces in the next. No bounds below 8 bins,
    or where neighbouring eighths of the run are still alike: it is too short to show how long it remembers. stages: the
    stage of each bin where the load has several, whose rates differ by design.
    """
    bins = len(events_per_bin)
    if bins == 0 or bin_s <= 0:
        return Interval(None, None, None, confidence, 0, 0)
    rate = float(np.mean(events_per_bin)) / bin_s
    if bins < FEWEST_BATCHES:
        return Interval(rate, None, None, confidence, bins, bins)
    found = batch_means(events_per_bin) if stages is None else batch_means_in_stages(events_per_bin, stages)
    if found.left > _REMEMBERS:
        return Interval(rate, None, None, confidence, bins, bins)
    half = t_of(confidence, found.degrees) * found.error / bin_s
    return Interval(rate, max(0.0, rate - half), rate + half, confidence, bins, bins, found.degrees + 1)
