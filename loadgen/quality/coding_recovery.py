"""What agents make of failures that are not theirs: solved all the same, and at what price.

Which session meets a failure is drawn before it begins, so those that met one and those that had the same occasion and
met none differ by chance alone. Extra turns, tokens and seconds compare solved sessions of the same task.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from loadgen.metrics.summary import Quality
from loadgen.quality.coding_trials import Trial
from loadgen.quality.sessions import change, figure
from loadgen.stats.binomial import t_of
from loadgen.stats.interval import Interval
from loadgen.stats.proportions import wilson

_Cell = str | float | int | None
_FAULTS: Final = ("test_timeout", "edit_failed", "flaky_test")
_PRICES: Final[Mapping[str, tuple[str, Callable[[Trial], float | None]]]] = {
    "extra_turns": ("turns", lambda trial: trial.turns),
    "extra_tokens": ("tokens", lambda trial: trial.tokens),
    "extra_s": ("s", lambda trial: trial.time_s),
}
# With fewer degrees of freedom an interval says nothing that anybody could use.
_FEWEST_DEGREES: Final = 4
_UNKNOWN: Final = Interval(None, None, None, 0.95, 0, 0)


def recovery(trials: Sequence[Trial]) -> dict[str, Quality]:
    """The figures over all failures, and a row each; nothing where no session met any."""
    judged = [trial for trial in trials if trial.solved is not None]
    if not any(trial.met for trial in judged):
        return {}
    rows: list[list[_Cell]] = []
    met = [trial for trial in judged if trial.met]
    spared = [trial for trial in judged if trial.assigned == "none"]
    for fault in _FAULTS:
        hit = [trial for trial in met if trial.assigned == fault]
        rows.append(_row(fault, hit, [trial for trial in spared if fault in trial.chances]))
    columns = ["failure", "sessions", "solved", "ci_low", "ci_high", "solved_without", "without"]
    columns += ["change", "change_low", "change_high"]
    for name in _PRICES:
        columns += [name, f"{name}_low", f"{name}_high"]
    found = {"recovery": Quality(columns=columns, rows=rows), "recovered": figure(_solved(met))}
    for name, (unit, of) in _PRICES.items():
        if (extra := extra_of(met, [trial for trial in spared if trial.chances], of)).estimate is not None:
            found[f"recovery_{name}"] = figure(extra, unit)
    return found


def _row(fault: str, hit: list[Trial], spared: list[Trial]) -> list[_Cell]:
    with_it, without = _solved(hit), _solved(spared)
    row: list[_Cell] = [fault, len(hit), with_it.estimate, with_it.low, with_it.high, without.estimate, len(spared)]
    shift = change(without, with_it)
    row += [shift.estimate, shift.low, shift.high]
    for _, of in _PRICES.values():
        extra = extra_of(hit, spared, of)
        row += [extra.estimate, extra.low, extra.high]
    return row


def _solved(trials: Sequence[Trial]) -> Interval:
    return wilson(sum(trial.solved is True for trial in trials), len(trials))


def extra_of(hit: Iterable[Trial], spared: Iterable[Trial], of: Callable[[Trial], float | None]) -> Interval:
    """What sessions that met a failure took more than others of their task, all solved; with Student's interval.

    The difference of each task's means, weighted by how many met a failure; the spread within tasks is pooled. No
    bounds where few sessions leave it unknown, or none differs from others of its kind: that is not certainty.
    """
    met, others = _values(hit, of), _values(spared, of)
    strata = [(met[task], others[task]) for task in met if task in others]
    count = sum(len(ours) for ours, _ in strata)
    if not count:
        return _UNKNOWN
    extra = sum(len(ours) * (_mean(ours) - _mean(theirs)) for ours, theirs in strata) / count
    degrees = sum(len(ours) + len(theirs) - 2 for ours, theirs in strata)
    spread = sum(_squares(ours) + _squares(theirs) for ours, theirs in strata)
    if degrees < _FEWEST_DEGREES or spread <= 0:
        return Interval(extra, None, None, 0.95, count, count)
    squares = spread / degrees
    share = sum((len(ours) / count) ** 2 * (1 / len(ours) + 1 / len(theirs)) for ours, theirs in strata)
    half = t_of(0.95, degrees) * math.sqrt(squares * share)
    return Interval(extra, extra - half, extra + half, 0.95, count, count)


def _values(trials: Iterable[Trial], of: Callable[[Trial], float | None]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if trial.whole and trial.solved and (value := of(trial)) is not None:
            found[trial.task].append(value)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    mean = _mean(values)
    return sum((value - mean) ** 2 for value in values)
