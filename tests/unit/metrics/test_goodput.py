"""Good turns: what meets a limit, what misses it, and what can't be told."""

import pytest
from msgspec.structs import replace

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Summary
from loadgen.metrics.turn import TurnMeasurement
from loadgen.metrics.turn_table import TurnTableBuilder
from loadgen.scenario.slos import parse_slo
from loadgen.verdict.evidence import good_turns
from tests.unit.metrics.making import MS, ORIGIN_NS, PLAN, RUN, snap, summary_of, turn

STAGES = [stage.name for stage in PLAN.stages]


def counted(*turns: TurnMeasurement, slos: tuple[str, ...]) -> tuple[Aggregate, TurnTableBuilder]:
    plan = replace(PLAN, limits=turn_limits(map(parse_slo, slos), STAGES, PLAN.workloads))
    recorder = Recorder(plan, "w1")
    recorder.begin(ORIGIN_NS)
    for measured in turns:
        recorder.record(measured)
    aggregate, builder, snapshot = Aggregate(plan), TurnTableBuilder(), snap(recorder)
    assert aggregate.apply(snapshot)
    builder.add_member(snapshot.records)
    return aggregate, builder


def summed(*turns: TurnMeasurement, slos: tuple[str, ...]) -> Summary:
    return summarize(counted(*turns, slos=slos)[0], RUN, slos=slos, ended_s=100.0)


@pytest.mark.parametrize(
    ("slo", "good"),
    [
        ("ttft p99 < 51ms", 1),
        ("ttft p99 <= 50ms", 1),
        ("ttft p99 < 50ms", 0),
        ("ttfo p50 < 51ms", 1),
        ("tpot p99 < 21ms", 1),
        ("tpot p99 < 20ms", 0),
        ("e2e mean <= 95ms", 1),
        ("e2e max < 95ms", 0),
        ("service.ttft p99 < 49ms", 1),
        ("service.ttft p99 < 48ms", 0),
        ("service.e2e p99 < 93ms", 0),
        ("ttft{stage=peak} p99 < 1ms", 1),
        ("ttft{stage=steady} p99 < 1ms", 0),
        ("ttft{workload=docs} p99 < 1ms", 1),
        ("ttft{workload=chat} p99 < 1ms", 0),
    ],
)
def test_a_turn_is_good_if_it_meets_every_limit_that_applies_to_it(slo: str, good: int) -> None:
    requests = summed(turn(), slos=(slo, "e2e p99 < 10s")).requests
    assert (requests.good, requests.goodput) == (good, good)


def test_failed_turns_and_dropped_arrivals_are_misses_and_cancelled_turns_are_not_counted() -> None:
    failed, cut = turn(outcome="timeout"), turn(outcome="cancelled")
    requests = summed(turn(), turn(), turn(), failed, cut, slos=("ttft p99 < 1s",)).requests
    assert (requests.good, requests.goodput) == (3, 3 / 4)
    aggregate, _ = counted(turn(), slos=("ttft p99 < 1s",))
    recorder = Recorder(aggregate.plan, "w2")
    recorder.dropped("chat", 1)
    aggregate.apply(snap(recorder))
    assert summarize(aggregate, RUN, ended_s=100.0).requests.goodput == 1 / 2


def test_without_limits_nothing_is_good_or_bad() -> None:
    summary = summary_of(turn())
    assert (summary.requests.good, summary.requests.goodput) == (None, None)
    assert summary.throughput.goodput_requests_per_s is None
    assert summed(turn(), slos=("error_rate < 1%",)).requests.good is None


def test_a_part_that_no_limit_is_about_has_no_goodput() -> None:
    summary = summed(turn(), turn(workload="docs"), slos=("ttft{workload=docs, stage=steady} p99 < 10ms",))
    assert (summary.requests.good, summary.requests.goodput) == (1, 0.5)
    assert summary.workloads["docs"].requests.goodput == 0
    assert summary.workloads["chat"].requests.goodput is None
    assert [stage.requests.good for stage in summary.stages] == [None, 1, None]


@pytest.mark.parametrize(
    ("slo", "changes", "good"),
    [
        # A reader waited for a first output that never came.
        ("ttft p99 < 9s", {"chunks_ms": ()}, 0),
        ("ttfo p99 < 9s", {"first_answer_ns": None}, 0),
        # One token takes no time per token.
        ("tpot p99 < 1ms", {"chunks_ms": (50,)}, 1),
        # What was not measured is not known.
        ("ttft p99 < 9s", {"streamed": False}, None),
        ("tpot p99 < 9s", {"streamed": False}, None),
        ("tpot p99 < 9s", {"output_tokens": None}, None),
        ("e2e p99 < 9s", {"streamed": False}, 1),
    ],
)
def test_a_time_that_a_turn_does_not_have(slo: str, changes: dict[str, object], good: int | None) -> None:
    summary = summed(turn(**changes), slos=(slo,))  # type: ignore[arg-type]
    assert summary.requests.good == good
    assert summary.throughput.goodput_requests_per_s == (None if good is None else good / 90)


def test_one_miss_settles_it_whatever_else_is_unknown() -> None:
    late = turn(streamed=False, end_ns=ORIGIN_NS + 20_000 * MS + 11_000 * MS)
    assert summed(late, slos=("ttft p99 < 1s", "e2e p99 < 10s")).requests.good == 0


def test_each_limit_has_its_own_count() -> None:
    slos = ("ttft p99 < 60ms", "error_rate < 1%", "tpot p99 < 15ms", "e2e{workload=docs} p99 < 9s")
    aggregate, _ = counted(turn(), turn(chunks_ms=(70, 80, 90)), turn(), slos=slos)
    assert aggregate.counted().slo_good == [2, 1, 0]
    assert [limit.slo for limit in aggregate.plan.limits] == [slos[0], slos[2], slos[3]]


def test_good_turns_count_in_the_window_that_they_end_in() -> None:
    # Due in the warm-up, ended in the measured stage.
    early = turn(9.99, chunks_ms=(50, 70))
    throughput = summed(
        early, turn(), turn(chunks_ms=(900, 950)), slos=("ttft p99 < 1s", "ttft p50 < 500ms")
    ).throughput
    assert throughput.goodput_requests_per_s == 2 / 90
    assert throughput.requests_per_s == 3 / 90


def test_the_record_log_tells_the_same_turns() -> None:
    slos = ("ttft p99 < 60ms", "tpot{stage=peak} p99 < 15ms", "e2e{workload=docs} p99 < 100ms")
    turns = [
        turn(at_s, session=f"{at_s}", workload=workload, chunks_ms=(first, first + step, first + 2 * step))
        for at_s in (20, 75)
        for workload in PLAN.workloads
        for first in (50, 59.999999, 60, 70)
        for step in (10, 20)
    ]
    aggregate, builder = counted(*turns, turn(outcome="timeout"), turn(chunks_ms=(50,)), turn(chunks_ms=()), slos=slos)
    assert int(good_turns(builder.table(), aggregate.plan).sum()) == aggregate.counted().good > 5
