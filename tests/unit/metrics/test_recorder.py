"""What the recorder makes of a turn: times by their definitions, token sums, throughput windows, record lines."""

import gzip
import json
import re
import tracemalloc
from typing import Any

import pytest
from msgspec.structs import replace

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.histogram import Dist
from loadgen.metrics.recorder import LONG_CHUNKS
from loadgen.metrics.snapshot import Gauges
from loadgen.metrics.summarize import summarize
from loadgen.metrics.turn import Outcome, TurnMeasurement
from tests.unit.metrics.making import MS, ORIGIN_NS, PLAN, RUN, S, new_recorder, snap, summary_of, turn


def only(dist: Dist | None) -> float:
    """The one value of a distribution of one."""
    assert dist is not None
    assert dist.n == 1
    return dist.max


def lines_of(*turns: TurnMeasurement) -> list[dict[str, Any]]:
    recorder = new_recorder()
    for measured in turns:
        recorder.record(measured)
    return [json.loads(line) for line in gzip.decompress(snap(recorder).records).splitlines()]


def test_latency_is_from_the_intended_time_and_service_from_the_send_time() -> None:
    summary = summary_of(turn(chunks_ms=(50, 70, 90)))
    assert only(summary.latency.ttft_s) == 0.050
    assert only(summary.service.ttft_s) == 0.048
    assert only(summary.latency.e2e_s) == 0.095
    assert only(summary.service.e2e_s) == 0.093
    assert only(summary.generator.schedule_lag_s) == 0.001


def test_ttfo_waits_for_the_answer_after_the_reasoning() -> None:
    measured = turn(chunks_ms=(50, 70, 90), first_answer_ns=ORIGIN_NS + 20 * S + 90 * MS)
    summary = summary_of(measured)
    assert only(summary.latency.ttft_s) == 0.050
    assert only(summary.latency.ttfo_s) == 0.090


def test_every_gap_counts_and_those_of_one_read_are_zero() -> None:
    itl = summary_of(turn(chunks_ms=(50, 50, 50, 90))).latency.itl_s
    assert itl is not None
    assert (itl.n, itl.min, itl.p50, itl.max) == (3, 0.0, 0.0, 0.04)


def test_tpot_divides_by_the_servers_tokens_not_by_chunks() -> None:
    assert only(summary_of(turn(chunks_ms=(50, 100, 150), output_tokens=11)).latency.tpot_s) == 0.010


def test_tpot_takes_hidden_reasoning_off_and_leaves_streamed_reasoning_in() -> None:
    measured = turn(chunks_ms=(50, 150), output_tokens=21, reasoning_tokens=10)
    assert only(summary_of(measured).latency.tpot_s) == 0.010
    assert only(summary_of(replace(measured, reasoning_streamed=True)).latency.tpot_s) == 0.005


@pytest.mark.parametrize("tokens", [None, 0, 1])
def test_tpot_is_null_where_tokens_are_unknown_or_at_most_one(tokens: int | None) -> None:
    assert summary_of(turn(output_tokens=tokens)).latency.tpot_s is None


def test_a_reply_that_was_not_streamed_has_only_an_end() -> None:
    measured = turn(chunks_ms=(), streamed=False, first_output_ns=ORIGIN_NS + 20 * S + 50 * MS, output_tokens=9)
    latency = summary_of(measured).latency
    assert (latency.ttft_s, latency.ttfo_s, latency.itl_s, latency.tpot_s) == (None, None, None, None)
    assert only(latency.e2e_s) == 0.050
    assert lines_of(measured)[0]["ttft_s"] is None


def test_an_ok_turn_without_output_is_ok_and_has_no_ttft() -> None:
    summary = summary_of(turn(chunks_ms=()))
    assert summary.requests.ok == 1
    assert summary.latency.ttft_s is None


def test_only_new_connections_are_timed() -> None:
    summary = summary_of(turn(connect_ns=3 * MS), turn(), turn())
    assert only(summary.service.connect_s) == 0.003


@pytest.mark.parametrize("outcome", ["timeout", "connect", "http_429", "stream_error", "truncated"])
def test_a_failed_turn_is_in_no_latency_and_in_the_errors(outcome: Outcome) -> None:
    summary = summary_of(turn(), turn(outcome=outcome), turn(outcome=outcome))
    assert summary.latency.e2e_s is not None
    assert summary.latency.itl_s is not None
    assert (summary.latency.e2e_s.n, summary.latency.itl_s.n) == (1, 2)
    assert summary.requests.errors == {outcome: 2}
    assert summary.requests.error_rate == pytest.approx(2 / 3)


def test_a_cancelled_turn_keeps_what_it_had_seen_and_its_end_is_censored() -> None:
    summary = summary_of(turn(outcome="cancelled"), turn(outcome="cancelled", chunks_ms=()))
    assert only(summary.latency.ttft_s) == 0.050
    assert summary.latency.itl_s is not None
    assert summary.latency.itl_s.n == 2
    assert summary.latency.e2e_s is None
    assert (summary.requests.censored.e2e, summary.requests.censored.ttft) == (2, 1)
    assert (summary.requests.cancelled, summary.requests.error_rate) == (2, None)


def test_scheduled_is_sent_and_dropped() -> None:
    recorder = new_recorder()
    recorder.record(turn())
    recorder.record(turn(outcome="http_5xx"))
    recorder.record(turn(outcome="cancelled"))
    recorder.dropped("chat", 1)
    aggregate = Aggregate(PLAN)
    aggregate.apply(snap(recorder))
    counted = aggregate.counted()
    assert (counted.sent, counted.ok, counted.failed, counted.cancelled, counted.dropped) == (3, 1, 1, 1, 1)


def test_a_turn_that_started_early_has_no_lag() -> None:
    early = turn(taken_ns=ORIGIN_NS + 20 * S - MS)
    assert only(summary_of(early).generator.schedule_lag_s) == 0.0


# Token sums


def test_tokens_are_summed_by_kind() -> None:
    measured = turn(input_tokens=100, output_tokens=7, cached_tokens=64, reasoning_tokens=3)
    tokens = summary_of(measured, measured).tokens
    assert (tokens.input, tokens.output, tokens.cached_input, tokens.reasoning) == (200, 14, 128, 6)


@pytest.mark.parametrize("kind", ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"])
def test_one_unknown_part_makes_the_sum_null_and_keeps_what_is_known(kind: str) -> None:
    name = {"cached_tokens": "cached_input"}.get(kind, kind.removesuffix("_tokens"))
    known, unknown = turn(), turn()
    setattr(known, kind, 5)
    setattr(unknown, kind, None)
    tokens = summary_of(known, unknown).tokens
    assert getattr(tokens, name) is None
    assert getattr(tokens, f"{name}_known") == 5
    others = {"input", "output", "cached_input", "reasoning"} - {name}
    assert all(getattr(tokens, other) is not None for other in others)


@pytest.mark.parametrize("outcome", ["truncated", "cancelled"])
def test_output_without_usage_makes_the_sum_unknown(outcome: Outcome) -> None:
    assert summary_of(turn(), turn(outcome=outcome, input_tokens=None, output_tokens=None)).tokens.output is None


def test_a_failure_without_output_does_not_make_the_sum_unknown() -> None:
    refused = turn(chunks_ms=(), outcome="http_429", input_tokens=None, output_tokens=None)
    tokens = summary_of(turn(output_tokens=3), refused).tokens
    assert (tokens.input, tokens.output) == (10, 3)


# Throughput: windows are warmup 0-10 s, steady 10-70 s, peak 70-100 s


def test_throughput_is_what_was_stamped_in_the_measured_windows() -> None:
    summary = summary_of(*(turn(at_s=20 + k) for k in range(9)))
    assert summary.throughput.window_s == 90
    assert summary.throughput.requests_per_s == pytest.approx(9 / 90)
    assert summary.throughput.chunks_per_s == pytest.approx(27 / 90)
    assert summary.throughput.output_tokens_per_s == pytest.approx(27 / 90)
    assert summary.throughput.input_tokens_per_s == pytest.approx(90 / 90)


def test_a_turn_across_a_boundary_is_shared_by_its_chunks() -> None:
    # Due in steady at 69 s; chunks at 69.5, 69.9 and then four in peak, ended there, with 60 output tokens.
    measured = turn(at_s=69, chunks_ms=(500, 900, 1000, 1100, 1200, 1300), output_tokens=60)
    steady, peak = summary_of(measured).stages[1:]
    assert (steady.requests.ok, peak.requests.ok) == (1, 0)
    assert (steady.throughput.requests_per_s, peak.throughput.requests_per_s) == (0, 1 / 30)
    assert steady.throughput.chunks_per_s == pytest.approx(2 / 60)
    assert peak.throughput.chunks_per_s == pytest.approx(4 / 30)
    assert steady.throughput.output_tokens_per_s == pytest.approx(20 / 60)
    assert peak.throughput.output_tokens_per_s == pytest.approx(40 / 30)


def test_a_warm_up_turn_that_ends_in_the_measured_window_counts_there() -> None:
    summary = summary_of(turn(at_s=9.5, chunks_ms=(100, 600, 700), output_tokens=3))
    assert summary.requests.ok == 0
    assert summary.throughput.requests_per_s == pytest.approx(1 / 90)
    assert summary.throughput.chunks_per_s == pytest.approx(2 / 90)


def test_the_drain_is_outside() -> None:
    late = turn(at_s=99.9, chunks_ms=(50, 150, 200), output_tokens=3)
    peak = summary_of(late, ended_s=130).stages[2]
    assert peak.requests.ok == 1
    assert peak.throughput.requests_per_s == 0
    assert peak.throughput.chunks_per_s == pytest.approx(1 / 30)


def test_what_ends_after_the_load_was_closed_early_is_the_drains() -> None:
    recorder = new_recorder()
    recorder.record(turn(at_s=20))
    recorder.close(ORIGIN_NS + 25 * S)
    recorder.record(turn(at_s=24.9, chunks_ms=(50, 150, 200), output_tokens=3))
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(snap(recorder, at_s=26.0))
    summary = summarize(aggregate, RUN, ended_s=25.0)
    assert summary.requests.ok == 2
    assert summary.throughput.window_s == 15
    assert summary.throughput.requests_per_s == pytest.approx(1 / 15)
    assert summary.throughput.chunks_per_s == pytest.approx(4 / 15)


def test_a_run_cut_short_is_divided_by_the_time_it_had() -> None:
    summary = summary_of(turn(at_s=20), ended_s=30)
    assert summary.throughput.window_s == 20
    assert summary.throughput.requests_per_s == pytest.approx(1 / 20)
    assert summary.stages[2].throughput.requests_per_s is None


def test_unknown_tokens_make_the_rate_null_and_keep_what_is_known() -> None:
    throughput = summary_of(turn(output_tokens=9), turn(output_tokens=None)).throughput
    assert throughput.output_tokens_per_s is None
    assert throughput.output_tokens_per_s_known == pytest.approx(9 / 90)


def test_a_reply_that_was_not_streamed_counts_where_it_ends() -> None:
    measured = turn(at_s=69.98, chunks_ms=(), streamed=False, output_tokens=30)
    steady, peak = summary_of(measured).stages[1:]
    assert steady.throughput.output_tokens_per_s == 0
    assert peak.throughput.output_tokens_per_s == pytest.approx(1)


# Record lines


def test_a_record_holds_the_turn_in_seconds_from_the_start() -> None:
    line = lines_of(turn(at_s=20.123456789, chunks_ms=(50, 70, 110), error="x" * 500))[0]
    assert (line["run"], line["worker"]) == ("run-1", "w1")
    assert (line["workload"], line["stage"], line["outcome"]) == ("chat", "steady", "ok")
    assert line["intended_s"] == 20.123456789
    assert line["send_s"] == 20.125456789
    assert (line["ttft_s"], line["itl_p50_s"], line["itl_max_s"]) == (0.05, 0.02, 0.04)
    assert line["itl_p99_s"] is None
    assert len(line["error"]) == 200
    assert line["cost"] is None


def test_no_time_in_a_record_has_more_than_nine_decimals() -> None:
    recorder = new_recorder()
    recorder.record(turn(at_s=31.4159265358979, chunks_ms=(50.123456, 71.234567, 93.9), output_tokens=4))
    text = gzip.decompress(snap(recorder).records).decode()
    decimals = re.findall(r":\d+\.(\d+)", text)
    assert decimals
    assert max(map(len, decimals)) <= 9


def test_each_snapshots_records_are_one_complete_gzip_member() -> None:
    recorder = new_recorder()
    members = []
    for k in range(3):
        recorder.record(turn(turn=k))
        members.append(snap(recorder).records)
    turns = [json.loads(line)["turn"] for line in gzip.decompress(b"".join(members)).splitlines()]
    assert turns == [0, 1, 2]
    assert snap(recorder).records == b""


def test_a_long_reply_gives_the_same_figures_a_piece_at_a_time() -> None:
    gaps = [20 + (k * 7919 % 1000) / 1000 for k in range(LONG_CHUNKS + 900)]
    stamps = [50.0]
    for gap in gaps:
        stamps.append(stamps[-1] + gap)
    measured = turn(at_s=11, chunks_ms=stamps)
    ordered = sorted(gaps)
    line = lines_of(measured)[0]
    assert line["chunks"] == len(stamps)
    assert line["itl_p50_s"] == pytest.approx(ordered[len(gaps) // 2] / 1e3, rel=2e-3)
    assert line["itl_p99_s"] == pytest.approx(ordered[int(len(gaps) * 0.99)] / 1e3, rel=2e-3)
    itl = summary_of(measured).latency.itl_s
    assert itl is not None
    assert itl.n == len(gaps)
    assert itl.mean == pytest.approx(sum(gaps) / len(gaps) / 1e3, rel=1e-6)


# Snapshots


def test_what_is_recorded_while_a_snapshot_is_walked_goes_into_the_next() -> None:
    recorder = new_recorder()
    recorder.record(turn())
    walk = recorder.snapshot(ORIGIN_NS + S, Gauges())
    next(walk)
    recorder.record(turn(outcome="http_5xx"))
    for _ in walk:
        pass
    second = snap(recorder)
    assert (second.seq, second.counters[0].ok, second.counters[0].failed) == (2, 0, 1)


def test_a_workload_the_plan_does_not_name_is_refused() -> None:
    with pytest.raises(KeyError):
        new_recorder().record(turn(workload="other"))


def test_memory_does_not_grow_with_the_number_of_turns() -> None:
    recorder, aggregate = new_recorder(), Aggregate(PLAN)
    turns = [turn(at_s=20 + k % 40, chunks_ms=range(50, 50 + 20 * (k % 9 + 1), 20)) for k in range(50)]

    def second(at_s: float) -> None:
        for measured in turns:
            recorder.record(measured)
        aggregate.apply(snap(recorder, at_s))

    tracemalloc.start()
    # The live window holds 30 s of snapshots: fill it first.
    for k in range(40):
        second(k)
    before = tracemalloc.get_traced_memory()[0]
    for k in range(40, 120):
        second(k)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # 4,000 turns: 16 bytes kept of each would show.
    assert grown < 64_000


def test_a_snapshot_takes_as_many_steps_after_ten_thousand_turns_as_after_ten() -> None:
    def steps(turns: int) -> int:
        recorder = new_recorder()
        for _ in range(turns):
            recorder.record(turn())
        return sum(1 for _ in recorder.snapshot(ORIGIN_NS + S, Gauges()))

    assert steps(10_000) == steps(10)
