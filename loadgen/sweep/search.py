"""Which level to measure next, and what the answer is: a pure function of the trials so far.

So a sweep that was interrupted goes on where it was by being asked again. A trial has three ways to end: at the limit
itself no run, however long, tells pass from fail, so a search on two-way verdicts would believe noise there. Here an
inconclusive level is measured for longer, and where that does not decide it either it is left as a hole in the answer,
narrowed from both sides.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loadgen.sweep.model import Outcome

# Levels are rounded to so many digits, for people to read and type; not where the precision asked for is finer.
_DIGITS = 3
_FINE_DIGITS = 5
_FINE_PRECISION = 0.02
# How much more than `longer` says: the number of samples needed is itself an estimate.
_MARGIN = 1.2
# A single late moment on a shared machine makes a run invalid, the generator's limit does so again.
_INVALID_TRIALS = 2
_EQUAL = 1e-9

Kind = Literal["found", "at_least", "none_passes", "undecided", "generator"]
_State = Literal["pass", "fail", "undecided", "generator", "open"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One level measured. longer: by which factor the duration should grow for a verdict, None where not known."""

    level: float
    duration_s: float
    outcome: Outcome
    longer: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Where and how far to search: from `start` on, within [lowest, highest], to the share `precision`.

    duration_s: of a first trial; max_step_s: of the longest. whole: levels are whole numbers (users).
    """

    start: float
    lowest: float
    highest: float | None
    precision: float
    duration_s: float
    max_step_s: float
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The level to measure next, and for how long. again: it was measured before, without a verdict."""

    level: float
    duration_s: float
    again: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the search came to; the fields as in model.Result."""

    kind: Kind
    highest_passed: float | None
    lowest_failed: float | None
    undecided: tuple[float, ...]
    generator_limit: float | None

    @property
    def precision(self) -> float | None:
        """How far apart, as a share, pass and fail are; None where one of them is not known."""
        if self.highest_passed is None or self.lowest_failed is None:
            return None
        return self.lowest_failed / self.highest_passed - 1


def next_trial(trials: Sequence[Trial], limits: Limits) -> Next | Answer:
    """What to measure next to find the highest level that passes, or the answer.

    Doubling from `start` until a level fails (halving until one passes), then the geometric middle. A verdict is never
    asked for again once it is there, so the number of trials is bounded whatever their outcomes.
    """
    if waiting := _again(trials, limits):
        return waiting
    answer = answer_of(trials, limits)
    level = _next_level(trials, answer, limits)
    # Beside a level that took the longest step and was not decided, a short one would hardly be.
    inside = answer.undecided and _upper(answer) is not None
    duration_s = limits.max_step_s if inside else limits.duration_s
    return answer if level is None else Next(level, duration_s, again=False)


def next_listed(levels: Sequence[float], trials: Sequence[Trial], limits: Limits) -> Next | None:
    """The next of the levels asked for, in their order; None when all are measured."""
    for level in levels:
        state = _state([trial for trial in trials if trial.level == level], limits)
        if state is None:
            return Next(level, limits.duration_s, again=False)
        if state == "open":
            return _again(trials, limits)
    return None


def answer_of(trials: Sequence[Trial], limits: Limits) -> Answer:
    """What the trials say, as far as they go. A pass above a level that failed does not count."""
    states = _states(trials, limits)
    failed = min(_those(states, "fail"), default=None)
    passed = max((level for level in _those(states, "pass") if failed is None or level < failed), default=None)
    above = [level for level in _those(states, "generator") if passed is None or level > passed]
    generator = min(above, default=None)
    ends = [end for end in (failed, generator) if end is not None]
    undecided = [
        level
        for level in (*_those(states, "undecided"), *_those(states, "open"))
        if (passed is None or level > passed) and (not ends or level < min(ends))
    ]
    found = Answer("undecided", passed, failed, tuple(sorted(undecided)), generator)
    return Answer(_kind(found, states, limits), passed, failed, found.undecided, generator)


def steps_left(trials: Sequence[Trial], limits: Limits) -> int:
    """About how many more trials the search takes, if each gets its verdict at once."""
    answer = answer_of(trials, limits)
    low, high = answer.highest_passed, _upper(answer)
    if low is None or high is None:
        return (1 if trials else 2) + _halvings(limits.start, 2 * limits.start, limits)
    return _halvings(low, high, limits)


def _halvings(low: float, high: float, limits: Limits) -> int:
    parts = high - low if limits.whole else math.inf
    return max(0, math.ceil(math.log2(max(1.0, min(parts, math.log(high / low) / math.log1p(limits.precision))))))


def _states(trials: Sequence[Trial], limits: Limits) -> dict[float, _State]:
    levels = dict.fromkeys(trial.level for trial in trials)
    told = {level: _state([trial for trial in trials if trial.level == level], limits) for level in levels}
    return {level: state for level, state in told.items() if state is not None}


def _state(trials: Sequence[Trial], limits: Limits) -> _State | None:
    """What is known of one level by its trials, in their order; None for no trial."""
    if not trials:
        return None
    for trial in reversed(trials):
        if trial.outcome == "pass" or trial.outcome == "fail":
            return trial.outcome
    if sum(trial.outcome == "invalid" for trial in trials) >= _INVALID_TRIALS:
        return "generator"
    last = trials[-1]
    if last.outcome == "invalid" or last.duration_s < limits.max_step_s * (1 - _EQUAL):
        return "open"
    return "undecided"


def _those(states: dict[float, _State], state: _State) -> list[float]:
    return [level for level, known in states.items() if known == state]


def _again(trials: Sequence[Trial], limits: Limits) -> Next | None:
    """The last level once more, for as long as it takes by what is known; None where it is settled."""
    for level, state in _states(trials, limits).items():
        if state == "open":
            last = [trial for trial in trials if trial.level == level][-1]
            if last.outcome == "invalid":
                return Next(level, last.duration_s, again=True)
            factor = max(2.0, _MARGIN * (last.longer or 0.0))
            return Next(level, min(limits.max_step_s, factor * last.duration_s), again=True)
    return None


def _upper(answer: Answer) -> float | None:
    """Where there is no point in going on: a level that failed, or that the generator can't do."""
    return min((end for end in (answer.lowest_failed, answer.generator_limit) if end is not None), default=None)


def _kind(answer: Answer, states: dict[float, _State], limits: Limits) -> Kind:
    low, high = answer.highest_passed, answer.lowest_failed
    if low is None:
        least = states.get(min(states)) if states else None
        return "none_passes" if least == "fail" else "generator" if least == "generator" else "undecided"
    if high is not None and _close(low, high, limits):
        return "found"
    if answer.generator_limit is not None and (high is None or answer.generator_limit < high):
        return "generator"
    if high is None and limits.highest is not None and low >= limits.highest * (1 - _EQUAL):
        return "at_least"
    return "undecided"


def _next_level(trials: Sequence[Trial], answer: Answer, limits: Limits) -> float | None:
    if not trials:
        return limits.start
    low, high = answer.highest_passed, _upper(answer)
    if low is None:
        least = min(trial.level for trial in trials)
        return None if least <= limits.lowest * (1 + _EQUAL) else max(limits.lowest, _rounded(least / 2, limits))
    top = max((low, *answer.undecided))
    if high is None and (limits.highest is None or top < limits.highest * (1 - _EQUAL)):
        doubled = _rounded(2 * top, limits)
        return doubled if limits.highest is None else min(doubled, limits.highest)
    if high is not None and _close(low, high, limits):
        return None
    # Beside a hole of levels that can't be decided there may be some that can: half the precision on either side of it
    # makes the whole.
    ends: Iterable[tuple[float, float | None]] = (
        ((low, answer.undecided[0]), (top, high)) if answer.undecided else ((low, high),)
    )
    fine = replace(limits, precision=limits.precision / 2) if answer.undecided else limits
    gaps = [(end / start, start, end) for start, end in ends if end is not None and not _close(start, end, fine)]
    if not gaps:
        return None
    _, start, end = max(gaps)
    return _between(start, end, limits)


def _close(low: float, high: float, limits: Limits) -> bool:
    return high / low <= 1 + limits.precision + _EQUAL or (limits.whole and high - low <= 1)


def _between(low: float, high: float, limits: Limits) -> float:
    middle = math.sqrt(low * high)
    if limits.whole:
        return min(high - 1, max(low + 1, float(round(middle))))
    rounded = _rounded(middle, limits)
    return rounded if low < rounded < high else middle


def _rounded(level: float, limits: Limits) -> float:
    if limits.whole:
        return max(1.0, float(round(level)))
    digits = _DIGITS if limits.precision >= _FINE_PRECISION else _FINE_DIGITS
    return float(f"{level:.{digits}g}")
