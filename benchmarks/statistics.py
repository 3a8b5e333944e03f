"""Do the intervals keep what they claim? A simulation study in virtual time against populations with a known truth.

`make statistics` (or `python -m benchmarks.statistics`) writes benchmarks/statistics.md and .json; a short version with
fixed seeds is part of the tests. A claim is broken where an interval of 95 % covers less than 93 %, or a limit is
passed or failed wrongly in more than 5 % of the runs.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import bdtrc

from benchmarks.populations import Population, Sample, bad_sessions, lognormal, pareto_tail, queue, queue_length
from loadgen.stats.clusters import effective_n_of_turns
from loadgen.stats.interval import Interval
from loadgen.stats.means import ratio_interval
from loadgen.stats.proportions import clustered
from loadgen.stats.quantiles import lies_beyond, quantile_interval
from loadgen.stats.rates import rate_interval
from loadgen.stats.sequential import ALPHA, FIRST_LOOK, look_confidence
from loadgen.stats.steady import backlog_trend

_HERE = Path(__file__).parent
_COVERED, _WRONG = 0.93, 0.05
# A limit this far from the truth is one that a run should decide; one this near must not be decided wrongly.
_FAR, _NEAR = 1.5, 1.02
# A queue at load 0.8 remembers about 100 turns, the rates that follow themselves 20 s: shorter runs than these hold a
# few independent stretches only, and can't know it.
_LONG_QUEUE, _LONG_RATE = 5000, 300

POPULATIONS = (
    lognormal("independent, light (lognormal 0.3)", 0.3),
    lognormal("independent, heavy (lognormal 1.2)", 1.2),
    pareto_tail("independent, 5 % Pareto tail (shape 1.5)", 0.05, 1.5),
    lognormal("sessions alike (ICC 0.36, AR 0.5)", 0.8, 0.6, 0.5),
    lognormal("sessions very alike, heavy (ICC 0.67, AR 0.7)", 0.7, 1.0, 0.7),
    bad_sessions("a tenth of the sessions 3 times slower", 0.1, 3.0),
    bad_sessions("the same, and 3 times longer", 0.1, 3.0, 3.0),
    queue("a queue at load 0.5", 0.5),
    queue("a queue at load 0.8", 0.8),
)
SIZES = ((10, 20), (10, 500), (30, 20), (100, 20), (1000, 1), (1000, 20))
QUANTILES = (0.5, 0.9, 0.99, 0.999)


@dataclass
class Row:
    """What happened, in counts of runs; near_*: where the limit is 2 % beside the truth, not the truth itself."""

    table: str
    data: str
    size: str
    figure: str
    runs: int = 0
    above: int = 0  # The whole interval above the truth: a wrong fail at a limit of the truth.
    below: int = 0  # The whole interval below it: a wrong pass.
    near_above: int = 0
    near_below: int = 0
    open_low: int = 0
    open_high: int = 0
    passed_far: int = 0
    failed_far: int = 0
    beyond: bool = False  # Shown, but not claimed: the run is too short for what it measures.

    def add(self, interval: Interval, truth: float, beyond: Callable[[float], bool] | None = None) -> None:
        """Count one run's interval. beyond: whether a limit is surely missed whatever the interval, given the limit."""
        missed = beyond or (lambda limit: False)  # noqa: ARG005
        low = -np.inf if interval.low is None else interval.low
        high = np.inf if interval.high is None else interval.high
        self.runs += 1
        self.above += bool(low > truth) or missed(truth)
        self.below += bool(high < truth)
        self.near_above += bool(low > truth * _NEAR) or missed(truth * _NEAR)
        self.near_below += bool(high < truth / _NEAR)
        self.open_low += interval.low is None
        self.open_high += interval.high is None
        self.passed_far += bool(high < truth * _FAR)
        self.failed_far += bool(low > truth / _FAR) or missed(truth / _FAR)

    def covered(self) -> float:
        """The share of runs whose interval holds the truth."""
        return 1 - (self.above + self.below) / self.runs

    def broken(self, slack: float = 0.0) -> bool:
        """Whether a claim is, beyond what chance does to this number of runs with a probability of `slack`."""
        missed, wrong = self.above + self.below, max(self.above, self.below)
        if slack == 0.0:
            return missed > (1 - _COVERED) * self.runs or wrong > _WRONG * self.runs
        return bool(bdtrc(missed - 1, self.runs, 1 - _COVERED) < slack or bdtrc(wrong - 1, self.runs, _WRONG) < slack)


def quantile_rows(population: Population, sessions: int, turns: int, runs: int, seed: int) -> list[Row]:
    """Coverage of the quantile intervals, as verdicts take them: by session and in time."""
    rows = {q: Row("quantiles", population.name, f"{sessions} x {turns}", f"p{100 * q:g}") for q in QUANTILES}
    for row in rows.values():
        row.beyond = population is POPULATIONS[-1] and sessions * turns < _LONG_QUEUE
    rng = np.random.default_rng(seed)
    truths = {q: population.quantile(q) for q in QUANTILES}
    for _ in range(runs):
        sample = population.draw(rng, sessions, turns)
        for q, row in rows.items():
            found = quantile_interval(sample.values, sample.sessions, q, times_s=sample.times_s)
            row.add(found, truths[q], partial(_beyond, sample, q))
    return list(rows.values())


def _beyond(sample: Sample, q: float, limit: float) -> bool:
    within = (sample.values <= limit).astype(np.float64)
    effective = effective_n_of_turns(within, np.ones(len(within)), sample.sessions, sample.times_s)
    return lies_beyond(float(within.mean()), effective, q)


def proportion_rows(sessions: int, turns: int, alike: float, runs: int, seed: int) -> list[Row]:
    """Coverage of clustered proportions; sessions differ as a beta distribution with this intra-class correlation."""
    rng = np.random.default_rng(seed)
    rows = []
    for share in (0.001, 0.01, 0.05, 0.5):
        row = Row("proportions", f"beta-binomial, ICC {alike:g}", f"{sessions} x {turns}", f"{100 * share:g} %")
        for _ in range(runs):
            each: float | np.ndarray[tuple[int, ...], np.dtype[np.float64]] = share
            if alike > 0:
                scale = 1 / alike - 1
                each = rng.beta(share * scale, (1 - share) * scale, size=sessions)
            hits = rng.binomial(turns, each, size=sessions).astype(np.float64)
            row.add(clustered(hits, np.full(sessions, float(turns))), share)
        rows.append(row)
    return rows


def ratio_rows(sessions: int, spread: float, runs: int, seed: int) -> list[Row]:
    """Coverage of the cost per request: lognormal costs, geometric numbers of turns."""
    rng = np.random.default_rng(seed)
    row = Row("ratios", f"lognormal {spread:g} by session", f"{sessions} x 5", "cost per request")
    for _ in range(runs):
        turns = rng.geometric(0.2, size=sessions)
        costs = turns * np.exp(spread * rng.normal(size=sessions))
        row.add(ratio_interval(costs.astype(np.float64), turns.astype(np.float64)), float(np.exp(spread**2 / 2)))
    return [row]


def rate_rows(kind: str, seconds: int, runs: int, seed: int) -> list[Row]:
    """Coverage of throughput from counts by the second."""
    rng = np.random.default_rng(seed)
    row = Row("rates", kind, f"{seconds} s", "events per second", beyond=kind != RATES[0] and seconds < _LONG_RATE)
    for _ in range(runs):
        row.add(rate_interval(_events(rng, kind, seconds), 1.0), 10.0)
    return [row]


RATES = ("Poisson", "Poisson, rate follows itself by 0.9", "replies of 20 s on average, lognormal tokens")


def _events(rng: np.random.Generator, kind: str, seconds: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Counts by the second whose mean is 10."""
    if kind == RATES[0]:
        return rng.poisson(10, size=seconds).astype(np.float64)
    if kind == RATES[1]:
        logs = np.empty(seconds)
        logs[0] = rng.normal()
        for at in range(1, seconds):
            logs[at] = 0.9 * logs[at - 1] + np.sqrt(1 - 0.81) * rng.normal()
        return rng.poisson(10 * np.exp(0.3 * logs - 0.045)).astype(np.float64)
    # Streams arrive at 1/s and give tokens evenly for 20 s on average, 0.5 a second: M/G/infinity, in equilibrium.
    lead = 200
    arrivals = rng.uniform(0, seconds + lead, size=rng.poisson(seconds + lead))
    ends = arrivals + rng.exponential(20, size=len(arrivals))
    speeds = 0.5 * np.exp(0.8 * rng.normal(size=len(arrivals)) - 0.32)
    second = np.arange(lead, lead + seconds)[:, None]
    seen = np.clip(np.minimum(ends, second + 1) - np.maximum(arrivals, second), 0, None)
    return np.asarray(seen @ speeds, dtype=np.float64)


def sequential_rows(population: Population, turns: int, q: float, runs: int, seed: int) -> list[Row]:
    """A limit that is exactly the truth, looked at up to 7 times and at the end: `above` counts runs that failed."""
    rng = np.random.default_rng(seed)
    looks = [FIRST_LOOK * 2**look for look in range(7)]
    last = looks[-1]
    row = Row("sequential", population.name, f"up to {last} x {turns}", f"p{100 * q:g}")
    aborted = Row("sequential", population.name, f"up to {last} x {turns}", f"p{100 * q:g}, ended early")
    truth = population.quantile(q)
    for _ in range(runs):
        sample = population.draw(rng, last, turns)
        early = False
        for look, sessions in enumerate(looks, start=1):
            seen = sample.sessions < sessions
            values, clusters = sample.values[seen], sample.sessions[seen]
            found = quantile_interval(values, clusters, q, look_confidence(look, ALPHA))
            early = early or (found.low is not None and found.low > truth)
        end = quantile_interval(sample.values, sample.sessions, q)
        aborted.runs += 1
        aborted.above += early
        row.runs += 1
        row.above += early or (end.low is not None and end.low > truth)
    return [aborted, row]


def sequential_share_rows(share: float, turns: int, alike: float, runs: int, seed: int) -> list[Row]:
    """The same of a limit on failures, which `abort: true` mostly stands on; sessions differ as in proportions."""
    rng = np.random.default_rng(seed)
    looks = [FIRST_LOOK * 2**look for look in range(7)]
    last = looks[-1]
    data, size = f"failures, beta-binomial, ICC {alike:g}", f"up to {last} x {turns}"
    row = Row("sequential", data, size, f"{100 * share:g} %")
    aborted = Row("sequential", data, size, f"{100 * share:g} %, ended early")
    scale = 1 / alike - 1 if alike > 0 else np.inf
    for _ in range(runs):
        each = rng.beta(share * scale, (1 - share) * scale, size=last) if alike > 0 else np.full(last, share)
        hits, sizes = rng.binomial(turns, each, size=last).astype(np.float64), np.full(last, float(turns))
        bounds = [
            clustered(hits[:sessions], sizes[:sessions], look_confidence(look, ALPHA)).low
            for look, sessions in enumerate(looks, start=1)
        ]
        early = any(low is not None and low > share for low in bounds)
        end = clustered(hits, sizes).low
        aborted.runs += 1
        aborted.above += early
        row.runs += 1
        row.above += early or (end is not None and end > share)
    return [aborted, row]


def backlog_rows(load: float, seconds: int, runs: int, seed: int) -> list[Row]:
    """How often a queue is said to grow; below load 1 that is wrong."""
    rng = np.random.default_rng(seed)
    row = Row("backlog", f"M/M/1 at load {load:g}, 10 a second", f"{seconds} s", "growing")
    for _ in range(runs):
        lengths = queue_length(rng, load, seconds + 60, 10.0)[60:]
        growing = backlog_trend(np.arange(seconds, dtype=np.float64), lengths).growing
        row.runs += 1
        row.failed_far += growing
        row.above += growing and load < 1
    return [row]


Case = Callable[[int, int], list[Row]]


def cases() -> Iterator[Case]:
    """Every part of the study, as a function of (runs, seed)."""
    for population in POPULATIONS:
        for sessions, turns in SIZES:
            yield partial(quantile_rows, population, sessions, turns)
    for alike in (0.0, 0.1, 0.4):
        for sessions, turns in ((10, 20), (30, 20), (100, 20), (1000, 5)):
            yield partial(proportion_rows, sessions, turns, alike)
    for spread in (0.5, 1.0):
        for sessions in (10, 30, 100, 1000):
            yield partial(ratio_rows, sessions, spread)
    for kind in RATES:
        for seconds in (60, 300, 1800):
            yield partial(rate_rows, kind, seconds)
    for population in POPULATIONS[:6]:
        for q in (0.5, 0.9, 0.99):
            yield partial(sequential_rows, population, 5, q)
    for load in (0.5, 0.8, 0.9, 1.05, 1.2):
        for seconds in (60, 300):
            yield partial(backlog_rows, load, seconds)
    # Last, so that those before keep their seeds.
    for alike in (0.0, 0.1, 0.4):
        for share in (0.01, 0.05, 0.5):
            yield partial(sequential_share_rows, share, 5, alike)


def study(runs: int, seed: int = 1) -> list[Row]:
    """All of it."""
    rows: list[Row] = []
    for number, case in enumerate(cases()):
        began = time.perf_counter()
        rows += case(runs, seed + number)
        print(
            f"{rows[-1].table}: {rows[-1].data}, {rows[-1].size}: {time.perf_counter() - began:.1f} s", file=sys.stderr
        )
    return rows


_HEADS = {
    "quantiles": "Quantiles of latency (by session and in time)",
    "proportions": "Proportions (by session)",
    "ratios": "Ratios of sums (by session)",
    "rates": "Rates (batch means)",
    "sequential": "Looks while a run lasts: the limit is the truth, so every fail is wrong",
    "backlog": "Queues that grow: the last column is how often one is said to",
}
_COLUMNS = (
    "| data | sessions x turns | figure | covered | wrong pass | wrong fail | the same, limit 2 % beside the truth "
    "| no lower, no upper bound | decided, limit 1.5 times beside |\n" + "| --- " * 9 + "|"
)


def overview(rows: list[Row]) -> list[str]:
    """A line a kind of figure: the worst of its rows. It stands in docs/statistics.md too, which a test holds."""
    lines = ["| figures | rows | covered, at least | wrong pass, at most | wrong fail, at most |", "| --- " * 5 + "|"]
    for table, head in _HEADS.items():
        claimed = [row for row in rows if row.table == table and not row.beyond]
        if not claimed:
            continue
        covered = f"{100 * min(row.covered() for row in claimed):.1f} %"
        passed, failed = (
            f"{100 * max(getattr(row, side) / row.runs for row in claimed):.1f} %" for side in ("below", "above")
        )
        # Looks and growing queues have no interval, and nothing that passes.
        if table in ("sequential", "backlog"):
            covered = passed = "–"
        lines.append(f"| {head.partition(':')[0]} | {len(claimed)} | {covered} | {passed} | {failed} |")
    return lines


def markdown(rows: list[Row]) -> str:
    """The page of tables."""
    claimed = [row for row in rows if not row.beyond]
    broken = [row for row in claimed if row.broken()]
    lines = [
        "# Do the intervals keep what they claim?",
        "",
        "Written by `make statistics`; [docs/statistics.md](../docs/statistics.md) says what each interval is. "
        f"{rows[0].runs} runs a row, in virtual time, from fixed seeds; intervals of 95 %. A bound beyond the sample "
        "counts as covering and decides nothing. Shares in %.",
        "",
        f"**{len(claimed) - len(broken)} of {len(claimed)} rows cover at least {_COVERED:.0%} and pass or fail wrongly "
        f"in at most {_WRONG:.0%} of the runs**; {sum(row.broken(1e-3) for row in claimed)} fall short by more than "
        "chance does to so many runs.",
        "",
        "The worst row of each kind:",
        "",
        *overview(rows),
    ]
    for table, head in _HEADS.items():
        lines += ["", f"## {head}", "", _COLUMNS, *(_line(row) for row in claimed if row.table == table)]
    lines += [
        "",
        "## Beyond the claim",
        "",
        "Runs of a few times what the server remembers: they can't know how alike their turns are. "
        "Longer runs of the same are in the tables above.",
        "",
        _COLUMNS,
        *(_line(row) for row in rows if row.beyond),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    def share(*counts: int) -> str:
        return ", ".join(f"{100 * count / row.runs:.1f}" for count in counts)

    covered = f"{100 * row.covered():.1f}" + (" **broken**" if row.broken() and not row.beyond else "")
    return (
        f"| {row.data} | {row.size} | {row.figure} | {covered} | {share(row.below)} | {share(row.above)} "
        f"| {share(row.near_below, row.near_above)} | {share(row.open_low, row.open_high)} "
        f"| {share(row.passed_far, row.failed_far)} |"
    )


def read_rows() -> list[Row]:
    """The rows of the last study that was written."""
    return [Row(**row) for row in json.loads((_HERE / "statistics.json").read_text(encoding="utf-8"))]


def main() -> int:
    """Run the study and write its page and its numbers; 1 where a claim is broken by more than chance."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rows = study(runs)
    (_HERE / "statistics.md").write_text(markdown(rows), encoding="utf-8")
    (_HERE / "statistics.json").write_text(
        "[\n" + ",\n".join(json.dumps(asdict(row)) for row in rows) + "\n]\n", encoding="utf-8"
    )
    return int(any(row.broken(1e-3) for row in rows if not row.beyond))


if __name__ == "__main__":
    sys.exit(main())
