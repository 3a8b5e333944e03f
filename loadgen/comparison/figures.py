"""What is compared: the figures of a summary by name, which way each is better, and what a run measured of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from loadgen.comparison.result import Scale
from loadgen.errors import UsageError
from loadgen.metrics.histogram import Dist
from loadgen.metrics.summary import Quality, Summary, WorkloadSummary

Better = Literal["lower", "higher"]

LATENCIES: Final = ("ttft", "ttfo", "itl", "tpot", "e2e")
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
GROUPS: Final = (*LATENCIES, "throughput", "error_rate", "goodput", "cost", "quality")

# Which way a workload's own figure is better can only be told from its name; where it can't, it is shown, not judged.
_HIGHER = re.compile(
    r"accuracy|recall|precision|f1|score|pass|solved|success|correct|exact|faithful|well_formed|hit_r|found"
    r"|(?:^|_)done|parsed|(?<!in)valid|right"
)
_LOWER = re.compile(
    r"cost|token|error|fail|malformed|wrong|missed|missing|invalid|overhead|latency|_s$|refus|timeout|hallucinat"
    r"|stale|made_up|abstained|remembered|unreadable|needless|repeated|unknown|cut_off|gave_up"
)
# Units of a quality that is a share.
_SHARES = ("", "share")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure's name (`ttft.p99`), its workload (None: the whole run), how it changes, and which way is better."""

    name: str
    workload: str | None
    scale: Scale
    better: Better | None
    unit: str

    @property
    def group(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]

    @property
    def quantile(self) -> float:
        """Of a latency: which."""
        return QUANTILES[self.name.partition(".")[2]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run has of a figure. hits of n: of a share that is counted. low, high: where the run has an interval.

    value: None where it was not measured, and `why` says why.
    """

    value: float | None
    why: str | None = None
    hits: int | None = None
    n: int | None = None
    low: float | None = None
    high: float | None = None


def chooser(selected: Sequence[str]) -> re.Pattern[str]:
    """Matches the names that are selected: whole ones, or their first parts (`ttft`, `throughput`, `quality.docs`).

    Raises UsageError for what names no figure.
    """
    for name in selected:
        group, _, rest = name.partition(".")
        known = group in GROUPS and (group not in LATENCIES or rest in ("", *QUANTILES))
        if not known:
            latency = ", ".join(f"ttft.{quantile}" for quantile in QUANTILES)
            raise UsageError(f"--metrics {name}: accepted: {', '.join(GROUPS)}, or a part of one, such as {latency}")
    wanted = "|".join(re.escape(name) for name in selected) or ".*"
    return re.compile(rf"(?:{wanted})(?:\..*)?")


def measured(summary: Summary, *, by_workload: bool) -> dict[Figure, Measured]:
    """Every figure of a run; those of each workload too, where asked for and where there are several."""
    found = dict(_of_part(summary, None))
    for name, workload in summary.workloads.items():
        if by_workload and len(summary.workloads) > 1:
            found |= dict(_of_part(workload, name))
        for quality, value in workload.quality.items():
            if (one := _quality(f"quality.{name}.{quality}", value)) is not None:
                found[one[0]] = one[1]
    return found


def _of_part(part: Summary | WorkloadSummary, workload: str | None) -> Iterator[tuple[Figure, Measured]]:
    censored = {"ttft": part.requests.censored.ttft, "e2e": part.requests.censored.e2e}
    for latency in LATENCIES:
        dist: Dist | None = getattr(part.latency, f"{latency}_s")
        if latency == "ttfo" and dist == part.latency.ttft_s:
            continue  # nothing was reasoned: the same figures under another name
        for name, q in QUANTILES.items():
            figure = Figure(f"{latency}.{name}", workload, "ratio", "lower", "s")
            yield figure, _of_dist(dist, name, q, censored.get(latency, 0))
    rates = part.throughput
    for name, value in (
        ("requests", rates.requests_per_s),
        ("output_tokens", rates.output_tokens_per_s),
        ("good_requests", rates.goodput_requests_per_s),
    ):
        yield Figure(f"throughput.{name}", workload, "ratio", "higher", "1/s"), Measured(value)
    requests = part.requests
    judged = requests.ok + requests.failed
    yield (
        Figure("error_rate", workload, "difference", "lower", "share"),
        Measured(requests.error_rate, hits=requests.failed, n=judged),
    )
    wanted = requests.scheduled - requests.cancelled
    yield (
        Figure("goodput", workload, "difference", "higher", "share"),
        Measured(requests.goodput, hits=requests.good, n=wanted),
    )
    cost = part.cost
    for name, value in (
        ("per_1k_requests", cost.per_1k_requests),
        ("per_1m_output_tokens", cost.per_1m_output_tokens),
    ):
        yield Figure(f"cost.{name}", workload, "ratio", "lower", cost.currency or ""), Measured(value)


def _of_dist(dist: Dist | None, name: str, q: float, censored: int) -> Measured:
    if dist is None:
        return Measured(None)
    value: float | None = getattr(dist, name)
    if value is None:
        return Measured(None, why=f"{dist.n} values are too few for a {name}")
    if censored > (1 - q) * (dist.n + censored):
        return Measured(None, why=f"{censored} turns were cut off before their end, and reach into the {name}")
    return Measured(value)


def _quality(name: str, quality: Quality) -> tuple[Figure, Measured] | None:
    """A workload's own figure; None for a table."""
    value = quality.value
    if isinstance(value, msgspec.UnsetType):
        return None
    unit = "" if isinstance(quality.unit, msgspec.UnsetType) else quality.unit
    last = name.rpartition(".")[2].lower()
    lower, higher = bool(_LOWER.search(last)), bool(_HIGHER.search(last))
    better: Better | None = None if lower == higher else "lower" if lower else "higher"
    if unit not in _SHARES:
        better = None  # what counts as a change of seconds or tokens, a percentage point does not say
    low, high = (None if isinstance(b, msgspec.UnsetType) else b for b in (quality.ci_low, quality.ci_high))
    return Figure(name, None, "difference", better, unit), Measured(value, low=low, high=high)
