"""Steady states and growing queues, of queues whose truth is known."""

import numpy as np
import pytest

from loadgen.arrivals import Schedule, Stage
from loadgen.metrics.summary import Steadiness
from loadgen.metrics.turn_table import NUMBERS, TurnTable
from loadgen.verdict.steadiness import steadiness_of

RATE, END_S = 20.0, 65.0
SCHEDULE = Schedule(
    "poisson", (Stage("warmup", 0, 5, RATE, RATE, False), Stage("steady", 5, END_S - 5, RATE, RATE, True))
)


def queue(rng: np.random.Generator, load: float | None, keep: float = 1.0) -> TurnTable:
    """Turns of Poisson arrivals at a single server of this load, or (None) at as many servers as it takes."""
    due = np.cumsum(rng.exponential(1 / RATE, 3000))
    due = due[due < END_S]
    times = rng.lognormal(0, 0.6, len(due))
    if load is not None:
        free_s = 0.0
        for index, need in enumerate(rng.exponential(load / RATE, len(due))):
            free_s = max(free_s, due[index]) + need
            times[index] = free_s - due[index]
    kept = rng.random(len(due)) < keep
    due, times = due[kept], times[kept]
    n = len(due)
    zeros, nothing = np.zeros(n, dtype=np.int32), np.zeros(0, dtype=np.int32)
    numbers = {name: np.full(n, np.nan) for name in NUMBERS}
    return TurnTable(
        tuple(map(str, range(n))),
        ("chat",),
        ("warmup", "steady"),
        ("ok",),
        np.arange(n, dtype=np.int32),
        zeros,
        (due >= 5).astype(np.int32),
        zeros,
        numbers | {"intended_s": due, "end_s": due + times, "e2e_s": times},
        nothing,
        nothing,
        nothing.astype(np.int64),
    )


def steady(table: TurnTable, schedule: Schedule = SCHEDULE, share: float = 1.0) -> Steadiness:
    warmup, found = steadiness_of(schedule, table, END_S, share)
    assert warmup is None
    assert found is not None
    return found


@pytest.mark.parametrize("load", [None, 0.5, 0.8])
def test_a_stable_queue_is_seldom_said_to_grow(load: float | None) -> None:
    rng = np.random.default_rng(1)
    assert sum(steady(queue(rng, load)).growing is True for _ in range(60)) <= 4


def test_a_queue_that_grows_is_found_and_measured() -> None:
    rng = np.random.default_rng(2)
    # A server that does 20 / 1.5 of 20 a second falls behind by 6.7.
    slopes = [found.backlog_per_s for _ in range(20) if (found := steady(queue(rng, 1.5))).growing]
    assert len(slopes) >= 19
    assert np.mean([slope for slope in slopes if slope is not None]) == pytest.approx(6.7, rel=0.2)


def test_a_sample_of_the_turns_tells_the_slope_of_all() -> None:
    rng = np.random.default_rng(3)
    found = steady(queue(rng, 2.0, keep=0.25), share=0.25)
    assert found.growing
    assert found.steady is False
    assert found.backlog_per_s == pytest.approx(10, rel=0.3)


def test_a_transient_at_the_beginning_is_cut() -> None:
    table = queue(np.random.default_rng(4), None)
    table.numbers["e2e_s"][(table.numbers["intended_s"] > 5) & (table.numbers["intended_s"] < 10)] += 20
    found = steady(table)
    assert found.cut_s == pytest.approx(5, abs=0.5)
    assert found.steady is True
    assert found.n == int((table.stage == 1).sum())


def test_on_a_ramp_turns_pile_up_as_they_should() -> None:
    ramp = Schedule("poisson", (SCHEDULE.stages[0], Stage("steady", 5, END_S - 5, 1.0, RATE, True)))
    found = steady(queue(np.random.default_rng(5), 1.5), ramp)
    assert (found.growing, found.backlog_per_s) == (None, None)


def test_too_few_turns_tell_nothing() -> None:
    table = queue(np.random.default_rng(6), None)
    found = steady(table.only(table.numbers["intended_s"] < 5.7))
    assert found.n < 20
    assert (found.steady, found.cut_s, found.cut_turns) == (None, None, None)


def test_a_stage_that_was_not_reached_has_none() -> None:
    assert steadiness_of(SCHEDULE, queue(np.random.default_rng(7), None), 4.0) == [None, None]
