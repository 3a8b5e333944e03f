"""Two sides of run folders: what is refused, what is found, and what is never claimed."""

from pathlib import Path

import pytest

from loadgen.comparison.judge import Request, compare
from loadgen.comparison.result import Comparison, MetricResult
from loadgen.comparison.rules import Rules
from loadgen.comparison.runs import read_run
from loadgen.errors import UsageError
from tests.unit.comparison.making import SCENARIO, folder, one_turn_sessions, rewrite, run_of, runs, slower_turns

LATENCIES = Request(metrics=("ttft.p50", "itl.p50", "e2e.p50"))


def result(comparison: Comparison, name: str, workload: str | None = None) -> MetricResult:
    [found] = [one for one in comparison.metrics if (one.name, one.workload) == (name, workload)]
    return found


def test_a_slower_side_of_several_runs_is_a_regression(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(5)), runs(tmp_path, "b", range(5, 10), slower=1.1), LATENCIES)
    assert (found.outcome, found.exit_code, found.unit) == ("regression", 1, "run")
    ttft = result(found, "ttft.p50")
    assert ttft.outcome == "regression"
    assert ttft.change == pytest.approx(0.1, abs=0.03)
    assert ttft.ci_low is not None
    assert ttft.ci_high is not None
    assert ttft.adjusted_low is not None
    assert ttft.adjusted_low < ttft.ci_low < 0.1 < ttft.ci_high


def test_a_faster_side_is_an_improvement_and_no_regression(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(5)), runs(tmp_path, "b", range(5, 10), slower=0.9), LATENCIES)
    assert (found.outcome, found.exit_code) == ("no_regression", 0)
    assert {one.outcome for one in found.metrics} == {"improvement"}


def test_no_difference_is_said_where_it_can_be_told(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(6)), runs(tmp_path, "b", range(6, 12)), LATENCIES)
    assert (found.outcome, found.exit_code) == ("no_regression", 0)
    assert {one.outcome for one in found.metrics} <= {"no_change", "not_worse"}


def test_one_run_a_side_is_never_enough_for_no_regression_at_the_assumed_noise(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(1)), runs(tmp_path, "b", range(1, 2)), LATENCIES)
    assert (found.outcome, found.exit_code, found.unit) == ("cannot_tell", 3, "session_pair")
    assert found.run_noise == 0.02
    assert found.runs_needed is not None
    assert found.runs_needed > 2


def test_one_run_a_side_shows_a_gross_slow_down(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(1)), runs(tmp_path, "b", range(1, 2), slower=1.3), LATENCIES)
    assert found.exit_code == 1
    assert {one.outcome for one in found.metrics} == {"regression"}


def test_the_assumed_run_noise_widens_the_intervals_of_single_runs(tmp_path: Path) -> None:
    one, other = runs(tmp_path, "a", range(1)), runs(tmp_path, "b", range(1, 2), slower=1.1)
    quiet, noisy = (
        result(compare(one, other, Request(Rules(run_noise=noise), ("ttft.p50",))), "ttft.p50") for noise in (0.0, 0.05)
    )
    assert quiet.outcome == "regression"
    assert noisy.outcome == "cannot_tell"


def test_single_runs_of_other_seeds_are_compared_session_by_session_unpaired(tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(1), seed=1), runs(tmp_path, "b", range(1), seed=2), LATENCIES)
    assert found.unit == "session"


def test_pairing_takes_out_what_the_content_of_sessions_does(tmp_path: Path) -> None:
    baseline = runs(tmp_path, "a", range(1), seed=1)
    request = Request(Rules(run_noise=0.0), ("ttft.p50",))
    paired = result(compare(baseline, runs(tmp_path, "b", range(1, 2), seed=1), request), "ttft.p50")
    apart = result(compare(baseline, runs(tmp_path, "c", range(1, 2), seed=2), request), "ttft.p50")
    assert _width(paired) < _width(apart) / 2


def _width(metric: MetricResult) -> float:
    assert metric.ci_low is not None
    assert metric.ci_high is not None
    return metric.ci_high - metric.ci_low


def test_runs_with_a_seed_each_are_paired_by_seed_in_any_order(tmp_path: Path) -> None:
    before = [runs(tmp_path, f"a{seed}-", range(1), seed=seed)[0] for seed in (1, 2, 3, 4)]
    after = [runs(tmp_path, f"b{seed}-", range(1, 2), seed=seed, slower=1.1)[0] for seed in (4, 2, 1, 3)]
    found = compare(before, after, LATENCIES)
    assert found.unit == "run_pair"
    assert [run.seed for run in found.candidate] == [run.seed for run in found.baseline]
    assert result(found, "ttft.p50").outcome == "regression"


def test_sides_that_played_other_sessions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seeds: 1, 1 against 2, 2"):
        compare(runs(tmp_path, "a", range(2), seed=1), runs(tmp_path, "b", range(2), seed=2), LATENCIES)


def test_failures_are_a_regression_in_percentage_points(tmp_path: Path) -> None:
    request = Request(metrics=("error_rate",))
    before = runs(tmp_path, "a", range(3))
    found = compare(before, runs(tmp_path, "b", range(3, 6), failed=0.1), request)
    errors = result(found, "error_rate")
    assert (errors.scale, errors.baseline, errors.outcome) == ("difference", 0.0, "regression")
    assert errors.change == pytest.approx(0.1, abs=0.03)


def test_one_outage_of_one_run_is_no_regression(tmp_path: Path) -> None:
    """All that fail do so at once: that is one event, however many sessions it hits."""
    steady = run_of(tmp_path / "a", one_turn_sessions(0))
    burst = run_of(tmp_path / "b", one_turn_sessions(1, fails=lambda at_s: 40 <= at_s < 45))
    spread = run_of(tmp_path / "c", one_turn_sessions(2, fails=lambda at_s: round(at_s * 100) % 13 == 0))
    request = Request(metrics=("error_rate",))
    assert result(compare([steady], [burst], request), "error_rate").outcome == "cannot_tell"
    assert result(compare([steady], [spread], request), "error_rate").outcome == "regression"


GOOD = Request(metrics=("goodput", "throughput.good_requests"))


def test_run_to_run_noise_at_a_steep_limit_is_no_regression_of_goodput(tmp_path: Path) -> None:
    """A limit amid the TTFTs: 3 % slower, as two runs of the same may be, costs over half of the good turns."""
    turns = one_turn_sessions(0)
    before = run_of(tmp_path / "a", turns, "ttft p90 < 100ms")
    noisy = run_of(tmp_path / "b", slower_turns(turns, 1.03), "ttft p90 < 100ms")
    found = compare([before], [noisy], GOOD)
    assert result(found, "goodput").change == pytest.approx(-0.35, abs=0.05)
    assert {one.outcome for one in found.metrics} == {"cannot_tell"}
    quiet = compare([before], [noisy], Request(Rules(run_noise=0.0), GOOD.metrics))
    assert result(quiet, "goodput").outcome == "regression"


def test_a_gross_loss_of_goodput_is_a_regression_of_one_run_a_side(tmp_path: Path) -> None:
    turns = one_turn_sessions(0)
    before = run_of(tmp_path / "a", turns, "ttft p90 < 115ms")
    after = run_of(tmp_path / "b", slower_turns(turns, 1.2), "ttft p90 < 115ms")
    assert result(compare([before], [after], GOOD), "goodput").outcome == "regression"


def test_goodput_by_other_limits_is_not_judged(tmp_path: Path) -> None:
    turns = one_turn_sessions(0)
    lax = run_of(tmp_path / "a", turns, "ttft p90 < 150ms")
    strict = run_of(tmp_path / "b", turns, "ttft p90 < 90ms")
    found = compare([lax], [strict], Request(metrics=("goodput", "throughput.good_requests", "error_rate")))
    assert result(found, "goodput").outcome == "not_judged"
    assert "SLOs differ" in (result(found, "goodput").reason or "")
    rate = result(found, "throughput.good_requests")
    assert rate.outcome == "not_judged"
    # What changes by a ratio is shown as one, judged or not.
    assert rate.change == pytest.approx((rate.candidate or 0) / (rate.baseline or 1) - 1)
    other_tail = run_of(tmp_path / "c", turns, "ttft p99 < 150ms")
    assert result(compare([lax], [other_tail], GOOD), "goodput").outcome != "not_judged"


def test_two_runs_without_a_failure_do_not_rule_failures_out(tmp_path: Path) -> None:
    few = {"sessions": 20}
    found = compare(
        runs(tmp_path, "a", range(2), **few), runs(tmp_path, "b", range(2, 4), **few), Request(metrics=("error_rate",))
    )
    assert result(found, "error_rate").outcome == "cannot_tell"


def test_a_quantile_beyond_the_sample_is_not_told(tmp_path: Path) -> None:
    found = compare(
        runs(tmp_path, "a", range(3), sessions=40),
        runs(tmp_path, "b", range(3, 6), sessions=40),
        Request(metrics=("ttft",)),
    )
    p99 = result(found, "ttft.p99")
    assert (p99.outcome, p99.baseline, p99.change) == ("cannot_tell", None, None)
    assert p99.reason == "baseline, 3 of 3 runs: 80 values are too few for a p99"
    assert found.exit_code == 3


def test_each_workload_has_its_own_figures_where_asked_for(tmp_path: Path) -> None:
    request = Request(metrics=("ttft.p50",), by_workload=True)
    found = compare(runs(tmp_path, "a", range(3)), runs(tmp_path, "b", range(3, 6)), request)
    assert [one.workload for one in found.metrics] == [None, "chat", "docs"]


def test_single_runs_without_records_give_figures_and_no_claim(tmp_path: Path) -> None:
    one, other = runs(tmp_path, "a", range(1)), runs(tmp_path, "b", range(1, 2), slower=2)
    for run in (*one, *other):
        (run.folder / "records.jsonl.gz").unlink()
    found = compare(one, other, LATENCIES)
    ttft = result(found, "ttft.p50")
    assert (ttft.outcome, ttft.ci_low) == ("cannot_tell", None)
    assert "records.jsonl.gz" in (ttft.reason or "")
    assert found.exit_code == 3


def test_several_runs_need_no_records(tmp_path: Path) -> None:
    one, other = runs(tmp_path, "a", range(4)), runs(tmp_path, "b", range(4, 8), slower=1.2)
    for run in (*one, *other):
        (run.folder / "records.jsonl.gz").unlink()
        (run.folder / "histograms.hlog").unlink()
    assert compare(one, other, LATENCIES).exit_code == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (SCENARIO.replace("rate: 8", "rate: 9"), "load.stages.2.rate"),
        (SCENARIO.replace("prompt_tokens: 200", "prompt_tokens: 300"), "workloads.0"),
        (SCENARIO + "request: {temperature: 1}\n", "request.temperature: - against 1"),
    ],
)
def test_another_scenario_or_load_is_refused_with_what_differs(changed: str, told: str, tmp_path: Path) -> None:
    one = runs(tmp_path, "a", range(1))
    other = runs(tmp_path, "b", range(1, 2), scenario=changed)
    with pytest.raises(UsageError, match=told):
        compare(one, other, LATENCIES)
    forced = compare(one, other, Request(metrics=("ttft.p50",), force=True))
    assert told.partition(":")[0] in forced.differences[0].what


@pytest.mark.parametrize(
    "changed",
    [
        SCENARIO.replace("duration: 60s", "duration: 1m"),
        SCENARIO + "target: {base_url: 'http://other:8000/v1', model: other, headers: {X: y}}\n",
        SCENARIO.replace("compared", "renamed") + "slos: ['ttft p99 < 2s']\n",
        SCENARIO + "seed: 1\n",
    ],
)
def test_the_same_load_on_another_target_is_compared(changed: str, tmp_path: Path) -> None:
    found = compare(runs(tmp_path, "a", range(1)), runs(tmp_path, "b", range(1, 2), scenario=changed), LATENCIES)
    assert found.differences == []


def test_an_invalid_run_is_refused(tmp_path: Path) -> None:
    one = runs(tmp_path, "a", range(1))
    path = folder(tmp_path / "b", 1)
    summary = read_run(path).summary
    rewrite(path, summary=summary, run={}, generator={"valid": False, "reasons": ["loop lag p99 is 31.0 ms"]})
    with pytest.raises(UsageError, match=r"loop lag p99 is 31\.0 ms"):
        compare(one, [read_run(path)], LATENCIES)


def test_a_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    one = runs(tmp_path, "a", range(1))
    with pytest.raises(UsageError, match="the same run"):
        compare(one, one, LATENCIES)


def test_what_differs_without_speaking_against_it_is_noted(tmp_path: Path) -> None:
    one = runs(tmp_path, "a", range(1))
    path = folder(tmp_path / "b", 1)
    rewrite(path, summary=read_run(path).summary, run={"version": "9.9", "workers": 4})
    notes = compare(one, [read_run(path)], LATENCIES).notes
    assert "loadgen: 0.1.0 against 9.9" in notes
    assert "workers: 1 against 4" in notes
