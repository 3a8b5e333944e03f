"""What a `reasoning` workload's turns say: how often it is right, how much that hangs on how one asks, and under load.

A turn that failed has no answer and is in no rate, but is counted. An answer cut off at its token limit, or in another
form than the one asked for, is not right; each is counted apart. docs/reasoning.md has the same definitions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import permutations
from math import log
from statistics import median
from typing import Final

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.crossed import (
    differences,
    grouped,
    mark,
    mean_difference,
    passes,
    same_answers,
    share,
    split,
    text,
)
from loadgen.quality.sessions import change, figure, ratio_of, within
from loadgen.stats.interval import Interval
from loadgen.stats.proportions import clustered
from loadgen.stats.variance import Component, Components

_Cell = str | float | int | None
_OUTCOMES: Final = ("right", "wrong", "format", "cut_off", "failed")
_TIMES: Final = (2, 4, 8)
_CONFIDENCE = 0.95
_UNSURE = "can't tell"


def figures(turns: Sequence[Record]) -> dict[str, Quality]:
    """All figures and tables of one workload; what there was none of is left out."""
    answered = [turn for turn in turns if text(turn, "outcome") != "failed"]
    found: dict[str, Quality] = {"outcomes": _outcomes(turns)}
    if not answered:
        return found
    rates = {
        "accuracy": share(answered, _right),
        "accuracy_lenient": share(answered, _lenient),
        "wrong_rate": share(answered, _is("wrong")),
        "format_failure_rate": share(answered, _is("format")),
        "cut_off_rate": share(answered, _is("cut_off")),
        "agreement_repeats": same_answers(answered, across=False),
        "agreement_phrasings": same_answers(answered, across=True),
        **{f"pass_{k}": passes(answered, k, _right, within=False) for k in _TIMES},
    }
    found |= {name: figure(rate) for name, rate in rates.items() if rate.estimate is not None}
    found |= _variances(answered)
    found |= {"accuracy_by_phrasing": _phrasings(answered)} | _best_and_worst(answered)
    found |= {"accuracy_by_family": _families(turns), "pass_k": _pass_table(answered), "effort": _effort(answered)}
    found |= _by_load(answered)
    tasks = len(grouped(answered, "task"))
    return {name: one if one.value is UNSET else replace(one, tasks=tasks) for name, one in found.items()}


def _outcomes(turns: Sequence[Record]) -> Quality:
    rows: list[list[_Cell]] = []
    for outcome in _OUTCOMES:
        own = [turn for turn in turns if text(turn, "outcome") == outcome]
        found_anyway = sum(map(_lenient, own)) if outcome in ("format", "cut_off") else None
        rows.append([outcome, len(own), len(own) / len(turns), found_anyway])
    return Quality(columns=["outcome", "answers", "share", "right_in_another_form"], rows=rows)


def _variances(turns: Sequence[Record]) -> dict[str, Quality]:
    """The split of right and wrong, and the shares of what varies of tokens and times."""
    found: dict[str, Quality] = {}
    parts = split(turns, lambda turn: float(_right(turn)))
    if parts is not None:
        found["variance"] = _variance_table(parts)
        found["icc"] = _component(parts.icc, parts.n, "share")
        found["phrasing_variance"] = _component(parts.phrasing, parts.n, "variance")
    rows: list[list[_Cell]] = []
    for name, value in _EFFORTS.items():
        of_logs = split(turns, lambda turn, value=value: _log(value(turn)))  # type: ignore[misc]
        if of_logs is not None and of_logs.total > 0:
            shares = [_part(of_logs, part).estimate for part in _PARTS]
            rows.append([name, of_logs.n, *(None if one is None else one / of_logs.total for one in shares)])
    if rows:
        found["effort_variance"] = Quality(columns=["logarithm_of", "n", *_PARTS], rows=rows)
    return found


_PARTS = ("task", "phrasing", "interaction", "rest")


def _part(parts: Components, name: str) -> Component:
    found = {"task": parts.task, "phrasing": parts.phrasing, "interaction": parts.interaction, "rest": parts.rest}
    return found[name]


def _component(part: Component, n: int, unit: str) -> Quality:
    return Quality(value=part.estimate, ci_low=part.low, ci_high=part.high, n=n, unit=unit)


def _variance_table(parts: Components) -> Quality:
    rows: list[list[_Cell]] = []
    for name in _PARTS:
        part = _part(parts, name)
        of_total = None if part.estimate is None or parts.total <= 0 else part.estimate / parts.total
        note = "below 0, shown as 0" if part.truncated else ""
        if name == "rest" and parts.interaction.estimate is None:
            note = "with the interaction: nothing was repeated"
        rows.append([name, part.estimate, part.low, part.high, of_total, note])
    rows.append(["total", parts.total, None, None, 1.0 if parts.total > 0 else None, ""])
    return Quality(columns=["part", "variance", "ci_low", "ci_high", "share", "note"], rows=rows)


def _phrasings(turns: Sequence[Record]) -> Quality:
    """Every phrasing, the best first; bounds so wide that all of them hold at once (Bonferroni)."""
    groups = {name: own for (name,), own in grouped(turns, "phrasing").items()}
    level = 1 - (1 - _CONFIDENCE) / len(groups)
    columns = ["phrasing", "n", "accuracy", "ci_low", "ci_high", "lenient", "format_failures", "cut_off"]
    rows: list[list[_Cell]] = []
    for name, own in groups.items():
        found = _share_at(own, level)
        others = [_mean(map(float, map(test, own))) for test in (_lenient, _is("format"), _is("cut_off"))]
        rows.append([name, len(own), found.estimate, found.low, found.high, *others])
    rows.sort(key=lambda row: (-float(row[2] or 0.0), str(row[0])))
    return Quality(columns=columns, rows=rows)


def _share_at(turns: Sequence[Record], confidence: float) -> Interval:
    tasks = grouped(turns, "task").values()
    hits = np.array([float(sum(map(_right, own))) for own in tasks])
    return clustered(hits, np.array([float(len(own)) for own in tasks]), confidence)


def _best_and_worst(turns: Sequence[Record]) -> dict[str, Quality]:
    """The phrasing that is surely better (worse) than every other, by differences within tasks, all pairs at once; and
    the pairs that surely differ."""
    names = sorted({text(turn, "phrasing") for turn in turns})
    if len(names) < 2:
        return {}
    pairs = list(permutations(names, 2))
    # Each pair comes both ways: half as many are tested.
    level = 1 - 2 * (1 - _CONFIDENCE) / len(pairs)
    gaps = {(one, other): mean_difference(differences(turns, one, other, _right), level) for one, other in pairs}
    sure = {pair: gap for pair, gap in gaps.items() if gap.low is not None and gap.low > 0}
    rows: list[list[_Cell]] = []
    for which, place in (("best", 0), ("worst", 1)):
        surely = [name for name in names if sum(pair[place] == name for pair in sure) == len(names) - 1]
        possible = [name for name in names if not any(pair[1 - place] == name for pair in sure)]
        rows.append([which, surely[0] if surely else _UNSURE, ", ".join(possible)])
    found = {"best_and_worst": Quality(columns=["which", "phrasing", "could_be"], rows=rows)}
    if sure:
        told: list[list[_Cell]] = [
            [one, other, gap.n, gap.estimate, gap.low, gap.high] for (one, other), gap in sure.items()
        ]
        columns = ["better", "worse", "tasks", "difference", "ci_low", "ci_high"]
        found["phrasings_that_differ"] = Quality(columns=columns, rows=told)
    return found


def _families(turns: Sequence[Record]) -> Quality:
    rows: list[list[_Cell]] = []
    for (name,), own in sorted(grouped(turns, "family").items()):
        answered = [turn for turn in own if text(turn, "outcome") != "failed"]
        found = share(answered, _right)
        counts = [sum(map(_is(outcome), own)) for outcome in _OUTCOMES]
        rows.append([name, found.n, found.estimate, found.low, found.high, *counts])
    return Quality(columns=["family", "n", "accuracy", "ci_low", "ci_high", *_OUTCOMES], rows=rows)


def _pass_table(turns: Sequence[Record]) -> Quality:
    rows: list[list[_Cell]] = []
    for k in (1, *_TIMES):
        found = [passes(turns, k, _right, within=same) for same in (True, False)]
        if any(one.estimate is not None for one in found):
            rows.append([k, *(value for one in found for value in (one.n, one.estimate, one.low, one.high))])
    kinds = ("same_phrasing", "any_phrasing")
    columns = [column for kind in kinds for column in (f"{kind}_tasks", kind, f"{kind}_low", f"{kind}_high")]
    return Quality(columns=["k", *columns], rows=rows)


def _effort(turns: Sequence[Record]) -> Quality:
    """How much it thinks and writes, and how long one waits for the first of the answer, by phrasing."""
    columns = ["phrasing", "n"]
    for name in _EFFORTS:
        columns += [f"{name}_mean", f"{name}_ci_low", f"{name}_ci_high", f"{name}_p10", f"{name}_p50", f"{name}_p90"]
    rows: list[list[_Cell]] = []
    for (name,), own in sorted(grouped(turns, "phrasing").items()):
        row: list[_Cell] = [name, len(own)]
        for value in _EFFORTS.values():
            row += _spread(own, value)
        rows.append(row)
    return Quality(columns=columns, rows=rows)


def _spread(turns: Sequence[Record], value: Callable[[Record], float | None]) -> list[_Cell]:
    known = [(text(turn, "task"), found) for turn in turns if (found := value(turn)) is not None]
    if not known:
        return [None] * 6
    mean = ratio_of((task, found, 1.0) for task, found in known)
    low = None if mean.low is None else max(0.0, mean.low)
    quantiles = np.quantile([found for _, found in known], [0.1, 0.5, 0.9], method="inverted_cdf")
    return [mean.estimate, low, mean.high, *map(float, quantiles)]


def _by_load(turns: Sequence[Record]) -> dict[str, Quality]:
    """The same by stage, in the order in which they began: what load does, where later stages are of more load."""
    stages: dict[str, list[Record]] = {}
    for turn in turns:
        stages.setdefault(turn.stage, []).append(turn)
    ordered = dict(sorted(stages.items(), key=lambda stage: min(turn.intended_s for turn in stage[1])))
    found = {
        "by_stage": _stage_table(ordered),
        "variance_by_stage": _stage_variances(ordered),
        "accuracy_by_phrasing_and_stage": _crossed_stages(ordered),
    }
    if len(ordered) > 1:
        first, *_, last = (share(own, _right) for own in ordered.values())
        found["accuracy_change"] = figure(change(first, last), "difference of shares")
    return found


def _stage_table(stages: Mapping[str, Sequence[Record]]) -> Quality:
    columns = ["stage", "ttft_p50_s", "ttfo_p50_s", "ttfo_p90_s", "n", "accuracy", "ci_low", "ci_high", "lenient"]
    columns += ["format_failures", "cut_off", "pass_2", "agreement_repeats", "agreement_phrasings"]
    columns += ["reasoning_tokens", "output_tokens"]
    rows: list[list[_Cell]] = []
    for name, own in stages.items():
        right = share(own, _right)
        ttfo = _spread(own, _EFFORTS["ttfo_s"])
        row: list[_Cell] = [name, _p50(turn.ttft_s for turn in own), ttfo[4], ttfo[5], right.n]
        row += [right.estimate, right.low, right.high]
        row += [_mean(map(float, map(test, own))) for test in (_lenient, _is("format"), _is("cut_off"))]
        row += [passes(own, 2, _right, within=False).estimate]
        row += [same_answers(own, across=across).estimate for across in (False, True)]
        row += [_spread(own, _EFFORTS[effort])[0] for effort in ("reasoning_tokens", "output_tokens")]
        rows.append(row)
    return Quality(columns=columns, rows=rows)


def _stage_variances(stages: Mapping[str, Sequence[Record]]) -> Quality:
    """The split of right and wrong within each stage; a short one has few repeats, and wide bounds."""
    rows: list[list[_Cell]] = []
    for name, own in stages.items():
        parts = split(own, lambda turn: float(_right(turn)))
        if parts is not None:
            rows += [[name, *row] for row in _variance_table(parts).rows or ()]
    return Quality(columns=["stage", "part", "variance", "ci_low", "ci_high", "share", "note"], rows=rows)


def _crossed_stages(stages: Mapping[str, Sequence[Record]]) -> Quality:
    columns = ["phrasing", "stage", "n", "accuracy", "ci_low", "ci_high", "output_tokens", "reasoning_tokens"]
    rows: list[list[_Cell]] = []
    names = sorted({text(turn, "phrasing") for own in stages.values() for turn in own})
    for name in names:
        for stage, every in stages.items():
            own = [turn for turn in every if text(turn, "phrasing") == name]
            right = within(share(own, _right))
            efforts = [_spread(own, _EFFORTS[effort])[0] for effort in ("output_tokens", "reasoning_tokens")]
            rows.append([name, stage, right.n, right.estimate, right.low, right.high, *efforts, _spread(own, _ttfo)[4]])
    return Quality(columns=[*columns, "ttfo_p50_s"], rows=rows)


def _right(turn: Record) -> bool:
    return mark(turn, "outcome") == "right"


def _lenient(turn: Record) -> bool:
    return bool(mark(turn, "lenient"))


def _is(outcome: str) -> Callable[[Record], bool]:
    return lambda turn: mark(turn, "outcome") == outcome


def _ttfo(turn: Record) -> float | None:
    return turn.ttfo_s


# What an answer takes; None where the server does not tell, or nothing was streamed.
_EFFORTS: Mapping[str, Callable[[Record], float | None]] = {
    "reasoning_tokens": lambda turn: turn.reasoning_tokens,
    "output_tokens": lambda turn: turn.output_tokens,
    "ttfo_s": _ttfo,
}


def _log(value: float | None) -> float | None:
    return log(value) if value else None


def _p50(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return sum(known) / len(known) if known else None
