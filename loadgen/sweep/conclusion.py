"""What a sweep's steps come to: the answer in words with its exit code, and the knee of the capacity curve."""

from collections.abc import Sequence

from loadgen.errors import ExitCode
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.model import Knee, Plan, Result, Step, Subject, Unit
from loadgen.sweep.search import Answer, Limits, Next, Trial, answer_of, next_listed, next_trial, steps_left

# Levels whose power is this close to the greatest can't be told from it: a step's mean time is no surer than that.
_ALIKE = 0.05
_LEAST_POINTS = 3


def limits_of(subject: Subject, plan: Plan) -> Limits:
    """The search's limits by the sweep's plan."""
    return Limits(
        start=plan.start,
        lowest=plan.lowest,
        highest=plan.highest,
        precision=plan.precision,
        duration_s=subject.duration_s,
        max_step_s=plan.max_step_s,
        whole=subject.unit == "users",
    )


def upcoming(subject: Subject, plan: Plan, steps: Sequence[Step]) -> Next | None:
    """What to measure next; None where the sweep has its answer."""
    limits, trials = limits_of(subject, plan), trials_of(steps)
    if plan.levels is not None:
        return next_listed(plan.levels, trials, limits)
    following = next_trial(trials, limits)
    return following if isinstance(following, Next) else None


def trials_of(steps: Sequence[Step]) -> list[Trial]:
    """The steps as the search sees them."""
    return [Trial(step.level, step.duration_s, step.outcome, step.longer, bool(step.figures.growing)) for step in steps]


def about_steps(subject: Subject, plan: Plan, steps: Sequence[Step]) -> int:
    """About how many steps there will be in all."""
    if plan.levels is not None:
        measured = {step.level for step in steps}
        return len(steps) + sum(level not in measured for level in plan.levels)
    return len(steps) + max(1, steps_left(trials_of(steps), limits_of(subject, plan)))


def shown(level: float, unit: Unit) -> str:
    """`4 sessions/s`, `8 users`."""
    return f"{level:g} sessions/s" if unit == "rate" else f"{level:g} user{'' if level == 1 else 's'}"


def points_of(steps: Sequence[Step]) -> list[Step]:
    """The capacity curve: of each level the last step, which ran longest, ascending; none that are invalid."""
    last = {step.level: step for step in steps if step.outcome != "invalid"}
    return [last[level] for level in sorted(last)]


def conclude(subject: Subject, plan: Plan, steps: Sequence[Step], *, complete: bool) -> Result:
    """What is known by these steps. complete: whether all that were to come have."""
    answer = answer_of(trials_of(steps), limits_of(subject, plan))
    searched = plan.levels is None
    code = _search_code(answer) if searched else _curve_code(answer, steps, judged=bool(subject.slos))
    return Result(
        complete=complete,
        kind=answer.kind if searched else "curve",
        exit_code=int(code),
        highest_passed=answer.highest_passed,
        lowest_failed=answer.lowest_failed,
        undecided=list(answer.undecided),
        generator_limit=answer.generator_limit,
        precision=answer.precision,
        text=_text(answer, subject, steps, searched=searched, complete=complete),
        knee=knee_of(steps, subject.unit),
    )


def _search_code(answer: Answer) -> ExitCode:
    return {
        "found": ExitCode.PASS,
        "at_least": ExitCode.PASS,
        "none_passes": ExitCode.SLO_FAILED,
        "undecided": ExitCode.INCONCLUSIVE,
        "generator": ExitCode.INVALID_RUN,
    }[answer.kind]


def _curve_code(answer: Answer, steps: Sequence[Step], *, judged: bool) -> ExitCode:
    """Of levels that were asked for: pass where any does, or where nothing is to be judged and a step is valid."""
    if not any(step.outcome != "invalid" for step in steps):
        return ExitCode.INVALID_RUN
    if answer.highest_passed is not None or not judged:
        return ExitCode.PASS
    return ExitCode.SLO_FAILED if answer.kind == "none_passes" else ExitCode.INCONCLUSIVE


def _text(answer: Answer, subject: Subject, steps: Sequence[Step], *, searched: bool, complete: bool) -> str:
    unit = subject.unit
    parts = [] if complete else ["Not complete."]
    if not subject.slos:
        return " ".join([*parts, "The scenario states no SLO, so no level passes or fails."])
    low, high = answer.highest_passed, answer.lowest_failed
    if low is None and high is None:
        parts.append("No level passed or failed.")
    elif low is None:
        assert high is not None
        parts.append(f"Nothing passed: {shown(high, unit)}, the lowest that was decided, failed.")
    elif high is None:
        why = " (the highest allowed by --to)" if answer.kind == "at_least" and searched else ""
        parts.append(f"Passed up to {shown(low, unit)}{why}; nothing failed.")
    else:
        parts.append(_between(low, high, unit, found=answer.kind == "found"))
    if high is not None and (above := sorted({s.level for s in steps if s.outcome == "pass" and s.level > high})):
        levels = ", ".join(f"{level:g}" for level in above)
        parts.append(
            f"Passed above it too, at {levels}, which does not count: one of the verdicts is chance, or the target "
            "changed in between."
        )
    if answer.undecided:
        levels = ", ".join(f"{level:g}" for level in answer.undecided)
        longest_s = max(step.duration_s for step in steps if step.level in answer.undecided)
        parts.append(f"Could not decide at {levels}, measured for up to {format_duration(longest_s)}.")
    if searched and complete and answer.kind == "undecided" and answer.undecided:
        parts.append("Longer steps (--duration, --max-step-duration) narrow it.")
    if answer.generator_limit is not None:
        limit = shown(answer.generator_limit, unit)
        parts.append(f"At {limit} the generator was the bottleneck: nothing is known of the target from there on.")
    return " ".join(parts)


def _between(low: float, high: float, unit: Unit, *, found: bool) -> str:
    apart = f"{high / low - 1:.1%} apart"
    if found:
        return f"The maximum is between {shown(low, unit)} (passed) and {shown(high, unit)} (failed), {apart}."
    return f"Passed at {shown(low, unit)}, failed at {shown(high, unit)}, {apart}."


def knee_of(steps: Sequence[Step], unit: Unit) -> Knee | None:
    """The level of the greatest power, throughput over mean end-to-end time; None for fewer than three points.

    L. Kleinrock, Power and deterministic rules of thumb for probabilistic problems in computer communications, ICC
    1979: below it more load costs little latency, above it latency grows faster than throughput.
    """
    powers = [(step.level, power) for step in points_of(steps) if (power := _power(step)) is not None]
    if len(powers) < _LEAST_POINTS:
        return None
    greatest = max(power for _, power in powers)
    best = next(level for level, power in powers if power == greatest)
    alike = [level for level, power in powers if power >= (1 - _ALIKE) * greatest]
    low = max((level for level, _ in powers if level < min(alike)), default=None)
    high = min((level for level, _ in powers if level > max(alike)), default=None)
    if high is None:
        top = powers[-1][0]
        text = f"No knee up to {shown(top, unit)}: throughput still grows as fast as latency there."
        return Knee(level=None, low=low, high=None, text=text)
    among = ", ".join(f"{level:g}" for level in alike)
    also = f"; {among} are alike to {_ALIKE:.0%}" if len(alike) > 1 else ""
    where = f"between {low:g} and {high:g}" if low is not None else f"below {high:g}, and perhaps below all measured"
    text = f"The most throughput for its latency is at {shown(best, unit)}, by the levels measured {where}{also}."
    return Knee(level=best, low=low, high=high, text=text)


def _power(step: Step) -> float | None:
    throughput, e2e_s = step.figures.requests_per_s, step.figures.e2e_s
    if throughput is None or e2e_s is None or not e2e_s.mean:
        return None
    return throughput / e2e_s.mean
