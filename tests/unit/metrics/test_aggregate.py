"""The aggregate counts every report once and nothing of another run; the live view looks at the last seconds."""

import random

import msgspec
import pytest

from loadgen.metrics.aggregate import LIVE_RETENTION_S, Aggregate
from loadgen.metrics.live import snapshot_e2e
from loadgen.metrics.snapshot import Gauges, Snapshot, encode
from loadgen.metrics.summarize import summarize
from tests.unit.metrics.making import PLAN, RUN, new_recorder, snap, summary_of, turn


def report(worker: str = "w1", *, seq: int = 1, at_s: float = 25.0, gauges: Gauges | None = None) -> Snapshot:
    """A snapshot of two ok turns and a failed one."""
    recorder = new_recorder(worker)
    for _ in range(2):
        recorder.record(turn())
    recorder.record(turn(outcome="http_429", workload="docs"))
    return msgspec.structs.replace(snap(recorder, at_s, gauges), seq=seq)


def test_a_report_of_another_run_has_no_effect() -> None:
    aggregate = Aggregate(PLAN)
    assert not aggregate.apply(msgspec.structs.replace(report(), run_id="another"))
    assert aggregate.counted().sent == 0
    assert aggregate.workers == {}


@pytest.mark.parametrize("seq", [3, 2, 1])
def test_a_report_no_newer_than_the_last_has_no_effect(seq: int) -> None:
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(report(seq=3))
    assert not aggregate.apply(report(seq=seq))
    assert aggregate.counted().sent == 3


def test_sequences_are_each_workers_own() -> None:
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(report("w1"))
    assert aggregate.apply(report("w2"))
    assert aggregate.counted().sent == 6


def test_a_missing_report_is_noted() -> None:
    aggregate = Aggregate(PLAN)
    aggregate.apply(report(seq=1))
    aggregate.apply(report(seq=4))
    summary = summarize(aggregate, RUN, ended_s=100)
    assert summary.run.snapshots_missing == 2
    assert any("never arrived" in note for note in summary.run.notes)


def test_the_order_of_workers_does_not_matter() -> None:
    reports = []
    for k in range(4):
        recorder = new_recorder(f"w{k}")
        for i in range(30):
            recorder.record(turn(chunks_ms=(40 + k, 60 + i, 90 + i * k)))
        reports.append(snap(recorder))
    summaries = []
    for seed in range(3):
        random.Random(seed).shuffle(reports)
        aggregate = Aggregate(PLAN)
        for one in reports:
            aggregate.apply(one)
        summaries.append(msgspec.json.encode(summarize(aggregate, RUN, ended_s=100)))
    assert len(set(summaries)) == 1


def test_a_lost_worker_keeps_its_turns_and_loses_its_gauges() -> None:
    aggregate = Aggregate(PLAN)
    aggregate.apply(report("w1", gauges=Gauges(in_flight=5, sessions_active=4)))
    aggregate.apply(report("w2", gauges=Gauges(in_flight=7, sessions_active=6)))
    aggregate.lose("w1")
    view = aggregate.live()
    assert (view.in_flight, view.sessions_active, view.workers, view.sent) == (7, 6, 1, 6)
    summary = summarize(aggregate, RUN, ended_s=100)
    assert summary.run.workers_lost == ["w1"]
    assert any("w1" in note for note in summary.run.notes)


def test_a_worker_that_has_said_all_is_not_lost() -> None:
    aggregate = Aggregate(PLAN)
    aggregate.apply(snap(new_recorder(), final=True))
    assert aggregate.finished_workers == {"w1"}
    aggregate.lose("w1")
    assert aggregate.lost_workers == []


def test_the_live_view_is_of_the_last_seconds() -> None:
    recorder, aggregate = new_recorder(), Aggregate(PLAN)
    for at_s, first_ms in ((20.0, 500), (30.0, 40), (31.0, 40)):
        recorder.record(turn(at_s - 1, chunks_ms=(first_ms, first_ms + 20), output_tokens=10))
        aggregate.apply(snap(recorder, at_s, Gauges(in_flight=3, chunks=int(at_s) * 100)))
    view = aggregate.live(window_s=5)
    assert (view.elapsed_s, view.stage) == (31.0, "steady")
    assert view.requests_per_s == pytest.approx(2 / 5)
    assert view.tokens_per_s == pytest.approx(20 / 5)
    assert view.chunks_per_s == pytest.approx((3100 - 2000) / 5)
    assert view.ttft_p99_s == pytest.approx(0.04, rel=1e-3)
    assert (view.ok, view.in_flight) == (3, 3)


def test_nothing_in_the_window_is_null_and_not_zero() -> None:
    aggregate = Aggregate(PLAN)
    aggregate.apply(report(at_s=20))
    view = aggregate.live(window_s=5, now_s=60)
    assert (view.ttft_p50_s, view.itl_p99_s, view.tokens_per_s, view.loop_lag_p99_s) == (None, None, None, None)
    assert view.requests_per_s == 0


def test_the_first_seconds_are_divided_by_what_has_passed() -> None:
    recorder, aggregate = new_recorder(), Aggregate(PLAN)
    recorder.record(turn(0.5))
    aggregate.apply(snap(recorder, 1.0))
    assert aggregate.live(window_s=5).requests_per_s == pytest.approx(1)


def test_the_drain_is_no_stage() -> None:
    aggregate = Aggregate(PLAN)
    aggregate.apply(report(at_s=101))
    assert aggregate.live().stage is None


def test_the_window_forgets_what_is_past() -> None:
    aggregate = Aggregate(PLAN)
    for seq in range(1, 100):
        aggregate.apply(report(seq=seq, at_s=float(seq)))
    assert aggregate.live(window_s=1000).requests_per_s <= 2 * (LIVE_RETENTION_S + 1) / 99


def test_end_to_end_times_for_other_statistics() -> None:
    chat, docs = snapshot_e2e(report(), PLAN)
    assert (chat.workload, chat.ok, chat.failures) == ("chat", 2, {})
    ((value_ms, count),) = chat.values_ms
    assert count == 2
    assert value_ms == pytest.approx(95.0, rel=1e-3)
    assert (docs.workload, docs.ok, docs.failures, docs.values_ms) == ("docs", 0, {"http_429": 1}, [])


def test_a_snapshot_is_small() -> None:
    recorder = new_recorder()
    rng = random.Random(1)
    for k in range(200):
        first = rng.lognormvariate(4, 0.5)
        recorder.record(turn(20 + k / 200, chunks_ms=[first + 20 * i + rng.random() for i in range(16)]))
    snapshot = snap(recorder)
    assert len(encode(snapshot)) - len(snapshot.records) < 20_000


def test_stages_and_workloads_have_their_own_blocks() -> None:
    summary = summary_of(turn(5), turn(20), turn(80, workload="docs"), turn(81, workload="docs"))
    assert [(stage.name, stage.measured, stage.requests.ok) for stage in summary.stages] == [
        ("warmup", False, 1),
        ("steady", True, 1),
        ("peak", True, 2),
    ]
    assert {name: part.requests.ok for name, part in summary.workloads.items()} == {"chat": 1, "docs": 2}
    assert summary.requests.ok == 3
    assert all(part.generator.loop_lag_s is None for part in summary.workloads.values())
