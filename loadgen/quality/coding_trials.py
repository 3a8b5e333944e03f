"""A coding session as one trial of its task, put together from the records of its turns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from loadgen.marks import Marks
from loadgen.metrics.record import Record


@dataclass(frozen=True, slots=True)
class Trial:
    """ended: answered, step_limit, failed, or empty where its end was not seen. solved: None where it was not judged.

    whole: whether all its turns were seen, so that what it took is known. turns: requests, by its own count where it
    ended. tokens, cost: None where a turn lacks them. assigned: the failure on purpose that was drawn for it, and met
    whether there was an occasion; chances: the failures that it had an occasion for. stage: that of its last turn. why:
    what is wrong with its work, where it is not solved.
    """

    session: str
    task: str
    kind: str
    stage: str
    ended: str
    solved: bool | None
    whole: bool
    turns: int
    test_runs: int
    edits: int
    edits_failed: int
    edits_denied: int
    tokens: int | None
    cost: float | None
    time_s: float | None
    assigned: str
    met: bool
    chances: frozenset[str]
    why: str


def trials_of(turns: Sequence[Record]) -> list[Trial]:
    """One trial a session, in the order in which the sessions were first heard of."""
    by_session: dict[str, list[Record]] = defaultdict(list)
    for turn in turns:
        if isinstance(turn.marks, dict):
            by_session[turn.session].append(turn)
    return [_trial(session, sorted(own, key=lambda turn: turn.turn)) for session, own in by_session.items()]


def _trial(session: str, turns: Sequence[Record]) -> Trial:
    last = turns[-1]
    marks: Marks = last.marks if isinstance(last.marks, dict) else {}
    solved = marks.get("solved")
    ended = str(marks.get("ended", ""))
    whole = bool(ended) and [turn.turn for turn in turns] == list(range(last.turn + 1))
    return Trial(
        session=session,
        task=str(marks.get("task")),
        kind=str(marks.get("kind")),
        stage=last.stage,
        ended=ended,
        solved=solved if isinstance(solved, bool) else None,
        whole=whole,
        turns=_count(marks, "steps") or len(turns),
        test_runs=_count(marks, "test_runs_total"),
        edits=_count(marks, "edits_total"),
        edits_failed=_count(marks, "edits_failed_total"),
        edits_denied=_count(marks, "edits_denied_total"),
        tokens=_tokens(turns) if whole else None,
        cost=_cost(turns) if whole else None,
        time_s=last.end_s - turns[0].intended_s if whole else None,
        assigned=str(marks.get("fault", "none")),
        met=marks.get("fault_met") is True,
        chances=frozenset(name.removeprefix("chance_") for name in marks if name.startswith("chance_")),
        why=_why(marks),
    )


def _count(marks: Marks, name: str) -> int:
    value = marks.get(name, 0)
    return value if isinstance(value, int) else 0


def _tokens(turns: Sequence[Record]) -> int | None:
    total = 0
    for turn in turns:
        if turn.input_tokens is None or turn.output_tokens is None:
            return None
        total += turn.input_tokens + turn.output_tokens
    return total


def _cost(turns: Sequence[Record]) -> float | None:
    costs = [turn.cost for turn in turns if turn.cost is not None]
    return sum(costs) if len(costs) == len(turns) else None


def _why(marks: Marks) -> str:
    if marks.get("unchanged") is True:
        return "nothing changed"
    if isinstance(marks.get("judging_killed_for"), str):
        return "tests did not end"
    for name, why in (("must_pass_red", "wanted tests red"), ("must_stay_red", "other tests broken")):
        if _count(marks, name):
            return why
    return "only hidden tests red"
