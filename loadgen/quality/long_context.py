"""What a `long_context` workload's turns say: how often the answers are right, where, and what a longer prompt costs.

A turn that failed has no answer and is in no rate, but is counted in the grid: a server that breaks at a length would
otherwise look right there. docs/long-context.md has the same definitions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final, TypeVar

import numpy as np

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality.sessions import figure, share_of
from loadgen.stats.interval import Interval
from loadgen.stats.power_law import exponent, geometric_mean
from loadgen.stats.proportions import wilson

Key = TypeVar("Key")
_Cell = str | float | int | None
_Test = Callable[[Record], bool]

_OUTCOMES: Final = ("right", "stale", "remembered", "made_up", "abstained", "wrong", "unreadable", "failed")


def figures(turns: Sequence[Record]) -> dict[str, Quality]:
    """All figures and tables of one workload; what there was none of is left out."""
    found = {name: figure(share) for name, share in _rates(turns).items() if share.n}
    stages = _by_load(turns)
    found["accuracy_by_cell"] = _grid(turns)
    found["accuracy_by_kind"] = _accuracy_table("kind", _grouped(turns, lambda turn: str(_mark(turn, "kind"))), turns)
    found["accuracy_by_stage"] = _stage_table(stages)
    if (drop := _drop(stages)) is not None:
        found["accuracy_drop_under_load"] = drop
    found["cost_by_length"] = _length_table(turns)
    quiet = next(iter(stages.values()), [])
    if (grows := _exponent(quiet)).estimate is not None:
        found["ttft_exponent"] = figure(grows, unit="exponent")
    if len(stages) > 1:
        found["ttft_exponent_by_stage"] = _exponent_table(stages)
    return found | _warmth(turns)


def _rates(turns: Sequence[Record]) -> dict[str, Interval]:
    """The shares, each of the turns that it can be said of."""
    return {
        "accuracy": _share(turns, _is("right"), lambda _: True),
        "recall": _share(turns, _is("right"), _answerable),
        "stale_rate": _share(turns, _is("stale"), lambda turn: _answerable(turn) and _number(turn, "stale_copies") > 0),
        "made_up_rate": _share(turns, _is("made_up"), lambda turn: not _answerable(turn)),
        "abstained_rate": _share(turns, _is("abstained"), _answerable),
        "remembered_rate": _share(turns, _is("remembered"), lambda turn: bool(_mark(turn, "altered"))),
        "unreadable_rate": _share(turns, _is("unreadable"), lambda _: True),
    }


def _share(turns: Sequence[Record], hit: _Test, counted: _Test) -> Interval:
    return share_of((turn.session, float(hit(turn)), 1.0) for turn in turns if _answered(turn) and counted(turn))


def _grid(turns: Sequence[Record]) -> Quality:
    """Accuracy by length, depth and noise, of the questions that have an answer; then by length of those without."""
    cells = _grouped(turns, lambda turn: (_number(turn, "context_tokens"), _depth(turn), _number(turn, "noise")))
    columns = ["context_tokens", "depth", "noise", "n", "accuracy", "ci_low", "ci_high", *_OUTCOMES]
    rows: list[list[_Cell]] = []
    for (tokens, depth, noise), own in sorted(cells.items(), key=lambda cell: _sorting(cell[0])):
        rows.append([round(tokens), depth, noise, *_cell_accuracy(own), *_counts(own)])
    return Quality(columns=columns, rows=rows)


def _sorting(cell: tuple[float, float | None, float]) -> tuple[float, float, float]:
    tokens, depth, noise = cell
    return tokens, 2.0 if depth is None else depth, noise


def _accuracy(turns: Sequence[Record]) -> list[_Cell]:
    """How many were answered, the share of right ones, and bounds by session."""
    right = _share(turns, _is("right"), lambda _: True)
    return [right.n, right.estimate, right.low, right.high]


def _cell_accuracy(turns: Sequence[Record]) -> list[_Cell]:
    """The same of one cell, with Wilson's bounds: cells are small, a session's questions mostly in different ones."""
    answered = [turn for turn in turns if _answered(turn)]
    found = wilson(sum(map(_is("right"), answered)), len(answered))
    return [len(answered), found.estimate, found.low, found.high]


def _counts(turns: Sequence[Record]) -> list[_Cell]:
    return [sum(map(_is(outcome), turns)) for outcome in _OUTCOMES]


def _accuracy_table(by: str, groups: Mapping[str, list[Record]], turns: Sequence[Record]) -> Quality:
    rows: list[list[_Cell]] = [[name, *_accuracy(own), *_counts(own)] for name, own in sorted(groups.items())]
    rows.append(["all", *_accuracy(turns), *_counts(turns)])
    return Quality(columns=[by, "n", "accuracy", "ci_low", "ci_high", *_OUTCOMES], rows=rows)


def _by_load(turns: Sequence[Record]) -> dict[str, list[Record]]:
    """The turns of each stage, the least loaded first: that with the shortest times to first output, for every stage
    has the same lengths. (Turns in flight would not do: those that were cut off are not scored.)"""
    stages = _grouped(turns, lambda turn: turn.stage)
    return dict(sorted(stages.items(), key=lambda stage: _p50(_ttfts(stage[1])) or float("inf")))


def _stage_table(stages: Mapping[str, Sequence[Record]]) -> Quality:
    columns = ["stage", "ttft_p50_s", "n", "accuracy", "ci_low", "ci_high"]
    rows: list[list[_Cell]] = []
    for name, own in stages.items():
        rows.append([name, _p50(_ttfts(own)), *_accuracy(own)])
    return Quality(columns=columns, rows=rows)


def _drop(stages: Mapping[str, Sequence[Record]]) -> Quality | None:
    """By how much accuracy is lower in the most loaded stage than in the least loaded; bounds by Newcombe's hybrid
    (1998, method 10), from the clustered bounds of the two."""
    if len(stages) < 2:
        return None
    quiet, *_, busy = (_share(own, _is("right"), lambda _: True) for own in stages.values())
    if quiet.estimate is None or busy.estimate is None:
        return None
    drop = quiet.estimate - busy.estimate
    low = high = None
    if None not in (quiet.low, quiet.high, busy.low, busy.high):
        low = drop - float(np.hypot(quiet.estimate - (quiet.low or 0.0), (busy.high or 0.0) - busy.estimate))
        high = drop + float(np.hypot((quiet.high or 0.0) - quiet.estimate, busy.estimate - (busy.low or 0.0)))
    return Quality(value=drop, ci_low=low, ci_high=high, n=quiet.n + busy.n, unit="difference of shares")


def _length_table(turns: Sequence[Record]) -> Quality:
    """What a length costs. Prefill and TTFT are those of cold turns, whose prompts no cache knows."""
    columns = ["context_tokens", "n", "accuracy", "ci_low", "ci_high", "input_tokens"]
    columns += ["ttft_p50_s", "service_ttft_p50_s", "prefill_tokens_per_s", "cost"]
    rows: list[list[_Cell]] = []
    for tokens, own in sorted(_grouped(turns, lambda turn: _number(turn, "context_tokens")).items()):
        cold = [turn for turn in own if not _warm(turn) and turn.outcome == "ok"]
        services = [turn.service_ttft_s for turn in cold if turn.service_ttft_s is not None]
        row: list[_Cell] = [round(tokens), *_accuracy(own), _mean([turn.input_tokens for turn in cold])]
        row += [_p50(_ttfts(cold)), _p50(services), _prefill(cold)]
        rows.append([*row, _mean([turn.cost for turn in own if turn.outcome == "ok"])])
    return Quality(columns=columns, rows=rows)


def _prefill(cold: Sequence[Record]) -> float | None:
    """Median of the prompt tokens a second until the first output, without those that came out of the server's cache;
    None where those are unknown of any turn."""
    rates = []
    for turn in cold:
        if turn.input_tokens is None or not turn.service_ttft_s:
            continue
        cached = _cached_when_cold(turn)
        if cached is None:
            return None
        rates.append((turn.input_tokens - cached) / turn.service_ttft_s)
    return _p50(rates)


def _cached_when_cold(turn: Record) -> int | None:
    """What the server says; a server that says nothing can have had only the prefix that all sessions share."""
    if turn.cached_tokens is None and not _number(turn, "shared_prefix"):
        return 0
    return turn.cached_tokens


def _exponent(turns: Sequence[Record]) -> Interval:
    """Of the time from send to first output against the prompt's length, over cold turns, one a session."""
    cold = [turn for turn in turns if not _warm(turn) and turn.outcome == "ok"]
    known = [turn for turn in cold if turn.input_tokens and turn.service_ttft_s]
    pairs = [(turn.input_tokens, turn.service_ttft_s) for turn in known]
    if len({_number(turn, "context_tokens") for turn in known}) < 2:
        return Interval(None, None, None, 0.95, 0, 0)
    sizes, times = np.array(pairs, dtype=np.float64).T
    return exponent(sizes, times)


def _exponent_table(stages: Mapping[str, Sequence[Record]]) -> Quality:
    rows: list[list[_Cell]] = []
    for name, own in stages.items():
        found = _exponent(own)
        rows.append([name, found.n, found.estimate, found.low, found.high])
    return Quality(columns=["stage", "n", "exponent", "ci_low", "ci_high"], rows=rows)


def _warmth(turns: Sequence[Record]) -> dict[str, Quality]:
    """What a cached prompt saves: the TTFT of a session's later turns against that of its first."""
    ended = [turn for turn in turns if turn.outcome == "ok" and turn.service_ttft_s]
    first = {turn.session: turn for turn in ended if not _warm(turn)}
    later = [turn for turn in ended if _warm(turn) and turn.session in first]
    if not later:
        return {}
    ratios = [
        float(np.exp(np.mean([np.log(turn.service_ttft_s or 1.0) for turn in own])))
        / (first[session].service_ttft_s or 1.0)
        for session, own in _grouped(later, lambda turn: turn.session).items()
    ]
    columns = ["context_tokens", "n", "cold_ttft_p50_s", "warm_ttft_p50_s", "cold_cached_share", "warm_cached_share"]
    rows: list[list[_Cell]] = []
    for tokens, own in sorted(_grouped(later, lambda turn: _number(turn, "context_tokens")).items()):
        cold = [first[session] for session in dict.fromkeys(turn.session for turn in own)]
        times = [[turn.service_ttft_s or 0.0 for turn in some] for some in (cold, own)]
        rows.append([round(tokens), len(own), *map(_p50, times), _cached_share(cold), _cached_share(own)])
    return {
        "warm_ttft_ratio": figure(geometric_mean(np.array(ratios)), unit="ratio"),
        "ttft_cold_and_warm": Quality(columns=columns, rows=rows),
    }


def _cached_share(turns: Sequence[Record]) -> float | None:
    known = [(turn.cached_tokens, turn.input_tokens) for turn in turns]
    if any(cached is None or came_in is None for cached, came_in in known):
        return None
    total = sum(came_in or 0 for _, came_in in known)
    return sum(cached or 0 for cached, _ in known) / total if total else None


def _grouped(turns: Iterable[Record], key: Callable[[Record], Key]) -> dict[Key, list[Record]]:
    groups: dict[Key, list[Record]] = {}
    for turn in turns:
        groups.setdefault(key(turn), []).append(turn)
    return groups


def _is(outcome: str) -> _Test:
    return lambda turn: _mark(turn, "outcome") == outcome


def _answered(turn: Record) -> bool:
    return _mark(turn, "outcome") != "failed"


def _answerable(turn: Record) -> bool:
    return bool(_mark(turn, "answerable"))


def _warm(turn: Record) -> bool:
    return bool(_mark(turn, "warm"))


def _depth(turn: Record) -> float | None:
    return None if _mark(turn, "depth") is None else _number(turn, "depth")


def _mark(turn: Record, name: str) -> object:
    return turn.marks.get(name) if isinstance(turn.marks, dict) else None


def _number(turn: Record, name: str) -> float:
    value = _mark(turn, name)
    return float(value) if isinstance(value, int | float) else 0.0


def _ttfts(turns: Iterable[Record]) -> list[float]:
    return [turn.ttft_s for turn in turns if turn.ttft_s is not None and turn.outcome == "ok"]


def _p50(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    """None where any is unknown: a mean of the known ones would be that of other turns."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
