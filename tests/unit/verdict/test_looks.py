"""Looks while a run lasts: when they come, what they look at, and how seldom they are wrong."""

import numpy as np
import pytest
from msgspec.structs import replace

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.turn import TurnMeasurement
from loadgen.metrics.turn_table import TurnTable, TurnTableBuilder
from loadgen.verdict.failure import Failure
from loadgen.verdict.looks import Watch, cohort_of
from tests.unit.metrics.making import PLAN, new_recorder, snap, turn
from tests.unit.verdict.making import many, objectives


def look(watch: Watch, turns: list[TurnMeasurement], elapsed_s: float = 100.0, plan: RunPlan = PLAN) -> Failure | None:
    recorder, builder = new_recorder(plan=plan), TurnTableBuilder()
    for measured in turns:
        recorder.record(measured)
    snapshot, aggregate = snap(recorder), Aggregate(plan)
    aggregate.apply(snapshot)
    builder.add_member(snapshot.records)
    return watch.look(builder, aggregate, elapsed_s)


def test_an_objective_that_fails_ends_the_run_at_the_first_look() -> None:
    (slo,) = slos = objectives("ttft p50 < 10ms", abort=True)
    assert look(Watch(slos), many(24)) is None
    failure = look(Watch(slos), many(30))
    assert failure is not None
    assert failure.slo == slo
    assert failure.reason == "known after 30 sessions, at 100 s (look 1)"


def test_one_that_holds_or_is_close_does_not() -> None:
    assert look(Watch(objectives("ttft p50 < 1s", "error_rate < 50%", abort=True)), many(500)) is None
    assert look(Watch(objectives("ttft p50 < 99ms", abort=True)), many(500)) is None


def test_one_that_does_not_ask_for_it_does_not() -> None:
    assert look(Watch(objectives("ttft p50 < 10ms")), many(500)) is None


def test_a_goodput_of_turns_that_can_t_be_held_against_a_limit_ends_nothing() -> None:
    slos = objectives("ttft p50 < 2s", "goodput > 90%", abort=True)
    plan = replace(PLAN, limits=turn_limits(slos, [stage.name for stage in PLAN.stages], PLAN.workloads))
    whole = [turn(12 + 0.28 * k, session=f"w{k}", streamed=False, chunks_ms=()) for k in range(300)]
    assert look(Watch(slos), many(20) + whole, plan=plan) is None


def test_there_is_no_second_look_before_the_sessions_have_doubled() -> None:
    watch = Watch(objectives("ttft p90 < 200ms", abort=True))
    assert look(watch, many(30)) is None
    assert look(watch, many(49, slow=40)) is None
    assert look(watch, many(51, slow=40)) is not None


def test_a_look_that_came_too_early_is_not_tried_again_at_once() -> None:
    class Counting(TurnTableBuilder):
        copies = 0

        def table(self) -> TurnTable:
            self.copies += 1
            return super().table()

    recorder, builder = new_recorder(), Counting()
    for measured in [turn(10 + k / 10, session=f"s{k}", chunks_ms=(50, 30_000)) for k in range(60)]:
        recorder.record(measured)
    builder.add_member(snap(recorder).records)
    watch = Watch(objectives("ttft p50 < 10ms", abort=True))
    for elapsed_s in (41.0, 41.25, 41.5, 41.75):
        assert watch.look(builder, Aggregate(PLAN), elapsed_s) is None
    assert builder.copies == 1
    assert watch.look(builder, Aggregate(PLAN), 46.0) is not None


def test_it_looks_only_at_turns_that_had_the_time_to_end() -> None:
    # Failures are quick, and the answers that were sent with them take 30 s: so far a third of all has ended.
    failed = [turn(10 + k / 2, session=f"f{k}", outcome="http_5xx", chunks_ms=()) for k in range(60)]
    ended = [turn(10 + k / 10, session=f"s{k}", chunks_ms=(50, 30_000)) for k in range(30)]
    slos = objectives("error_rate < 60%", abort=True)
    assert look(Watch(slos), failed + ended, elapsed_s=43.0) is None
    recorder, builder = new_recorder(), TurnTableBuilder()
    for measured in failed + ended:
        recorder.record(measured)
    builder.add_member(snap(recorder).records)
    cohort = cohort_of(builder.table(), 43.0)
    assert float(cohort.numbers["intended_s"].max()) <= 43.0 - 30.0
    assert int(cohort.of_outcome("ok").sum()) == 30


@pytest.mark.parametrize("text", ["goodput > 95%", "error_rate < 5%", "e2e mean < 100ms", "ttft max < 3s"])
def test_every_kind_that_may_end_a_run_is_looked_at(text: str) -> None:
    slos = objectives("ttft p50 < 2s", text, abort=True)
    failed = [turn(12 + 1.4 * k, session=f"f{k}", outcome="http_5xx", chunks_ms=()) for k in range(60)]
    assert look(Watch(slos), many(200, slow=60) + failed) is not None


def test_wrong_ends_are_rare_however_often_it_looks() -> None:
    # The truth is at the limit: the median of an exponential time. Looks at 25, 50, 100 and 200 sessions, 40 runs.
    rng, ends = np.random.default_rng(3), 0
    for _ in range(40):
        watch = Watch(objectives("e2e p50 < 694ms", abort=True))
        times = rng.exponential(1.0, 200)
        turns = [turn(10 + k / 4, session=f"{k}", chunks_ms=(10.0, 10.0 + 1e3 * time)) for k, time in enumerate(times)]
        ends += any(look(watch, turns[:count]) is not None for count in (25, 50, 100, 200))
    assert ends <= 3
