"""What a `tools` workload's turns say: how good the calls are, whether tasks were done, and what tools cost.

Every rate has a base of its own, so that one fault does not hide in another: of the calls made, how many parse; of
those that parse, how many are valid; of the valid ones, how many are of the right tool; of those, how many have the
right arguments. Intervals are by session, sub-agents counted with theirs. docs/tools.md has the same definitions.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.metrics.turn import CALL_OUTCOMES
from loadgen.quality.sessions import change, figure, root, share_of
from loadgen.quality.tool_overhead import overhead
from loadgen.stats.interval import Interval

_Cell = str | float | int | None
_Rate = tuple[tuple[str, ...], tuple[str, ...]]

_VALID = ("wrong_tool", "repeated", "extra", "wrong_arguments", "right", "valid")
_PARSED = ("unknown_tool", "invalid", *_VALID)
# What is counted, and of what. A call cut off at the token limit is in no base: it is neither sound nor a mistake.
_RATES: Mapping[str, _Rate] = {
    "calls_parsed": (_PARSED, ("malformed", *_PARSED)),
    "calls_valid": (_VALID, _PARSED),
    "right_tool": (("wrong_arguments", "right"), ("wrong_tool", "wrong_arguments", "right")),
    "right_arguments": (("right",), ("wrong_arguments", "right")),
    "calls_malformed": (("malformed",), ("malformed", *_PARSED)),
    "calls_unknown_tool": (("unknown_tool",), _PARSED),
    "calls_invalid": (("invalid",), _PARSED),
    "calls_needless": (("repeated", "extra"), ("wrong_tool", "repeated", "extra", "wrong_arguments", "right")),
    "calls_repeated": (("repeated",), ("wrong_tool", "repeated", "extra", "wrong_arguments", "right")),
    "calls_cut_off": (("cut_off",), CALL_OUTCOMES),
}
_FAULTS = ("timeout", "error", "empty", "malformed", "flood")


def figures(turns: Sequence[Record]) -> dict[str, Quality]:
    """All figures and tables of one workload; what there was none of is left out."""
    asked = [turn for turn in turns if _text(turn, "agent") != "bare"]
    found: dict[str, Quality] = {}
    done = _done(asked)
    if done.n:
        found["task_done"] = figure(done)
    for name, rate in _RATES.items():
        if (interval := _rate(asked, rate)).n:
            found[name] = figure(interval)
    found |= _tables(asked)
    for name, interval in _changes(asked).items():
        if interval.n:
            found[name] = figure(interval, "difference of shares")
    for name, interval in (("needless_answers", _needless(asked)), ("gave_up", _gave_up(asked))):
        if interval.n:
            found[name] = figure(interval)
    return found | overhead(turns)


def _tables(turns: Sequence[Record]) -> dict[str, Quality]:
    found: dict[str, Quality] = {}
    totals = {name: sum(_count(turn, f"call_{name}") for turn in turns) for name in CALL_OUTCOMES}
    if calls := sum(totals.values()):
        rows: list[list[_Cell]] = [[name, count, count / calls] for name, count in totals.items()]
        found["calls"] = Quality(columns=["outcome", "calls", "share"], rows=rows)
    by_task = _grouped(turns, lambda turn: _text(turn, "task"))
    if by_task:
        rows = [_task_row(name, of) for name, of in sorted(by_task.items())]
        columns = ["task", "tasks", "done", "ci_low", "ci_high", "requests", "not_ended", "step_limit"]
        found["tasks"] = Quality(columns=columns, rows=rows)
    by_agent = _grouped(turns, lambda turn: _text(turn, "agent"))
    if len(by_agent) > 1:
        rows = [[name, *_shown(_done(of))] for name, of in sorted(by_agent.items())]
        found["agents"] = Quality(columns=["agent", "done", "ci_low", "ci_high", "tasks"], rows=rows)
    found["by_stage"] = _by_stage(turns)
    return found | _by_fault(turns)


def _by_stage(turns: Sequence[Record]) -> Quality:
    """Each rate by stage: what load does to calls. Stages in the order in which they began."""
    rows: list[list[_Cell]] = []
    for stage, of in _grouped(sorted(turns, key=lambda turn: turn.intended_s), lambda turn: turn.stage).items():
        waits = [turn.ttft_s for turn in of if turn.ttft_s is not None and turn.outcome == "ok"]
        row: list[_Cell] = [stage, len(of), sum(waits) / len(waits) if waits else None]
        for name in ("calls_malformed", "calls_valid", "right_tool", "right_arguments"):
            row += _shown(_rate(of, _RATES[name]))[:3]
        rows.append([*row, *_shown(_done(of))])
    columns = ["stage", "requests", "ttft_mean_s"]
    for name in ("malformed", "valid", "right_tool", "right_arguments", "done"):
        columns += [name, f"{name}_low", f"{name}_high"]
    return Quality(columns=[*columns, "tasks"], rows=rows)


def _changes(turns: Sequence[Record]) -> dict[str, Interval]:
    """What the last stage has more than the first of malformed calls and of tasks done."""
    stages = list(_grouped(sorted(turns, key=lambda turn: turn.intended_s), lambda turn: turn.stage).values())
    if len(stages) < 2:
        return {}
    first, last = stages[0], stages[-1]
    malformed = _RATES["calls_malformed"]
    return {
        "calls_malformed_change": change(_rate(first, malformed), _rate(last, malformed)),
        "task_done_change": change(_done(first), _done(last)),
    }


def _by_fault(turns: Sequence[Record]) -> dict[str, Quality]:
    """Tasks by the faults that hit a call of theirs: what a model makes of tools that fail."""
    hit: dict[tuple[str, int], set[str]] = defaultdict(set)
    hits: dict[str, int] = defaultdict(int)
    for turn in turns:
        for fault in _FAULTS:
            if count := _count(turn, f"fault_{fault}"):
                hit[turn.session, _count(turn, "number")].add(fault)
                hits[fault] += count
    if not hits:
        return {}
    rows: list[list[_Cell]] = []
    unhit = [turn for turn in turns if (turn.session, _count(turn, "number")) not in hit]
    rows.append(["none", None, *_shown(_done(unhit))])
    for fault in _FAULTS:
        of = [turn for turn in turns if fault in hit.get((turn.session, _count(turn, "number")), ())]
        rows.append([fault, hits.get(fault, 0), *_shown(_done(of))])
    columns = ["fault", "calls_hit", "done", "ci_low", "ci_high", "tasks"]
    return {"faults": Quality(columns=columns, rows=rows)}


def _task_row(name: str, turns: Sequence[Record]) -> list[_Cell]:
    ended = [turn for turn in turns if "done" in _marks(turn)]
    steps = [_count(turn, "steps") for turn in ended]
    failed = sum(_text(turn, "ended") == "failed" for turn in turns)
    limits = sum(_text(turn, "ended") == "step_limit" for turn in turns)
    done = _done(turns)
    mean = sum(steps) / len(steps) if steps and any(steps) else None
    return [name, len(ended), done.estimate, done.low, done.high, mean, failed, limits]


def _done(turns: Iterable[Record]) -> Interval:
    """Tasks done of those that ended with an answer or at the step limit, and of which it is known."""
    known = [turn for turn in turns if isinstance(_marks(turn).get("done"), bool)]
    return share_of((root(turn), int(_marks(turn)["done"] is True), 1) for turn in known)


def _needless(turns: Iterable[Record]) -> Interval:
    """Answers that do nothing but make calls again that have worked, of all answers after one has."""
    begun = [turn for turn in turns if turn.outcome == "ok" and _marks(turn).get("begun") is True]
    return share_of((root(turn), int(0 < _count(turn, "calls") == _count(turn, "again")), 1) for turn in begun)


def _gave_up(turns: Iterable[Record]) -> Interval:
    """Tasks that ended with an answer while calls were missing and the state was not the wanted one."""
    ended = [turn for turn in turns if isinstance(_marks(turn).get("done"), bool) and _count(turn, "planned")]
    return share_of(
        (
            root(turn),
            int(_text(turn, "ended") == "answered" and not _marks(turn)["done"] and _count(turn, "missing") > 0),
            1,
        )
        for turn in ended
    )


def _rate(turns: Iterable[Record], rate: _Rate) -> Interval:
    hits, of = rate
    return share_of(
        (
            root(turn),
            sum(_count(turn, f"call_{name}") for name in hits),
            sum(_count(turn, f"call_{name}") for name in of),
        )
        for turn in turns
    )


def _shown(interval: Interval) -> list[_Cell]:
    return [interval.estimate, interval.low, interval.high, interval.n]


def _grouped(turns: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for turn in turns:
        groups[key(turn)].append(turn)
    return groups


def _marks(turn: Record) -> Mapping[str, str | int | float | bool | None]:
    return turn.marks if isinstance(turn.marks, dict) else {}


def _count(turn: Record, name: str) -> int:
    value = _marks(turn).get(name, 0)
    return value if isinstance(value, int) else 0


def _text(turn: Record, name: str) -> str:
    return str(_marks(turn).get(name, ""))
