"""Whether a measured stage had a steady state: where its transient ends, and whether a queue grew.

What grows has no quantile: a longer run would only show a larger one. So a latency that passes while the queue grows is
inconclusive, however narrow its interval.
"""

from collections.abc import Sequence

import numpy as np

from loadgen.arrivals import Schedule, Stage
from loadgen.metrics.summary import Steadiness
from loadgen.metrics.turn_table import TurnTable
from loadgen.stats.steady import Trend, backlog_trend, mser5

# Below 20 turns there are not the four means of five that MSER-5 takes at least.
_FEWEST_TURNS = 20
_SAMPLES = 200
# What is left to look at once the sessions in flight have built up: at least the last third.
_LEAST_PART = 1 / 3
_MOST_SPANS = 0.9


def steadiness_of(schedule: Schedule, table: TurnTable, ended_s: float, share: float = 1.0) -> list[Steadiness | None]:
    """Of each stage; None where it was not measured or the load ended before it.

    ended_s: as far as the load got. share: the part of all turns that the table holds.
    """
    return [
        _of_stage(schedule, index, table, min(stage.end_s, ended_s), share)
        if stage.measure and stage.start_s < ended_s
        else None
        for index, stage in enumerate(schedule.stages)
    ]


def _of_stage(schedule: Schedule, index: int, table: TurnTable, end_s: float, share: float) -> Steadiness:
    stage = schedule.stages[index]
    turns = table.only(table.of_stage([stage.name]) & table.of_outcome("ok"))
    due = turns.numbers["intended_s"]
    order = np.argsort(due, kind="stable")
    n = len(turns)
    cut = mser5(turns.numbers["e2e_s"][order]) if n >= _FEWEST_TURNS else None
    trend = _backlog(schedule.stages, index, table, end_s, share) if _is_constant(schedule, stage) else None
    growing = None if trend is None or trend.slope_per_s is None else trend.growing
    cut_s = None
    if cut is not None:
        cut_s = float(due[order][cut]) - stage.start_s if cut < n else end_s - stage.start_s
    # Of stable queues' times, that wander, MSER-5 cuts all in a quarter of the runs of a minute: no proof of anything.
    settled = None if cut is None or cut == n else True
    return Steadiness(
        steady=False if growing else settled,
        n=n,
        cut_s=None if cut_s is None or cut == 0 else max(0.0, cut_s),
        cut_turns=cut,
        backlog_per_s=None if trend is None else trend.slope_per_s,
        growing=growing,
    )


def _is_constant(schedule: Schedule, stage: Stage) -> bool:
    """Whether what is in flight should stay as it is: in closed loop nothing piles up, on a ramp it should."""
    return schedule.arrivals not in ("closed", "trace") and stage.level_from == stage.level_to


def _backlog(stages: Sequence[Stage], index: int, table: TurnTable, end_s: float, share: float) -> Trend | None:
    """The trend of the turns in flight, once as many sessions as the level makes have built up."""
    if not len(table):
        return None
    stage = stages[index]
    since_s = stage.start_s
    for before in reversed(stages[:index]):
        if (before.level_from, before.level_to) != (stage.level_from, stage.level_to):
            break
        since_s = before.start_s
    settled_s = max(stage.start_s, since_s + _span_s(table))
    from_s = min(settled_s, end_s - _LEAST_PART * (end_s - stage.start_s))
    at = np.linspace(from_s, end_s, _SAMPLES, endpoint=False)
    began, ended = np.sort(table.numbers["intended_s"]), np.sort(table.numbers["end_s"])
    in_flight = np.searchsorted(began, at, side="right") - np.searchsorted(ended, at, side="right")
    return backlog_trend(at, in_flight / share)


def _span_s(table: TurnTable) -> float:
    """How long nine sessions of ten last, from their first turn's due time to their last one's end."""
    count = int(table.session.max()) + 1
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, table.session, table.numbers["intended_s"])
    np.maximum.at(last, table.session, table.numbers["end_s"])
    return float(np.quantile((last - first)[np.isfinite(first)], _MOST_SPANS))
