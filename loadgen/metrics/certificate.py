"""The generator certificate: was the generator itself the bottleneck? Called by the summary, on the master.

Judges the measured stages only, from what the workers measured of themselves. What was not measured is said,
and never taken for good.
"""

import msgspec

from loadgen.metrics.histogram import Histogram
from loadgen.metrics.snapshot import SandboxUse

# Below 10 ms a late start is lost in any server's TTFT; above it, 5 % of the median TTFT is what still goes unseen.
SCHEDULE_LAG_S = 0.010
SCHEDULE_LAG_TTFT_SHARE = 0.05
# A loop that wakes 20 ms late stamps chunks of a 50 tokens/s stream in the wrong order of magnitude.
LOOP_LAG_S = 0.020
CPU_RATIO = 0.9
CPU_SECONDS = 5
# Above this the reads carried several chunks each, as they also do when the server coalesces.
CHUNKS_PER_READ = 1.5


class Evidence(msgspec.Struct, frozen=True):
    """What the rule is applied to, measured stages merged over the workers.

    busiest_s: per worker, the longest stretch of seconds on end with the engine thread above CPU_RATIO.
    cpu_ratio: the mean share of a core of the busiest worker; None without samples.
    sandboxes: what code that models wrote took beside the engines; None where none ran.
    """

    turns: int
    schedule_lag: Histogram
    loop_lag: Histogram
    ttft: Histogram
    busiest_s: dict[str, int]
    cpu_ratio: float | None
    chunks_per_read: float | None
    sandboxes: SandboxUse | None = None


class Certificate(msgspec.Struct, frozen=True):
    """valid, the reasons where it is not, and what could not be judged."""

    valid: bool
    reasons: list[str]
    notes: list[str]


def certify(evidence: Evidence) -> Certificate:
    """Apply the rule of docs/metrics.md ("valid")."""
    reasons = [
        *_schedule_reasons(evidence),
        *_loop_reasons(evidence),
        *(
            f"worker {worker}: the engine thread used over {CPU_RATIO:.0%} of a core for {seconds} s on end "
            f"(limit {CPU_SECONDS} s); use more workers"
            for worker, seconds in sorted(evidence.busiest_s.items())
            if seconds >= CPU_SECONDS
        ),
    ]
    if reasons and evidence.sandboxes is not None:
        reasons.append(_beside(evidence.sandboxes))
    notes = []
    if evidence.cpu_ratio is None:
        notes.append("the engine thread's CPU share was never sampled in a measured stage")
    if 0 < evidence.schedule_lag.n < 100:
        notes.append(f"schedule lag p99 is the maximum of only {evidence.schedule_lag.n} turns (100 would settle it)")
    return Certificate(valid=not reasons, reasons=reasons, notes=notes)


def _schedule_reasons(evidence: Evidence) -> list[str]:
    lag_s = evidence.schedule_lag.quantile(0.99)
    if lag_s is None:
        return ["schedule lag is unknown: no turn was taken up in a measured stage"]
    ttft_s = evidence.ttft.quantile(0.5)
    limit_s = max(SCHEDULE_LAG_S, SCHEDULE_LAG_TTFT_SHARE * (ttft_s or 0.0))
    if lag_s <= limit_s:
        return []
    basis = "10 ms" if limit_s == SCHEDULE_LAG_S else "5 % of the TTFT p50"
    return [
        f"schedule lag p99 is {_ms(lag_s)}, over the limit of {_ms(limit_s)} ({basis}): turns started late; "
        "use more workers or less load"
    ]


def _loop_reasons(evidence: Evidence) -> list[str]:
    lag_s = evidence.loop_lag.quantile(0.99)
    if lag_s is None:
        return ["loop lag is unknown: it was never sampled in a measured stage"]
    if lag_s <= LOOP_LAG_S:
        return []
    reasons = [
        f"loop lag p99 is {_ms(lag_s)}, over the limit of {_ms(LOOP_LAG_S)}: stamps were taken late; "
        "use more workers or less load"
    ]
    if evidence.chunks_per_read is not None and evidence.chunks_per_read > CHUNKS_PER_READ:
        reasons.append(
            f"{evidence.chunks_per_read:.1f} chunks a read: with the loop that late they piled up in the sockets"
        )
    return reasons


def _beside(use: SandboxUse) -> str:
    """What ran on the same machine. It stands back behind the engine, but caches and memory are shared."""
    return (
        f"beside the engine {use.runs} sandbox runs took {use.cpu_s:.1f} s of CPU: fewer at a time (the workload's "
        "`parallel`), or more processors, tell whether they starved it"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"
