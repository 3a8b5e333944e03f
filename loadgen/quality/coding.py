"""What a `coding` workload's turns say: which tasks were solved, what that took, and what agents make of failures.

A session is one trial of one task. Whether tasks like these are solved is told with the tasks as the unit; tables, and
`solved_of_these`, have the trials as the unit, for there the tasks are given. docs/coding.md has the definitions.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.coding_recovery import recovery
from loadgen.quality.coding_trials import Trial, trials_of
from loadgen.quality.sessions import change, figure, of_tasks, share_of
from loadgen.stats.binomial import t_of
from loadgen.stats.clusters import F64
from loadgen.stats.interval import Interval
from loadgen.stats.proportions import clustered, pass_all, wilson

_Cell = str | float | int | None
_MOST_K: Final = 8
_FEWEST_SESSIONS: Final = 5
_SHOWN_K: Final = (2, 4, 8)
_PER_SOLVED: Final[Mapping[str, tuple[str, Callable[[Trial], float | None]]]] = {
    "turns_per_solved": ("turns", lambda trial: trial.turns),
    "tokens_per_solved": ("tokens", lambda trial: trial.tokens),
    "cost_per_solved": ("cost", lambda trial: trial.cost),
    "time_per_solved_s": ("s", lambda trial: trial.time_s),
}


def figures(turns: Sequence[Record]) -> dict[str, Quality]:
    """All figures and tables of one workload; what there was no occasion for is left out."""
    trials = trials_of(turns)
    ended = [trial for trial in trials if trial.ended in ("answered", "step_limit")]
    judged = [trial for trial in ended if trial.solved is not None]
    found: dict[str, Quality] = {}
    if judged:
        found["solved"] = of_tasks(_solved_like_these(judged))
        found["solved_of_these"] = figure(_solved(judged))
        found |= _pass_k(judged) | _per_solved(judged)
    if ended:
        found |= _efforts(ended)
    if over := len(ended) + (failed := sum(trial.ended == "failed" for trial in trials)):
        found["failed"] = figure(wilson(failed, over))
    found["tasks"] = _table("task", trials, lambda trial: trial.task)
    found["kinds"] = _table("kind", trials, lambda trial: trial.kind)
    found |= _by_stage(trials, turns)
    if unsolved := [trial for trial in judged if not trial.solved]:
        found["unsolved"] = _why(unsolved)
    return found | recovery(trials)


def _solved_like_these(trials: Sequence[Trial]) -> Interval:
    """The share solved, for tasks of which these are a sample: trials of one task tell little that is new."""
    by_task = _grouped(trials, lambda trial: trial.task).values()
    hits = np.array([sum(trial.solved is True for trial in of) for of in by_task], dtype=np.float64)
    return clustered(hits, np.array([len(of) for of in by_task], dtype=np.float64))


def _solved(trials: Iterable[Trial]) -> Interval:
    """The share solved of these very tasks, by the trials that were judged."""
    judged = [trial for trial in trials if trial.solved is not None]
    return wilson(sum(trial.solved is True for trial in judged), len(judged))


def _pass_k(trials: Sequence[Trial]) -> dict[str, Quality]:
    """The chance that k trials of a task all succeed: for every k that each of the tasks was tried so often.

    A task's estimate lies between 0 and 1, so that its variance is a hit's at most, and the exact interval of so many
    hits holds; a t interval would have no width where all tasks are always solved.
    """
    by_task = _grouped(trials, lambda trial: trial.task).values()
    rows: list[list[_Cell]] = []
    found: dict[str, Quality] = {}
    for k in range(1, min(_MOST_K, *map(len, by_task)) + 1):
        chances = [pass_all(sum(trial.solved is True for trial in of), len(of), k) or 0.0 for of in by_task]
        interval = clustered(np.array(chances), np.ones(len(chances)))
        rows.append([k, interval.estimate, interval.low, interval.high, len(chances)])
        if k in _SHOWN_K:
            found[f"pass_{k}"] = of_tasks(interval)
    return found | {"pass_k": Quality(columns=["k", "all_solved", "ci_low", "ci_high", "tasks"], rows=rows)}


def _per_solved(trials: Sequence[Trial]) -> dict[str, Quality]:
    """What all trials took, over those that were solved; unknown where nothing was, or where a part is unknown."""
    whole = [trial for trial in trials if trial.whole]
    return {name: figure(_per(whole, of), unit, n=len(whole)) for name, (unit, of) in _PER_SOLVED.items() if whole}


def _per(trials: Sequence[Trial], of: Callable[[Trial], float | None]) -> Interval:
    """What all trials took over the number solved, from solutions per what was taken, whose sizes are never nought.

    Where so few were solved that it might as well be none, there is no upper bound; where nothing was taken, as at a
    price of 0, there are none.
    """
    values = [of(trial) for trial in trials]
    taken = np.array([value for value in values if value is not None], dtype=np.float64)
    solved = np.array([trial.solved is True for trial in trials], dtype=np.float64)
    if len(taken) < len(trials) or not solved.any():
        return Interval(None, None, None, 0.95, 0, 0)
    if not taken.any():
        return Interval(0.0, None, None, 0.95, len(trials), len(trials))
    yields = _ratio_interval(solved, taken)
    turned = [
        1 / bound if bound is not None and bound > 0 else None for bound in (yields.estimate, yields.high, yields.low)
    ]
    return Interval(turned[0], turned[1], turned[2], yields.confidence, len(trials), len(trials))


def _ratio_interval(above: F64, below: F64) -> Interval:
    """The ratio of two sums with Student's interval over sessions (Cochran 1977, 6.4), from 5 on.

    Not with the bootstrap of `stats.means` beside it: most sessions take the same small number of turns, a resample of
    nothing but those has no spread, and of 25 sessions of which one ran its tests once more the bound was 3,800 runs.
    """
    count, total = len(below), float(below.sum())
    ratio = float(above.sum()) / total
    if count < _FEWEST_SESSIONS:
        return Interval(ratio, None, None, 0.95, count, count)
    spread = above - ratio * below
    error = math.sqrt(count / (count - 1) * float(np.dot(spread, spread))) / total
    half = t_of(0.95, count - 1) * error
    return Interval(ratio, ratio - half, ratio + half, 0.95, count, count)


def _mean_of(counts: Sequence[int]) -> Interval:
    return _ratio_interval(np.array(counts, dtype=np.float64), np.ones(len(counts)))


def _efforts(ended: Sequence[Trial]) -> dict[str, Quality]:
    """What sessions did on their way."""
    count = len(ended)
    found = {
        "turns": figure(_mean_of([trial.turns for trial in ended]), "turns"),
        "test_runs": figure(_mean_of([trial.test_runs for trial in ended]), "runs"),
        "step_limit": figure(wilson(sum(trial.ended == "step_limit" for trial in ended), count)),
        "unjudged": figure(wilson(sum(trial.solved is None for trial in ended), count)),
    }
    for name, share in (
        ("edits_failed", share_of((trial.session, trial.edits_failed, trial.edits) for trial in ended)),
        ("edits_denied", share_of((trial.session, trial.edits_denied, trial.edits) for trial in ended)),
    ):
        if share.n:
            found[name] = figure(share)
    return found


def _table(column: str, trials: Sequence[Trial], key: Callable[[Trial], str]) -> Quality:
    """Trials by task or by kind; those not ended, and those that a failed request ended, are in no share."""
    rows: list[list[_Cell]] = []
    for name, of in sorted(_grouped(trials, key).items()):
        ended = [trial for trial in of if trial.ended in ("answered", "step_limit")]
        row: list[_Cell] = [name, *_shown(_solved(ended)), len(ended)]
        row += [_mean([trial.turns for trial in ended]), _mean([trial.test_runs for trial in ended])]
        row += [_mean([trial.time_s for trial in ended if trial.whole])]
        row += [sum(trial.ended == how for trial in of) for how in ("step_limit", "failed", "")]
        rows.append([*row, sum(trial.solved is None for trial in ended)])
    columns = [column, "solved", "ci_low", "ci_high", "sessions", "turns", "test_runs", "time_s"]
    return Quality(columns=[*columns, "step_limit", "failed", "not_ended", "unjudged"], rows=rows)


def _by_stage(trials: Sequence[Trial], turns: Sequence[Record]) -> dict[str, Quality]:
    """What load does: trials by the stage in which they ended, in the order in which the stages began."""
    stages = dict.fromkeys(turn.stage for turn in sorted(turns, key=lambda turn: turn.intended_s))
    rows: list[list[_Cell]] = []
    shares: list[Interval] = []
    for stage in stages:
        of = [trial for trial in trials if trial.stage == stage and trial.ended in ("answered", "step_limit")]
        judged = [trial for trial in of if trial.solved is not None]
        waits = [turn.ttft_s for turn in turns if turn.stage == stage and turn.ttft_s is not None]
        whole = [trial for trial in judged if trial.whole]
        row: list[_Cell] = [stage, _mean(waits), *_shown(_solved(judged)), len(judged)]
        row += [_mean([trial.turns for trial in of]), _mean([trial.test_runs for trial in of])]
        row += [_per(whole, part).estimate if whole else None for _, part in _PER_SOLVED.values()]
        rows.append([*row, _ratio([trial.edits_failed for trial in of], [trial.edits for trial in of])])
        shares.append(_solved(judged))
    columns = ["stage", "ttft_mean_s", "solved", "ci_low", "ci_high", "sessions", "turns", "test_runs"]
    found = {"by_stage": Quality(columns=[*columns, *_PER_SOLVED, "edits_failed"], rows=rows)}
    if len(shares) > 1 and (shift := change(shares[0], shares[-1])).n:
        found["solved_change"] = figure(shift, "difference of shares")
    return found


def _why(unsolved: Sequence[Trial]) -> Quality:
    """What was wrong with work that did not solve its task, the first that applies."""
    counts: dict[str, int] = dict.fromkeys(
        ("nothing changed", "wanted tests red", "other tests broken", "only hidden tests red", "tests did not end"), 0
    )
    for trial in unsolved:
        counts[trial.why] += 1
    rows: list[list[_Cell]] = [[why, count, count / len(unsolved)] for why, count in counts.items()]
    return Quality(columns=["why", "sessions", "share"], rows=rows)


def _shown(interval: Interval) -> list[_Cell]:
    return [interval.estimate, interval.low, interval.high]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratio(above: Sequence[float], below: Sequence[float]) -> float | None:
    return sum(above) / sum(below) if sum(below) else None


def _grouped(trials: Iterable[Trial], key: Callable[[Trial], str]) -> dict[str, list[Trial]]:
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[key(trial)].append(trial)
    return groups
