"""Answers of tasks crossed with phrasings: who agrees, who passes every time, and what a variance is made of.

Used by reasoning.py. The task is the unit of every interval: its answers are alike, whatever the phrasing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import comb

import numpy as np

from loadgen.metrics.record import Record
from loadgen.quality.sessions import share_of
from loadgen.stats.binomial import t_of
from loadgen.stats.interval import Interval
from loadgen.stats.proportions import clustered, pass_all
from loadgen.stats.variance import Components, components

Value = Callable[[Record], float | None]
NOTHING = Interval(None, None, None, 0.95, 0, 0)
# From fewer tasks a mean difference has no bounds.
_FEWEST_TASKS = 5


def mark(turn: Record, name: str) -> object:
    """What the workload noted of an answer."""
    return turn.marks.get(name) if isinstance(turn.marks, dict) else None


def text(turn: Record, name: str) -> str:
    """The same as text."""
    return str(mark(turn, name))


def grouped(turns: Iterable[Record], *names: str) -> dict[tuple[str, ...], list[Record]]:
    """The turns by what the marks of these names say."""
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for turn in turns:
        groups[tuple(text(turn, name) for name in names)].append(turn)
    return groups


def share(turns: Iterable[Record], hit: Callable[[Record], bool]) -> Interval:
    """The share of turns that hit, tasks taken as the independent units."""
    return share_of((text(turn, "task"), float(hit(turn)), 1.0) for turn in turns)


def split(turns: Sequence[Record], value: Value) -> Components | None:
    """What the variance of a value is made of; turns of which it is unknown are left out."""
    known = [
        (found, text(turn, "task"), text(turn, "phrasing")) for turn in turns if (found := value(turn)) is not None
    ]
    if not known:
        return None
    values, tasks, phrasings = zip(*known, strict=True)
    codes = [np.unique(np.array(names), return_inverse=True)[1].astype(np.int64) for names in (tasks, phrasings)]
    return components(np.array(values, dtype=np.float64), codes[0], codes[1])


def same_answers(turns: Sequence[Record], *, across: bool) -> Interval:
    """The share of pairs of answers to a task that are the same, each task counted once; those not found left out.

    across: pairs of different phrasings, else of the same one.
    """
    shares = [
        found for own in grouped(turns, "task").values() if (found := _pairs_alike(own, across=across)) is not None
    ]
    return clustered(np.array(shares), np.ones(len(shares))) if shares else NOTHING


def _pairs_alike(turns: Sequence[Record], *, across: bool) -> float | None:
    """Of one task. None where there is no pair."""
    answers = [(text(turn, "phrasing"), mark(turn, "answer")) for turn in turns if mark(turn, "answer") is not None]
    within = _pairs(Counter(phrasing for phrasing, _ in answers)), _pairs(Counter(answers))
    if across:
        every = _pairs({"": len(answers)}), _pairs(Counter(answer for _, answer in answers))
        pairs, alike = every[0] - within[0], every[1] - within[1]
    else:
        pairs, alike = within
    return alike / pairs if pairs else None


def _pairs(counts: Mapping[object, int]) -> int:
    return sum(comb(count, 2) for count in counts.values())


def passes(turns: Sequence[Record], k: int, right: Callable[[Record], bool], *, within: bool) -> Interval:
    """pass^k: the chance that k answers to one task are all right; each task counted once.

    within: k answers to the same phrasing, else to any phrasings. Tasks with fewer than k answers are left out.
    """
    chances: dict[str, list[float]] = defaultdict(list)
    for own in grouped(turns, *("task", "phrasing")[: 2 if within else 1]).values():
        chance = pass_all(sum(map(right, own)), len(own), k)
        if chance is not None:
            chances[text(own[0], "task")].append(chance)
    means = np.array([sum(found) / len(found) for found in chances.values()])
    return clustered(means, np.ones(len(means))) if len(means) else NOTHING


def mean_difference(differences: Sequence[float], confidence: float) -> Interval:
    """The mean of differences, one a task, with Student's t and one more task taken for granted that shows none:
    a few tasks that all differ alike must not look certain."""
    count = len(differences)
    if not count:
        return NOTHING
    found = float(np.mean(differences))
    if count < _FEWEST_TASKS:
        return Interval(found, None, None, confidence, count, count)
    values = np.array([*differences, 0.0])
    half = t_of(confidence, count) * float(np.std(values, ddof=1)) / np.sqrt(count + 1)
    middle = float(values.mean())
    low, high = min(found, middle - half), max(found, middle + half)
    return Interval(found, max(-1.0, float(low)), min(1.0, float(high)), confidence, count, count)


def differences(turns: Sequence[Record], one: str, other: str, value: Callable[[Record], bool]) -> list[float]:
    """By how much the share of answers that hit is higher in one phrasing than in another, task by task."""
    cells = grouped(turns, "task", "phrasing")
    found = []
    for (task, phrasing), own in cells.items():
        against = cells.get((task, other))
        if phrasing == one and against:
            found.append(sum(map(value, own)) / len(own) - sum(map(value, against)) / len(against))
    return found
