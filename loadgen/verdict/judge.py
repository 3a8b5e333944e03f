"""The verdict: each objective's outcome by its interval, and the run's by all of them.

Pass only where the whole 95 % interval is on the good side of the limit, fail only where an interval made wider for the
number of objectives (Bonferroni) is on the bad side, else inconclusive, with what would decide it.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from loadgen.arrivals import Schedule
from loadgen.metrics.summary import SloResult, Steadiness, Summary, Verdict
from loadgen.scenario.slos import Slo
from loadgen.verdict.evidence import Evidence
from loadgen.verdict.failure import Failure
from loadgen.verdict.figure import Figure
from loadgen.verdict.figures import figure_of
from loadgen.verdict.steadiness import steadiness_of

CONFIDENCE = 0.95
_INVALID = "the run is invalid: the generator was the bottleneck"
_CLOSE = "the estimate is too close to the limit to be told from it by any practical number of them"
# A share of failed turns that nobody would overlook, had it been asked for.
_TOLD_FAILED = 0.001


def judge(
    summary: Summary,
    slos: Sequence[Slo],
    evidence: Evidence,
    schedule: Schedule,
    failure: Failure | None = None,
) -> Summary:
    """The summary with its verdict, and its stages with what the search for a steady state found.

    failure: the objective that ended the run early; it stays failed, whatever the turns that drained made of it.
    """
    if not slos:
        return summary
    steady: list[Steadiness | None] = [None] * len(schedule.stages)
    if evidence.table is not None and len(evidence.table):
        share = min(1.0, len(evidence.table) / max(1, evidence.aggregate.counted(measured=False).sent))
        steady = steadiness_of(schedule, evidence.table, evidence.ended_s, share)
    growing = [
        stage.name
        for stage, found in zip(schedule.stages, steady, strict=True)
        if found is not None and found.growing is True
    ]
    unreached = [stage.name for stage in schedule.stages if stage.measure and stage.start_s >= evidence.ended_s]
    strict = 1 - (1 - CONFIDENCE) / len(slos)
    results = [_result(slo, evidence, strict, growing, unreached, failure) for slo in slos]
    if not summary.generator.valid:
        results = [msgspec.structs.replace(slo, outcome="not_judged", reason=_INVALID) for slo in results]
    verdict = Verdict(
        _outcome(summary, results),
        results,
        [*_notes(summary, slos, evidence, failure), *_steady_notes(schedule, steady)],
    )
    stages = [msgspec.structs.replace(stage, steady=found) for stage, found in zip(summary.stages, steady, strict=True)]
    return msgspec.structs.replace(summary, verdict=verdict, stages=stages)


def _outcome(
    summary: Summary, results: Sequence[SloResult]
) -> Literal["pass", "fail", "inconclusive", "invalid", "none"]:
    if not summary.generator.valid:
        return "invalid"
    outcomes = {result.outcome for result in results}
    return "fail" if "fail" in outcomes else "inconclusive" if "inconclusive" in outcomes else "pass"


def _result(
    slo: Slo,
    evidence: Evidence,
    strict_confidence: float,
    growing: Sequence[str],
    unreached: Sequence[str],
    failure: Failure | None,
) -> SloResult:
    figure = figure_of(slo, evidence, CONFIDENCE)
    strict = figure if strict_confidence == CONFIDENCE else figure_of(slo, evidence, strict_confidence)
    if failure is not None and failure.slo == slo:
        return _told(slo, figure, "fail", None, failure.reason)
    good, bad = (figure.high, strict.low) if slo.is_upper else (figure.low, strict.high)
    if (bad is not None and not slo.met_by(bad)) or (slo.is_upper and strict.beyond):
        return _told(slo, figure, "fail")
    where = [name for name in growing if slo.stage in (None, name)]
    drifts = bool(where) and (slo.kind == "latency" or slo.metric == "goodput")
    misses = figure.estimate is not None and not slo.met_by(figure.estimate)
    if drifts and misses:
        # What grows has no interval that narrows, but it only gets worse.
        why = f"it is missed, and as the queue grew in stage {', '.join(where)} a longer run would miss it by more"
        return _told(slo, figure, "fail", None, why)
    if good is None or not slo.met_by(good):
        needed = strict.needed if misses else figure.needed
        return _told(slo, figure, "inconclusive", *_undecided(slo, figure, needed, evidence))
    missing = [name for name in unreached if slo.stage in (None, name)]
    if missing:
        why = f"the load ended before stage {', '.join(missing)}"
        return _told(slo, figure, "inconclusive", None, why)
    if drifts:
        why = f"the queue grew in stage {', '.join(where)}: a longer run would give another figure"
        return _told(slo, figure, "inconclusive", None, why)
    return _told(slo, figure, "pass")


def _told(
    slo: Slo,
    figure: Figure,
    outcome: Literal["pass", "fail", "inconclusive"],
    needed: int | None = None,
    reason: str | None = None,
) -> SloResult:
    return SloResult(
        expression=slo.text,
        estimate=figure.estimate,
        ci_low=figure.low,
        ci_high=figure.high,
        confidence=figure.confidence,
        n=figure.n,
        outcome=outcome,
        samples_needed=needed,
        reason=reason,
        limit=slo.limit,
        unit=figure.unit or None,
    )


def _undecided(slo: Slo, figure: Figure, needed: int | None, evidence: Evidence) -> tuple[int | None, str]:
    """How many more would decide it, where that is known, and the reason in words."""
    if figure.why is not None:
        return None, figure.why
    if needed is None:
        return None, _CLOSE
    # Ranks and shares may be one turn apart at the limit: then the one says that none is missing, and the other not.
    needed = max(1, needed)
    return needed, f"needs about {_more(figure, needed, evidence.window_s(slo))}"


def _more(figure: Figure, needed: int, window_s: float) -> str:
    if figure.counted == "seconds":
        return f"{_duration(needed)} more of this load"
    at_this_rate = f": {_duration(needed * window_s / figure.n)} at this rate" if figure.n and window_s > 0 else ""
    return f"{_rounded(needed):,} more {figure.counted}{at_this_rate}"


def _rounded(count: int) -> int:
    """Two digits: it is a guess from what came so far."""
    digits = max(0, len(str(count)) - 2)
    unit: int = 10**digits
    return round(count / unit) * unit


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1.0, seconds):.0f} s"


def _notes(summary: Summary, slos: Sequence[Slo], evidence: Evidence, failure: Failure | None) -> list[str]:
    notes = [] if failure is None else [f"the load was ended early: {failure.slo.text} had failed; {failure.reason}"]
    requests, metrics = summary.requests, {slo.metric for slo in slos}
    share = requests.error_rate or 0.0
    if share > _TOLD_FAILED and not metrics & {"error_rate", "goodput"}:
        notes.append(f"{requests.failed:,} turns failed ({share:.1%}), and no objective limits that")
    if summary.generator.dropped and "goodput" not in metrics:
        notes.append(f"{summary.generator.dropped:,} arrivals were dropped, and no objective limits that")
    if summary.run.workers_lost or summary.run.snapshots_missing:
        notes.append("turns were lost with workers or their reports; what is judged is what arrived")
    recorded, counted = 0 if evidence.table is None else len(evidence.table), evidence.aggregate.counted(measured=False)
    if 0 < recorded < counted.sent:
        notes.append(f"correlation is known from {recorded:,} of {counted.sent:,} turns: the record log is a sample")
    return notes


def _steady_notes(schedule: Schedule, steady: Sequence[Steadiness | None]) -> list[str]:
    notes = []
    for stage, found in zip(schedule.stages, steady, strict=True):
        if found is None:
            continue
        if found.growing and found.backlog_per_s is not None:
            notes.append(f"stage {stage.name}: the queue grew, by {found.backlog_per_s:.3g} turns a second")
    return notes
