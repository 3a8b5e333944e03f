"""The certificate: each rule of `valid` by itself, and what is unknown said and not taken for good."""

import pytest

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.snapshot import SandboxUse
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Generator
from tests.unit.metrics.making import MS, ORIGIN_NS, PLAN, RUN, S, new_recorder, snap, turn


def certificate(
    *,
    lag_ms: float = 1,
    ttft_ms: float = 50,
    loop_ms: float = 1,
    cpu: list[float] | None = None,
    stage: int = 1,
    chunks_a_read: int = 1,
    turns: int = 100,
    loop_samples: int = 100,
    sandboxes: SandboxUse | None = None,
) -> Generator:
    """The certificate of one worker whose turns all had this lag and TTFT, in this stage."""
    recorder = new_recorder()
    at_s = {0: 5.0, 1: 20.0}[stage]
    for _ in range(turns):
        taken = ORIGIN_NS + round(at_s * S + lag_ms * MS)
        recorder.record(turn(at_s, chunks_ms=(ttft_ms, ttft_ms + 20), taken_ns=taken, reads=2 // chunks_a_read))
    for _ in range(loop_samples):
        recorder.loop_lag(round(loop_ms * MS), stage)
    for ratio in [0.3] if cpu is None else cpu:
        recorder.cpu(ratio, stage)
    if sandboxes is not None:
        recorder.sandboxes(sandboxes, stage)
    aggregate = Aggregate(PLAN)
    aggregate.apply(snap(recorder))
    return summarize(aggregate, RUN, ended_s=100).generator


def test_a_generator_in_time_is_valid() -> None:
    generator = certificate()
    assert (generator.valid, generator.reasons) == (True, [])
    assert generator.cpu_ratio == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("lag_ms", "ttft_ms", "valid"),
    [(9.9, 50, True), (10.5, 50, False), (10.5, 300, True), (49, 1000, True), (51, 1000, False)],
)
def test_schedule_lag_is_held_to_10_ms_or_5_percent_of_the_ttft(lag_ms: float, ttft_ms: float, valid: bool) -> None:
    generator = certificate(lag_ms=lag_ms, ttft_ms=ttft_ms)
    assert generator.valid is valid
    assert valid or "schedule lag p99" in generator.reasons[0]


@pytest.mark.parametrize(("loop_ms", "valid"), [(19.9, True), (20.5, False)])
def test_loop_lag_is_held_to_20_ms(loop_ms: float, valid: bool) -> None:
    generator = certificate(loop_ms=loop_ms)
    assert generator.valid is valid
    assert valid or "loop lag p99" in generator.reasons[0]


@pytest.mark.parametrize(
    ("cpu", "valid"),
    [
        ([0.95] * 4, True),
        ([0.95] * 5, False),
        ([0.9] * 20, True),
        ([*[0.95] * 4, 0.5, *[0.95] * 4], True),
        ([0.1, *[0.99] * 7, 0.1], False),
    ],
)
def test_the_engine_thread_may_be_busy_for_less_than_5_s_on_end(cpu: list[float], valid: bool) -> None:
    generator = certificate(cpu=cpu)
    assert generator.valid is valid
    assert valid or "w1" in generator.reasons[0]


def test_a_busy_stretch_does_not_join_two_workers() -> None:
    aggregate = Aggregate(PLAN)
    for worker in ("w1", "w2"):
        recorder = new_recorder(worker)
        recorder.record(turn())
        recorder.loop_lag(MS, 1)
        for _ in range(4):
            recorder.cpu(0.99, 1)
        aggregate.apply(snap(recorder))
    assert summarize(aggregate, RUN, ended_s=100).generator.valid


def test_an_unmeasured_second_ends_a_busy_stretch() -> None:
    aggregate, recorder = Aggregate(PLAN), new_recorder()
    recorder.record(turn())
    recorder.loop_lag(MS, 1)
    for stage in (1, 1, 1, 0, 1, 1, 1):
        recorder.cpu(0.99, stage)
    aggregate.apply(snap(recorder))
    assert summarize(aggregate, RUN, ended_s=100).generator.valid


def test_a_slow_server_is_no_fault_of_the_generators() -> None:
    assert certificate(ttft_ms=60_000).valid


def test_chunks_a_read_is_a_reason_only_together_with_loop_lag() -> None:
    coalescing = certificate(chunks_a_read=2)
    assert coalescing.valid
    assert coalescing.chunks_per_read == 2
    late = certificate(chunks_a_read=2, loop_ms=30)
    assert len(late.reasons) == 2
    assert "chunks a read" in late.reasons[1]
    assert len(certificate(chunks_a_read=1, loop_ms=30).reasons) == 1


def test_the_warm_up_is_not_judged() -> None:
    aggregate = Aggregate(PLAN)
    recorder = new_recorder()
    recorder.record(turn(5, taken_ns=ORIGIN_NS + 6 * S))
    recorder.loop_lag(500 * MS, 0)
    for _ in range(9):
        recorder.cpu(1.0, 0)
    recorder.record(turn(20))
    recorder.loop_lag(MS, 1)
    recorder.cpu(0.2, 1)
    aggregate.apply(snap(recorder))
    assert summarize(aggregate, RUN, ended_s=100).generator.valid


def test_an_unknown_loop_lag_is_not_taken_for_good() -> None:
    generator = certificate(loop_samples=0)
    assert not generator.valid
    assert "loop lag is unknown" in generator.reasons[0]


def test_an_unknown_schedule_lag_is_not_taken_for_good() -> None:
    generator = certificate(turns=0)
    assert not generator.valid
    assert "schedule lag is unknown" in generator.reasons[0]


def test_what_rests_on_few_turns_and_what_was_not_sampled_is_said() -> None:
    notes = " ".join(certificate(turns=20, cpu=[]).notes)
    assert "only 20 turns" in notes
    assert "CPU share was never sampled" in notes


def test_an_invalid_run_has_an_invalid_verdict() -> None:
    aggregate = Aggregate(PLAN)
    summary = summarize(aggregate, RUN, slos=["ttft p99 < 2s"], ended_s=100)
    assert summary.verdict.outcome == "invalid"
    assert summary.verdict.slos[0].outcome == "not_judged"


def test_sandboxes_beside_a_late_engine_are_named_and_beside_a_good_one_only_counted() -> None:
    use = SandboxUse(runs=12, cpu_s=3.21, queued_s=0.6)
    late, good = certificate(loop_ms=30, sandboxes=use), certificate(sandboxes=use)
    assert late.sandboxes == good.sandboxes == use
    assert "12 sandbox runs took 3.2 s of CPU" in late.reasons[-1]
    assert (good.valid, good.reasons) == (True, [])


def test_where_no_sandbox_ran_in_a_measured_stage_none_is_named() -> None:
    generator = certificate(loop_ms=30)
    assert generator.sandboxes is None
    assert not any("sandbox" in reason for reason in generator.reasons)
