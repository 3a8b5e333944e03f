"""What a step's summary comes to, and what the steps come to together."""

import msgspec
import pytest

from loadgen.errors import ExitCode
from loadgen.sweep.conclusion import conclude, knee_of, points_of
from loadgen.sweep.model import Outcome, Step
from loadgen.sweep.reading import figures_of, longer, outcome_of
from tests.unit.outputs.summaries import summary_with
from tests.unit.sweep.making import PLAN, SUBJECT, judged, point, slo, step


@pytest.mark.parametrize("outcome", ["pass", "fail", "inconclusive", "invalid", "none"])
def test_a_step_ends_as_its_run_does(outcome: Outcome) -> None:
    assert outcome_of(judged(outcome, growing=False), grew_before=False)[0] == outcome


def test_a_queue_that_grows_cannot_pass_and_fails_when_it_is_seen_again() -> None:
    assert outcome_of(judged("pass", growing=True), grew_before=False)[0] == "inconclusive"
    assert outcome_of(judged("pass", growing=True), grew_before=True)[0] == "fail"
    assert outcome_of(judged("pass", growing=False), grew_before=True)[0] == "pass"
    assert outcome_of(judged("invalid", growing=True), grew_before=True)[0] == "invalid"


def test_the_reason_names_the_objective_and_its_figure() -> None:
    assert outcome_of(judged("pass"), grew_before=False)[1] == "ttft p99 < 2s: 1.20 s"
    undecided = summary_with("inconclusive", slo("inconclusive", 1.9, ci_low=1.5, samples_needed=1200, n=400))
    told = outcome_of(undecided, grew_before=False)[1]
    assert told == "ttft p99 < 2s: 1.90 s, 95 % interval 1.50 s to –, about 1,200 more samples needed"
    assert longer(undecided) == 4.0
    growing = msgspec.structs.replace(judged("inconclusive", growing=True), verdict=undecided.verdict)
    assert longer(growing) is None  # of a steady state that is not there no number of samples tells
    censored = summary_with("fail", slo("fail", None, ci_low=2.5))
    assert outcome_of(censored, grew_before=False)[1] == "ttft p99 < 2s: over 2.50 s"


def test_what_was_not_measured_stays_unknown() -> None:
    summary = judged("pass")
    unknown = msgspec.structs.replace(summary.throughput, output_tokens_per_s=None)
    figures = figures_of(msgspec.structs.replace(summary, throughput=unknown))
    assert figures.output_tokens_per_s is None
    assert figures.total_tokens_per_s is None
    assert figures.cost_per_1m_output_tokens is None
    assert figures.output_tokens_per_usd is None
    assert figures.e2e_s is not None
    assert figures.e2e_s.p99 is None  # of three turns


def test_the_curve_has_each_level_once_and_no_invalid_step() -> None:
    steps = [step(1, 4, "inconclusive"), step(2, 2), step(3, 4, "fail"), step(4, 8, "invalid")]
    assert [(one.number, one.level) for one in points_of(steps)] == [(2, 2), (3, 4)]


def test_the_knee_is_where_more_load_costs_more_latency_than_it_brings_throughput() -> None:
    curve = [point(1, 1, 1, 1.0), point(2, 2, 2, 1.1), point(3, 4, 4, 1.5), point(4, 8, 5, 6.0)]
    knee = knee_of(curve, "rate")
    assert knee is not None
    assert (knee.level, knee.low, knee.high) == (4, 2, 8)
    assert "between 2 and 8" in knee.text


def test_levels_of_like_power_widen_the_knee() -> None:
    curve = [point(1, 1, 1, 1.0), point(2, 2, 2, 1.0), point(3, 3, 3, 1.52), point(4, 8, 3, 6.0)]
    knee = knee_of(curve, "rate")
    assert knee is not None
    assert (knee.level, knee.low, knee.high) == (2, 1, 8)
    assert "2, 3 are alike" in knee.text


def test_no_knee_is_seen_where_power_still_grows_or_points_are_few() -> None:
    curve = [point(1, 1, 1, 1.0), point(2, 2, 2, 1.0), point(3, 4, 4, 1.0)]
    knee = knee_of(curve, "users")
    assert knee is not None
    assert knee.level is None
    assert "No knee up to 4 users" in knee.text
    assert knee_of(curve[:2], "users") is None


def _steps(*outcomes: tuple[float, Outcome]) -> list[Step]:
    return [step(number, level, outcome) for number, (level, outcome) in enumerate(outcomes, 1)]


@pytest.mark.parametrize(
    ("steps", "kind", "code", "told"),
    [
        (_steps((4, "pass"), (4.1, "fail")), "found", 0, "maximum is between 4 sessions/s (passed) and 4.1 sessions/s"),
        (_steps((1 / 64, "fail")), "none_passes", 1, "Nothing passed"),
        (_steps((4, "pass"), (8, "fail")), "undecided", 3, "Passed at 4 sessions/s, failed at 8 sessions/s, 100.0%"),
        (_steps((4, "pass"), (8, "invalid"), (8, "invalid")), "generator", 4, "the generator was the bottleneck"),
        ([], "undecided", 3, "No level passed or failed"),
    ],
)
def test_a_search_ends_with_an_answer_and_its_exit_code(steps: list[Step], kind: str, code: int, told: str) -> None:
    result = conclude(SUBJECT, PLAN, steps, complete=True)
    assert (result.kind, result.exit_code) == (kind, code)
    assert told in result.text


def test_the_highest_level_allowed_may_be_the_answer() -> None:
    plan = msgspec.structs.replace(PLAN, highest=4.0)
    result = conclude(SUBJECT, plan, _steps((2, "pass"), (4, "pass")), complete=True)
    assert (result.kind, result.exit_code) == ("at_least", ExitCode.PASS)
    assert "the highest allowed by --to" in result.text


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (_steps((1, "pass"), (2, "fail")), ExitCode.PASS),
        (_steps((1, "fail"), (2, "fail")), ExitCode.SLO_FAILED),
        (_steps((1, "inconclusive"), (2, "fail")), ExitCode.INCONCLUSIVE),
        (_steps((1, "invalid"), (2, "invalid")), ExitCode.INVALID_RUN),
    ],
)
def test_listed_levels_end_with_the_code_of_what_passed(steps: list[Step], code: ExitCode) -> None:
    plan = msgspec.structs.replace(PLAN, levels=[1.0, 2.0], max_step_s=60.0)
    result = conclude(SUBJECT, plan, steps, complete=True)
    assert (result.kind, result.exit_code) == ("curve", code)


def test_a_pass_above_a_failure_is_told() -> None:
    plan = msgspec.structs.replace(PLAN, levels=[1.0, 2.0, 4.0])
    result = conclude(SUBJECT, plan, _steps((1, "pass"), (2, "fail"), (4, "pass")), complete=True)
    assert result.highest_passed == 1
    assert "Passed above it too, at 4, which does not count" in result.text


def test_how_long_an_undecided_level_was_measured_is_what_was_measured() -> None:
    result = conclude(SUBJECT, PLAN, _steps((4, "inconclusive")), complete=False)
    assert "Could not decide at 4, measured for up to 1m." in result.text


def test_a_curve_that_is_not_complete_says_so_without_slos_too() -> None:
    subject = msgspec.structs.replace(SUBJECT, slos=[])
    plan = msgspec.structs.replace(PLAN, levels=[1.0, 2.0])
    assert conclude(subject, plan, _steps((1, "none")), complete=False).text.startswith("Not complete.")


def test_without_slos_a_valid_curve_is_all_that_is_wanted() -> None:
    subject = msgspec.structs.replace(SUBJECT, slos=[])
    plan = msgspec.structs.replace(PLAN, levels=[1.0])
    assert conclude(subject, plan, _steps((1, "none")), complete=True).exit_code == ExitCode.PASS
    assert conclude(subject, plan, _steps((1, "invalid")), complete=True).exit_code == ExitCode.INVALID_RUN
