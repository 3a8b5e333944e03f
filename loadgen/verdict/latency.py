"""Figures of latency: quantiles, means and maxima.

Estimates and rank values come from the merged histograms of the whole run; how much the correlation within sessions and
in time leaves of the sample comes from the record log (`stats`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loadgen.metrics.gap_bins import EDGES_NS
from loadgen.metrics.histogram import Histogram
from loadgen.metrics.snapshot import Metric
from loadgen.metrics.turn_table import Floats, TurnTable
from loadgen.scenario.slos import Slo
from loadgen.stats.batches import FEWEST_BATCHES, batch_means_in_stages
from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import effective_n_of_turns
from loadgen.stats.means import ratio_interval
from loadgen.stats.quantiles import lies_beyond, quantile_ranks, rank_of, samples_needed
from loadgen.verdict.evidence import Evidence, held_by, times_of
from loadgen.verdict.figure import NO_RECORDS, Figure, more_needed

# Histograms round to the nearest µs, so that what they count at their estimate may be half a µs above it.
_ROUNDED_NS = 500


@dataclass(frozen=True, slots=True)
class _Sample:
    """Times in a histogram, and others that nobody saw to their end: only known to be longer than something."""

    seen: Histogram
    cut: int
    cut_at: Histogram | None

    @property
    def n(self) -> int:
        return self.seen.n + self.cut

    def at_most(self, rank: int) -> float | None:
        """An upper bound of the rank-th time in seconds: as if those cut off had never ended."""
        return self.seen.at_rank_ns(rank) / 1e9 if rank <= self.seen.n else None

    def at_most_within(self, limit_ns: int) -> int:
        """How many may lie within a limit: of those not seen to their end, all that were not cut off beyond it."""
        known = self.cut_at.n - self.cut_at.at_most([limit_ns])[0] if self.cut_at is not None else 0
        return self.seen.at_most([limit_ns])[0] + self.cut - known

    def at_least(self, rank: int) -> float:
        """A lower bound of it: as if each had ended when it was cut off."""
        if self.cut_at is not None and self.cut_at.n == self.cut:
            both = Histogram()
            both.add(self.seen)
            both.add(self.cut_at)
            return both.at_rank_ns(rank) / 1e9
        return 0.0 if rank <= self.cut else self.seen.at_rank_ns(rank - self.cut) / 1e9


def _sample(slo: Slo, evidence: Evidence) -> _Sample:
    """The times of a latency objective.

    An arrival that was dropped would have waited nobody knows how long. Of a turn that was cut off, the time per token
    and the gap it was in are not known.
    """
    metric: Metric = slo.metric.replace(".", "_")  # type: ignore[assignment] # the parser's names are these
    seen, counters = evidence.histogram(metric, slo), evidence.counters(slo)
    if metric in ("e2e", "ttft"):
        cut_at = evidence.histogram("e2e_censored" if metric == "e2e" else "ttft_censored", slo)
        return _Sample(seen, cut_at.n + counters.dropped, cut_at)
    if metric in ("connect", "schedule_lag"):
        return _Sample(seen, 0, None)
    cut = counters.cancelled
    if metric in ("ttfo", "service_ttft"):
        # Those that were cut off after it are in `seen`; where that is not known, all may be missing.
        turns = evidence.turns(slo)
        known = 0
        if turns is not None:
            known = int((turns.of_outcome("cancelled") & ~np.isnan(times_of(turns, slo))).sum())
        cut = max(0, cut - known)
    return _Sample(seen, cut + (counters.dropped if metric == "ttfo" else 0), None)


def quantile_figure(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    q, sample, turns = slo.quantile or 0.0, _sample(slo, evidence), evidence.turns(slo)
    n, counted = sample.n, _counted(slo)
    if not sample.seen.n:
        return Figure(None, None, None, confidence, 0, counted, "s", why=f"nothing was measured of {slo.metric}")
    estimate = sample.at_most(rank_of(n, q))
    limit_ns = round(slo.limit * 1e9)
    effective = at_limit = None
    if turns is not None and len(turns):
        effective = _effective(slo, turns, sample.seen.quantile_ns(q) or 0, confidence)
        at_limit = _effective(slo, turns, limit_ns, confidence)
    if effective is None or at_limit is None:
        return Figure(estimate, None, None, confidence, n, counted, "s", why=NO_RECORDS)
    effective *= n
    at_limit *= n
    low, high = quantile_ranks(n, effective, q, confidence)
    upper = None if high is None else sample.at_most(high)
    within = sample.seen.at_most([limit_ns])[0] / n
    possibly = sample.at_most_within(limit_ns) / n
    why = None
    if estimate is None or (high is not None and upper is None):
        # No number of turns decides it while so many of them are never seen to their end.
        why = f"{sample.cut:,} turns were cut off or dropped, and the {slo.stat} may be among them"
    return Figure(
        estimate,
        None if low is None else sample.at_least(low),
        upper,
        confidence,
        n,
        counted,
        "s",
        samples_needed(n, effective, q, within, confidence),
        why,
        beyond=lies_beyond(possibly, at_limit, q, confidence),
    )


def _effective(slo: Slo, turns: TurnTable, at_ns: int, confidence: float) -> float | None:
    """How many observations those below and above this time tell, as a share of n; None where the records hold none."""
    rows = held_by(turns, slo)
    sessions, stages, due = turns.session[rows], turns.stage[rows], turns.numbers["intended_s"][rows]

    def share(hits: Floats, sizes: Floats) -> float:
        return effective_n_of_turns(hits, sizes, sessions, due, confidence, stages) / float(sizes.sum())

    if slo.metric != "itl":
        within = (times_of(turns, slo)[rows] * 1e9 <= at_ns + _ROUNDED_NS).astype(np.float64)
        return share(within, np.ones(len(within))) if len(within) else None
    sizes = _by_turn(turns, turns.gap_count)[rows]
    if not sizes.sum():
        return None
    # It lies inside of a bin: the edge on whose side the gaps of a session are more alike counts.
    at = int(np.searchsorted(EDGES_NS, at_ns))
    below = (_by_turn(turns, np.where(turns.gap_bin <= edge, turns.gap_count, 0))[rows] for edge in (at - 1, at))
    return min(share(hits, sizes) for hits in below)


def longest_figure(slo: Slo, evidence: Evidence) -> Figure:
    """The maximum is about this run's turns only: of those to come a sample says nothing."""
    sample = _sample(slo, evidence)
    counted = _counted(slo)
    if not sample.n:
        return Figure(None, None, None, None, 0, counted, "s", why=f"nothing was measured of {slo.metric}")
    seen = sample.seen.max_ns / 1e9 if sample.seen.n else None
    if not sample.cut:
        return Figure(seen, seen, seen, None, sample.n, counted, "s")
    why = f"{sample.cut:,} turns were cut off or dropped, and their times are not known"
    return Figure(seen, sample.at_least(sample.n), None, None, sample.n, counted, "s", why=why)


def mean_figure(slo: Slo, evidence: Evidence, confidence: float) -> Figure:
    sample, turns, counted = _sample(slo, evidence), evidence.turns(slo), _counted(slo)
    seen = sample.seen
    if not seen.n:
        return Figure(None, None, None, confidence, 0, counted, "s", why=f"nothing was measured of {slo.metric}")
    estimate = seen.sum_ns / seen.n / 1e9
    turns = None if turns is None else turns.only(held_by(turns, slo))
    if turns is None or not len(turns):
        return Figure(estimate, None, None, confidence, seen.n, counted, "s", why=NO_RECORDS)
    if slo.metric == "itl":
        middles = np.array([0.0, *EDGES_NS]) / 1e9
        sums = _by_turn(turns, turns.gap_count * middles[turns.gap_bin])
        sizes = _by_turn(turns, turns.gap_count)
    else:
        sums, sizes = times_of(turns, slo), np.ones(len(turns))
    sides = _sides_of_ratio(sums, sizes, turns, confidence)
    if sides is None:
        why = "too few sessions or turns for an interval of a mean"
        return Figure(estimate, None, None, confidence, seen.n, counted, "s", why=why)
    below, above = sides
    left_out = f"{sample.cut:,} turns were cut off or dropped, and the mean leaves them out" if sample.cut else None
    return Figure(
        estimate,
        max(0.0, estimate - below),
        None if sample.cut else estimate + above,
        confidence,
        seen.n,
        counted,
        "s",
        more_needed(seen.n, above if estimate < slo.limit else below, estimate - slo.limit),
        left_out,
    )


def _sides_of_ratio(sums: Floats, sizes: Floats, turns: TurnTable, confidence: float) -> tuple[float, float] | None:
    """How far the interval of sum(sums) / sum(sizes) reaches below and above it.

    By session, or by stretches of time where that is wider.
    """
    total = float(sizes.sum())
    if total <= 0 or len(sums) < FEWEST_BATCHES:
        return None
    count = int(turns.session.max()) + 1
    sums_of: Floats = np.bincount(turns.session, weights=sums, minlength=count).astype(np.float64)
    sizes_of: Floats = np.bincount(turns.session, weights=sizes, minlength=count).astype(np.float64)
    found = ratio_interval(sums_of[sizes_of > 0], sizes_of[sizes_of > 0], confidence)
    if found.low is None or found.high is None or found.estimate is None:
        return None
    order = np.argsort(turns.numbers["intended_s"], kind="stable")
    in_time = batch_means_in_stages((sums - found.estimate * sizes)[order], turns.stage[order])
    half = t_of(confidence, in_time.degrees) * in_time.error * len(sums) / total
    return max(half, found.estimate - found.low), max(half, found.high - found.estimate)


def _by_turn(turns: TurnTable, of_gaps: npt.NDArray[Any]) -> Floats:
    """Sums over each turn's gaps, from one entry a bin of them."""
    return np.bincount(turns.gap_turn, weights=of_gaps, minlength=len(turns)).astype(np.float64)


def _counted(slo: Slo) -> str:
    return {"itl": "gaps", "connect": "connections"}.get(slo.metric, "turns")
