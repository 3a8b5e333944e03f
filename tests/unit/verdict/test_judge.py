"""Verdicts on runs made by hand: what passes, fails, and can't be told."""

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from loadgen.arrivals import Schedule
from loadgen.metrics.summary import Quality
from loadgen.verdict.evidence import Evidence
from loadgen.verdict.failure import Failure
from loadgen.verdict.judge import judge
from tests.unit.metrics.making import MS, ORIGIN_NS, S, turn
from tests.unit.verdict.making import SCHEDULE, judged, many, objectives, only, run_of

# On a ramp nobody expects what is in flight to stay as it is.
RAMP = Schedule("poisson", tuple(dataclasses.replace(stage, level_to=9.0) for stage in SCHEDULE.stages))


def test_a_quantile_whose_interval_is_below_the_limit_passes() -> None:
    summary = judged(many(1000), "ttft p99 < 2s")
    slo = only(summary)
    assert (summary.verdict.outcome, slo.outcome, slo.n, slo.confidence) == ("pass", "pass", 1000, 0.95)
    assert slo.ci_low is not None
    assert slo.estimate is not None
    assert slo.ci_high is not None
    assert 0.14 < slo.ci_low <= slo.estimate <= slo.ci_high < 0.151
    assert (slo.limit, slo.unit, slo.samples_needed, slo.reason) == (2.0, "s", None, None)


def test_the_estimate_is_the_nearest_rank_of_all_values() -> None:
    turns = many(1000, slow=30)
    times = np.sort([(measured.chunk_stamps[0] - measured.intended_ns) / 1e9 for measured in turns])
    assert only(judged(turns, "ttft p95 < 9s")).estimate == pytest.approx(times[949], rel=1e-3)


def test_stages_of_different_levels_are_decided_together() -> None:
    # The second stage is slower by far, and both are far below the limit.
    turns = many(600, to_s=70) + [
        turn(70 + k / 20, session=f"peak-{k}", chunks_ms=(400 + 100 * (k * 37 % 101) / 101, 800)) for k in range(580)
    ]
    verdict = judged(turns, "ttft p90 < 2s", "ttft mean < 1s", "throughput.requests > 5").verdict
    assert [slo.outcome for slo in verdict.slos] == ["pass", "pass", "pass"]


def test_a_quantile_whose_interval_is_above_the_limit_fails() -> None:
    summary = judged(many(1000, slow=60), "ttft p99 < 2s")
    assert (summary.verdict.outcome, only(summary).outcome) == ("fail", "fail")


def test_too_few_turns_are_inconclusive_and_it_is_said_how_many_would_do() -> None:
    summary = judged(many(200), "ttft p99 < 2s")
    slo = only(summary)
    assert (summary.verdict.outcome, slo.outcome, slo.ci_high) == ("inconclusive", "inconclusive", None)
    # Two-sided 95 % for p99 needs 368 independent values.
    assert slo.samples_needed is not None
    assert slo.samples_needed >= 160
    assert slo.reason is not None
    assert slo.reason.startswith("needs about ")
    assert slo.reason.endswith(" at this rate")


def test_turns_of_few_sessions_tell_less_than_their_number() -> None:
    turns = many(1000)
    # Whole sessions are slow: 4 of 100.
    slow = [turn(20 + k / 10, session=f"slow-{k % 4}", chunks_ms=(4000, 4010)) for k in range(12)]
    assert only(judged(turns + slow, "ttft p98 < 2s")).outcome == "inconclusive"


def test_a_limit_that_next_to_no_turn_is_within_is_missed_whatever_the_interval() -> None:
    # Each turn waits longer than the one before, so that around the quantile all of them are one stretch of time, and
    # it has no bound at the confidence of so many objectives.
    turns = [
        turn(10 + k / 10, session=f"s{k}", chunks_ms=(900 + 40 * k, 920 + 40 * k, 940 + 40 * k)) for k in range(800)
    ]
    easy = [f"e2e p{q} < 600s" for q in (10, 20, 30, 40, 50)]
    assert judged(turns, "ttft p95 < 800ms", *easy, schedule=RAMP).verdict.slos[0].outcome == "fail"
    # Of what was within the limit for a while, nobody can say how it would go on.
    assert judged(turns, "ttft p95 < 5s", *easy, schedule=RAMP).verdict.slos[0].outcome == "inconclusive"


def test_what_is_missed_while_a_queue_grows_has_failed() -> None:
    turns = [
        turn(10 + k / 10, session=f"s{k}", chunks_ms=(900 + 40 * k, 920 + 40 * k, 940 + 40 * k)) for k in range(800)
    ]
    easy = [f"e2e p{q} < 600s" for q in (10, 20, 30, 40, 50)]
    slo = judged(turns, "ttft p95 < 5s", *easy).verdict.slos[0]
    assert slo.outcome == "fail"
    assert slo.reason is not None
    assert "the queue grew" in slo.reason


def test_a_fail_of_one_of_many_must_be_surer() -> None:
    # 12 of 500 above the limit, p99: the 95 % interval leaves it out, and that of 99.5 % does not.
    turns = many(500, slow=12)
    assert only(judged(turns, "ttft p99 < 2s")).outcome == "fail"
    easy = [f"e2e p{q} < 60s" for q in (10, 20, 30, 40, 50, 60, 70, 80, 90)]
    verdict = judged(turns, "ttft p99 < 2s", *easy).verdict
    assert verdict.slos[0].outcome == "inconclusive"
    assert {slo.outcome for slo in verdict.slos[1:]} == {"pass"}
    assert verdict.outcome == "inconclusive"


def test_an_invalid_run_judges_nothing_and_keeps_its_figures() -> None:
    summary = judged(many(1000), "ttft p99 < 2s", healthy=False)
    slo = only(summary)
    assert (summary.verdict.outcome, slo.outcome) == ("invalid", "not_judged")
    assert slo.estimate is not None
    assert slo.reason == "the run is invalid: the generator was the bottleneck"


def test_a_fail_outranks_what_is_inconclusive() -> None:
    assert judged(many(200, slow=60), "ttft p99.9 < 9s", "ttft p50 < 20ms").verdict.outcome == "fail"


def test_without_objectives_nothing_is_judged() -> None:
    assert judged(many(10)).verdict.outcome == "none"


def test_an_objective_of_a_stage_and_a_workload_is_about_those_turns_only() -> None:
    turns = many(400) + [turn(75 + k / 100, session=f"d{k}", workload="docs", chunks_ms=(900, 950)) for k in range(500)]
    verdict = judged(turns, "ttft{stage=peak, workload=docs} p50 < 500ms", "ttft{workload=chat} p50 < 500ms").verdict
    assert [slo.outcome for slo in verdict.slos] == ["fail", "pass"]
    assert [slo.n for slo in verdict.slos] == [500, 400]


def test_a_quantile_among_turns_that_were_cut_off_is_inconclusive() -> None:
    cut = [
        turn(60 + k / 10, session=f"cut-{k}", chunks_ms=(), outcome="cancelled", end_ns=ORIGIN_NS + 99 * S)
        for k in range(30)
    ]
    slo = only(judged(many(1000) + cut, "e2e p99 < 60s"))
    assert (slo.outcome, slo.ci_high, slo.n) == ("inconclusive", None, 1030)
    assert slo.reason == "30 turns were cut off or dropped, and the p99 may be among them"
    # That they took longer than the limit is known all the same.
    assert only(judged(many(1000) + cut, "e2e p99 < 20s")).outcome == "fail"


def test_arrivals_that_were_dropped_are_times_that_nobody_knows() -> None:
    summary = judged(many(1000), "ttft p99 < 2s", dropped=50)
    assert only(summary).outcome == "inconclusive"
    assert summary.verdict.notes == ["50 arrivals were dropped, and no objective limits that"]


def test_where_most_were_dropped_no_number_of_further_turns_is_said_to_decide_it() -> None:
    # Too few turns for an upper rank, so that it is not the upper bound that they are missing from.
    slo = only(judged(many(40), "ttft p99 < 2s", dropped=100))
    assert (slo.outcome, slo.estimate, slo.samples_needed) == ("inconclusive", None, None)
    assert slo.reason == "100 turns were cut off or dropped, and the p99 may be among them"


def test_a_rate_of_failures_is_judged_by_session() -> None:
    failed = [turn(12 + 2 * k, session=f"f{k}", outcome="http_5xx", chunks_ms=()) for k in range(40)]
    assert only(judged(many(1000) + failed, "error_rate < 2%")).outcome == "fail"
    assert only(judged(many(1000) + failed, "error_rate < 10%")).outcome == "pass"
    close = only(judged(many(1000) + failed, "error_rate < 3.9%"))
    assert close.outcome == "inconclusive"
    assert close.estimate == 40 / 1040
    assert close.unit == "share"


def test_failures_that_no_objective_limits_are_noted() -> None:
    failed = [turn(12 + 2 * k, session=f"f{k}", outcome="http_5xx", chunks_ms=()) for k in range(40)]
    assert judged(many(1000) + failed, "ttft p50 < 2s").verdict.notes == [
        "40 turns failed (3.8%), and no objective limits that"
    ]


def test_goodput_counts_failed_and_dropped_as_misses() -> None:
    failed = [turn(20 + k / 10, session=f"f{k}", outcome="timeout", chunks_ms=()) for k in range(50)]
    verdict = judged(many(1000, slow=50) + failed, "ttft p50 < 2s", "goodput > 80%", dropped=100).verdict
    good = verdict.slos[1]
    assert good.estimate == 950 / 1150
    assert good.n == 1150


def test_goodput_of_turns_that_were_not_streamed_is_unknown() -> None:
    whole = [turn(20 + k / 10, session=f"w{k}", streamed=False, chunks_ms=()) for k in range(5)]
    good = judged(many(500) + whole, "ttft p50 < 2s", "goodput > 80%").verdict.slos[1]
    assert (good.outcome, good.estimate) == ("inconclusive", None)
    assert good.reason == "5 turns can't be held against a limit: not streamed, or of unknown length"


def test_a_maximum_is_about_this_run_and_has_no_interval() -> None:
    slo = only(judged(many(100, slow=1), "ttft max < 2s"))
    assert (slo.outcome, slo.estimate, slo.confidence) == ("fail", 4.0, None)
    assert only(judged(many(100), "ttft max < 2s")).outcome == "pass"
    cut = turn(60, session="cut", chunks_ms=(), outcome="cancelled", end_ns=ORIGIN_NS + 61 * S)
    assert only(judged([*many(100), cut], "ttft max < 2s")).outcome == "inconclusive"


def test_a_mean_has_an_interval_over_sessions() -> None:
    turns = many(1000)
    mean = float(np.mean([(measured.end_ns - measured.intended_ns) / 1e9 for measured in turns]))
    slo = only(judged(turns, "e2e mean < 1s"))
    assert slo.outcome == "pass"
    assert slo.estimate == pytest.approx(mean)
    assert slo.ci_low is not None
    assert slo.ci_high is not None
    assert slo.ci_low < mean < slo.ci_high < 0.16


def test_gaps_are_judged_by_the_sessions_they_belong_to() -> None:
    turns = [turn(10 + k / 10, session=f"{k}", chunks_ms=[50 + 20 * step for step in range(40)]) for k in range(800)]
    slo = only(judged(turns, "itl p99 < 100ms"))
    assert (slo.outcome, slo.n, slo.estimate) == ("pass", 800 * 39, 0.02)
    # Every gap of one session in twenty is long: 5 % of gaps, and no more than 40 sessions that tell so.
    stalled = [turn(12 + 2 * k, session=f"s{k}", chunks_ms=[50 + 300 * step for step in range(40)]) for k in range(40)]
    slow = only(judged(turns + stalled, "itl p99 < 100ms"))
    assert slow.outcome == "fail"
    assert only(judged(turns + stalled, "itl mean < 35ms")).outcome == "inconclusive"


def test_throughput_is_judged_by_batches_of_seconds() -> None:
    turns = many(1800, from_s=10, to_s=100)
    assert only(judged(turns, "throughput.requests > 15")).outcome == "pass"
    assert only(judged(turns, "throughput.requests > 25")).outcome == "fail"
    tokens = only(judged(turns, "throughput.output_tokens > 50"))
    assert tokens.outcome == "pass"
    assert tokens.estimate == pytest.approx(60, rel=0.01)
    assert (tokens.unit, tokens.n) == ("1/s", 90)


def test_throughput_of_unknown_tokens_is_inconclusive() -> None:
    turns = [*many(900), turn(50, session="x", output_tokens=None)]
    slo = only(judged(turns, "throughput.output_tokens > 1"))
    assert (slo.outcome, slo.reason) == ("inconclusive", "1 turns' part is not known")


def test_what_was_never_measured_is_inconclusive() -> None:
    whole = [turn(20 + k / 10, session=f"{k}", streamed=False, chunks_ms=()) for k in range(50)]
    slo = only(judged(whole, "ttft p50 < 1s"))
    assert (slo.outcome, slo.n, slo.reason) == ("inconclusive", 0, "nothing was measured of ttft")


def test_without_a_record_log_nothing_is_known_of_sessions() -> None:
    slo = only(judged(many(5000), "ttft p50 < 1s", records=False))
    assert (slo.outcome, slo.ci_high) == ("inconclusive", None)
    assert slo.reason is not None
    assert slo.reason.startswith("no record log")


def test_what_a_workload_measures_comes_with_its_own_interval() -> None:
    slos = objectives("quality.docs.accuracy > 0.9", "quality.docs.unheard > 1")
    summary, evidence = run_of(many(100), slos)
    found = {"docs": {"accuracy": Quality(value=0.96, ci_low=0.93, ci_high=0.98, n=200, unit="share")}}
    evidence = Evidence(evidence.aggregate, evidence.table, evidence.ended_s, evidence.basis, found)
    accuracy, unheard = judge(summary, slos, evidence, SCHEDULE).verdict.slos
    assert (accuracy.outcome, accuracy.estimate, accuracy.n) == ("pass", 0.96, 200)
    assert (unheard.outcome, unheard.reason) == ("inconclusive", "the workload did not measure 'unheard'")


def test_what_a_workload_measures_without_an_interval_decides_nothing() -> None:
    slos = objectives("quality.docs.accuracy > 0.9")
    summary, evidence = run_of(many(100), slos)
    found = {"docs": {"accuracy": Quality(value=0.96, n=3, unit="share")}}
    evidence = Evidence(evidence.aggregate, evidence.table, evidence.ended_s, evidence.basis, found)
    slo = only(judge(summary, slos, evidence, SCHEDULE))
    assert (slo.outcome, slo.estimate, slo.samples_needed) == ("inconclusive", 0.96, None)
    assert slo.reason == "the workload gives it no interval, or too few answers came for one"


def test_a_figure_of_few_tasks_is_not_told_to_ask_them_again() -> None:
    slos = objectives("quality.docs.accuracy > 0.9")
    summary, evidence = run_of(many(100), slos)
    found = {"docs": {"accuracy": Quality(value=0.8, ci_low=0.6, ci_high=0.95, n=600, unit="share", tasks=28)}}
    evidence = Evidence(evidence.aggregate, evidence.table, evidence.ended_s, evidence.basis, found)
    slo = only(judge(summary, slos, evidence, SCHEDULE))
    assert (slo.outcome, slo.samples_needed) == ("inconclusive", None)
    assert slo.reason == "it is known of 28 tasks: it takes more of them, not more answers to the same ones"


def test_a_run_that_ended_before_one_of_its_stages_does_not_pass() -> None:
    slos = objectives("ttft p50 < 2s", "ttft{stage=steady} p50 < 2s", "ttft p50 < 1ms")
    summary, evidence = run_of(many(500, to_s=65), slos)
    ended = Evidence(evidence.aggregate, evidence.table, 66.0, evidence.basis, evidence.qualities)
    every, steady, failed = judge(summary, slos, ended, SCHEDULE).verdict.slos
    assert (every.outcome, every.reason) == ("inconclusive", "the load ended before stage peak")
    assert (steady.outcome, failed.outcome) == ("pass", "fail")


@pytest.mark.parametrize("slow", range(0, 60, 7))
def test_what_is_undecided_needs_at_least_one_more(slow: int) -> None:
    slo = only(judged(many(1000, slow=slow), "ttft p97 < 2s"))
    assert (slo.outcome == "inconclusive") == (slo.reason is not None)
    assert slo.samples_needed is None or slo.samples_needed >= 1


def test_a_pass_while_the_queue_grows_is_none() -> None:
    # Each turn takes longer than the one before: in flight grows to the end of both stages.
    turns = [
        turn(
            10 + k / 10,
            session=f"{k}",
            chunks_ms=(50, 100 + 40 * k),
            end_ns=ORIGIN_NS + 10 * S + 100 * MS * k + 40 * k * MS,
        )
        for k in range(900)
    ]
    summary = judged(turns, "ttft p50 < 2s", "throughput.requests > 1")
    assert [slo.outcome for slo in summary.verdict.slos] == ["inconclusive", "pass"]
    assert (
        summary.verdict.slos[0].reason == "the queue grew in stage steady, peak: a longer run would give another figure"
    )
    assert any("the queue grew" in note for note in summary.verdict.notes)
    assert [stage.steady is not None and stage.steady.growing for stage in summary.stages] == [False, True, True]


def test_in_closed_loop_nothing_can_pile_up() -> None:
    closed = Schedule("closed", SCHEDULE.stages)
    stages = judged(many(900), "ttft p50 < 2s", schedule=closed).stages
    steady = stages[1].steady
    assert stages[0].steady is None
    assert steady is not None
    assert (steady.steady, steady.growing, steady.backlog_per_s) == (True, None, None)


def test_an_objective_that_ended_the_run_has_failed() -> None:
    (slo,) = objectives("ttft p99 < 2s")
    summary = judged(many(1000), slo.text, failure=Failure(slo, "known after 50 sessions, at 9 s (look 2)"))
    assert only(summary).outcome == "fail"
    assert summary.verdict.notes[0].startswith("the load was ended early: ttft p99 < 2s had failed")


def test_lost_workers_are_noted() -> None:
    slos = objectives("ttft p50 < 2s")
    summary, evidence = run_of(many(100), slos)
    lost = replace(summary, run=replace(summary.run, workers_lost=["w2"]))
    assert judge(lost, slos, evidence, SCHEDULE).verdict.notes == [
        "turns were lost with workers or their reports; what is judged is what arrived"
    ]
