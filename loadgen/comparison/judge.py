"""Compares two sides of runs: refuses what can't be compared, measures how far each figure moved, and judges that."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from loadgen.comparison.alike import differences, notes, pairs_of
from loadgen.comparison.by_runs import Moved, moved_over_runs
from loadgen.comparison.by_session import Played, are_paired, moved_over_sessions
from loadgen.comparison.figures import Figure, Measured, chooser, measured
from loadgen.comparison.goodness import OF_GOOD, Limits
from loadgen.comparison.result import ComparedRun, Comparison, Difference, MetricResult, Outcome, Unit
from loadgen.comparison.rules import Rules, outcome_of, worsened
from loadgen.comparison.runs import Run
from loadgen.errors import ExitCode, UsageError
from loadgen.stats.comparison import runs_needed

_EXIT = {
    "regression": ExitCode.SLO_FAILED,
    "no_regression": ExitCode.PASS,
    "cannot_tell": ExitCode.INCONCLUSIVE,
}
_UNKNOWN = "no share, or which way is better is not known from its name"
_OTHER_LIMITS = "the runs' SLOs differ, and so does what a good turn is"
# A cache that helps one side by less than this share of its input moves no median by much.
_CACHED_APART = 0.05


@dataclass(frozen=True)
class Request:
    """What to compare. metrics: names or their first parts, none for all. by_workload: each workload's figures too.

    force: compare although scenario, load or certificate speak against it.
    """

    rules: Rules = field(default_factory=Rules)
    metrics: tuple[str, ...] = ()
    by_workload: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class _Sides:
    """The runs of both sides, in pairs where `paired`, and what was taken for independent."""

    baseline: list[Run]
    candidate: list[Run]
    paired: bool
    unit: Unit

    @property
    def single(self) -> bool:
        """One run a side."""
        return self.unit in ("session", "session_pair")

    @property
    def counts(self) -> tuple[int, int]:
        """Runs of either side."""
        return len(self.baseline), len(self.candidate)


def compare(baseline: Sequence[Run], candidate: Sequence[Run], request: Request) -> Comparison:
    """The comparison of two sides of at least one run each.

    Raises UsageError where the runs are not of the same scenario and load or not valid, and it is not forced.
    """
    _refuse_repeated([*baseline, *candidate])
    unlike = differences(baseline, candidate)
    if unlike and not request.force:
        raise UsageError(_refusal(unlike))
    wanted = chooser(request.metrics)
    sides = _sides(baseline, candidate)
    before, after = (
        [_chosen(run, wanted, request.by_workload) for run in side] for side in (sides.baseline, sides.candidate)
    )
    figures = list(dict.fromkeys(figure for row in (*before, *after) for figure in row))
    if not figures:
        raise UsageError("none of these runs measured any of the figures to compare; see --metrics")
    # Held against other limits, as many turns are good or not whatever the target did.
    unlike_limits = _limits_differ([*baseline, *candidate])
    judged = [one for one in figures if one.better is not None and not (unlike_limits and one.name in OF_GOOD)]
    told = notes(baseline, candidate)
    if sides.single:
        found = moved_over_sessions(
            judged,
            _played(sides.baseline[0]),
            _played(sides.candidate[0]),
            (before[0], after[0]),
            request.rules,
            paired=sides.paired,
        )
    else:
        found, spread = moved_over_runs(judged, before, after, request.rules, paired=sides.paired)
        told += _spread_note(sides, spread)
    metrics = [_result(figure, before, after, found.get(figure), sides, request.rules) for figure in figures]
    return _concluded(metrics, sides, request.rules, unlike, [*told, *_content_notes(sides, request.rules)])


def _limits_differ(runs: Sequence[Run]) -> bool:
    """Whether a good turn is something else in one run than in another, as far as their scenarios tell."""
    known = [Limits.of(run.summary, (run.scenario or {}).get("slos")) for run in runs]
    return len({limits.key for limits in known if limits is not None}) > 1


def _refuse_repeated(runs: Sequence[Run]) -> None:
    seen: dict[str, str] = {}
    for run in runs:
        other = seen.setdefault(run.summary.run.id, run.path)
        if other != run.path or sum(one.path == run.path for one in runs) > 1:
            raise UsageError(f"{run.path}: the same run as {other}; a run can't be compared with itself")


def _refusal(unlike: list[Difference]) -> str:
    lines = [
        f"  {one.what}" + (f": {one.baseline} against {one.candidate}" if one.baseline != one.candidate else "")
        for one in unlike
    ]
    return "\n".join(["these runs can't be compared (--force does it all the same):", *lines])


def _sides(baseline: Sequence[Run], candidate: Sequence[Run]) -> _Sides:
    if len(baseline) == len(candidate) == 1:
        paired = are_paired(_played(baseline[0]), _played(candidate[0]))
        return _Sides([*baseline], [*candidate], paired, "session_pair" if paired else "session")
    if pairs := pairs_of(baseline, candidate):
        return _Sides([one for one, _ in pairs], [other for _, other in pairs], True, "run_pair")
    return _Sides([*baseline], [*candidate], False, "run")


def _played(run: Run) -> Played:
    limits = Limits.of(run.summary, (run.scenario or {}).get("slos"))
    return Played(run.summary.run.seed, run.turns, run.histograms, limits)


def _chosen(run: Run, wanted: re.Pattern[str], by_workload: bool) -> dict[Figure, Measured]:
    """What the run measured of the figures that are wanted; one with a reason for its absence counts."""
    found = measured(run.summary, by_workload=by_workload)
    return {
        figure: one
        for figure, one in found.items()
        if wanted.fullmatch(figure.name) and (one.value is not None or one.why is not None)
    }


def _result(
    figure: Figure,
    before: Sequence[dict[Figure, Measured]],
    after: Sequence[dict[Figure, Measured]],
    moved: Moved | None,
    sides: _Sides,
    rules: Rules,
) -> MetricResult:
    means = [_mean(figure, side) for side in (before, after)]
    result = MetricResult(
        name=figure.name,
        workload=figure.workload,
        scale=figure.scale,
        better=figure.better,
        unit=figure.unit,
        baseline=means[0],
        candidate=means[1],
        change=None,
        ci_low=None,
        ci_high=None,
        adjusted_low=None,
        adjusted_high=None,
        outcome="cannot_tell",
        reason=None,
        runs_needed=None,
    )
    if moved is None:
        unknown = _UNKNOWN if figure.better is None else _OTHER_LIMITS
        change = _plain_change(figure, means)
        return msgspec.structs.replace(result, outcome="not_judged", reason=unknown, change=change)
    shift = moved.shift
    if shift is None:
        return msgspec.structs.replace(result, reason=moved.why)
    worse, margin, tolerance = worsened(shift, figure), rules.margin(figure), rules.tolerance(figure)
    outcome = outcome_of(worse, margin, tolerance)
    undecided = outcome == "cannot_tell"
    alone = worse.low is not None and worse.low > 0 and worse.estimate >= margin
    why = moved.why or ("worse by its own interval, but not by that of all figures together" if alone else None)
    needed = runs_needed(
        worse,
        sides.counts,
        moved.df,
        margin=margin,
        tolerance=tolerance,
        confidence=rules.confidence,
        paired=sides.unit == "run_pair",
    )
    return msgspec.structs.replace(
        result,
        change=_shown(figure, shift.estimate),
        ci_low=_shown(figure, shift.low),
        ci_high=_shown(figure, shift.high),
        adjusted_low=_shown(figure, shift.wide_low),
        adjusted_high=_shown(figure, shift.wide_high),
        outcome=outcome,
        reason=why if undecided else None,
        runs_needed=needed if undecided else None,
    )


def _mean(figure: Figure, side: Sequence[dict[Figure, Measured]]) -> float | None:
    """Over the runs that have it; geometric for what changes by a ratio."""
    values = [one.value for row in side if (one := row.get(figure)) is not None and one.value is not None]
    if not values:
        return None
    if figure.scale == "ratio" and min(values) > 0:
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)


def _plain_change(figure: Figure, means: Sequence[float | None]) -> float | None:
    """The change of a figure that is not judged, on its scale; None where a side has none, or a ratio no ground."""
    before, after = means
    if before is None or after is None:
        return None
    if figure.scale == "ratio":
        return after / before - 1 if before > 0 else None
    return after - before


def _shown(figure: Figure, shift: float | None) -> float | None:
    return None if shift is None else math.expm1(shift) if figure.scale == "ratio" else shift


def _concluded(
    metrics: list[MetricResult], sides: _Sides, rules: Rules, unlike: list[Difference], told: list[str]
) -> Comparison:
    outcomes = {metric.outcome for metric in metrics}
    told_all = outcomes - {"not_judged"} and "cannot_tell" not in outcomes
    outcome: Outcome = "regression" if "regression" in outcomes else "no_regression" if told_all else "cannot_tell"
    return Comparison(
        outcome=outcome,
        exit_code=int(_EXIT[outcome]),
        unit=sides.unit,
        confidence=rules.confidence,
        min_effect=rules.min_effect,
        min_points=rules.min_points,
        rule_out=max(rules.rule_out, rules.min_effect),
        run_noise=rules.run_noise if sides.single else None,
        runs_needed=_most_needed(metrics),
        baseline=[_compared(run) for run in sides.baseline],
        candidate=[_compared(run) for run in sides.candidate],
        differences=unlike,
        notes=told,
        metrics=metrics,
    )


def _most_needed(metrics: list[MetricResult]) -> int | None:
    """The runs a side that would tell all of what is undecided; None where nothing is, or for some it is not known."""
    needed = [metric.runs_needed for metric in metrics if metric.outcome == "cannot_tell"]
    return None if None in needed else max((count for count in needed if count is not None), default=None)


def _compared(run: Run) -> ComparedRun:
    info = run.summary.run
    return ComparedRun(
        path=run.path,
        id=info.id,
        started_at=info.started_at,
        version=info.version,
        target=info.target,
        model=info.model,
        seed=info.seed,
        workers=info.workers,
        valid=run.summary.generator.valid,
    )


def _spread_note(sides: _Sides, spread: float | None) -> list[str]:
    if spread is None:
        return []
    of = "pair's difference" if sides.paired else "run"
    told = [f"the standard deviation of a {of} is {math.expm1(spread):.1%}, the median over latencies, rates and costs"]
    if 1 in sides.counts:
        told.append("one side has one run: its spread is taken to be the other side's")
    return told


def _content_notes(sides: _Sides, rules: Rules) -> list[str]:
    """What makes two sides' figures differ whatever the speed: longer answers, and a prefix cache that was warm."""
    lengths = [_ratio_of_sums(side, _output, _ok) for side in (sides.baseline, sides.candidate)]
    told = []
    if lengths[0] and lengths[1] and abs(lengths[1] / lengths[0] - 1) > rules.min_effect:
        told.append(
            f"{lengths[0]:.0f} against {lengths[1]:.0f} output tokens an answer ({lengths[1] / lengths[0] - 1:+.1%}): "
            "end-to-end times, requests per second and costs differ for that alone; TPOT and ITL do not"
        )
    cached = [_ratio_of_sums(side, _cached, _input) for side in (sides.baseline, sides.candidate)]
    if cached[0] is not None and cached[1] is not None and abs(cached[1] - cached[0]) > _CACHED_APART:
        told.append(
            f"{cached[0]:.0%} against {cached[1]:.0%} of the input came from the server's prefix cache: if an earlier "
            "run of the same seed had warmed it, times to first token compare caches, not builds"
        )
    return told


def _ratio_of_sums(
    side: Sequence[Run], upper: Callable[[Run], int | None], lower: Callable[[Run], int | None]
) -> float | None:
    """Over the side's runs; None where a part is not known."""
    parts = [(upper(run), lower(run)) for run in side]
    if any(one is None or not other for one, other in parts):
        return None
    return sum(one or 0 for one, _ in parts) / sum(other or 0 for _, other in parts)


def _output(run: Run) -> int | None:
    return run.summary.tokens.output


def _cached(run: Run) -> int | None:
    return run.summary.tokens.cached_input


def _input(run: Run) -> int | None:
    return run.summary.tokens.input


def _ok(run: Run) -> int | None:
    return run.summary.requests.ok
