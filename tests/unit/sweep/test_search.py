"""The search for the highest level that passes, against oracles whose limit is known: exact, blurred, and noisy."""

import dataclasses
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.sweep.model import Outcome
from loadgen.sweep.search import Answer, Limits, Next, Trial, answer_of, next_listed, next_trial, steps_left

RATES = Limits(start=1.0, lowest=1 / 64, highest=None, precision=0.05, duration_s=60.0, max_step_s=240.0)
USERS = Limits(1.0, 1.0, None, 0.05, 60.0, 240.0, whole=True)
MOST_TRIALS = 60


class Target:
    """Passes below its limit and fails above it; within `blur` of it (a share) no verdict is to be had."""

    def __init__(self, limit: float, *, blur: float = 0.0, generator: float = math.inf) -> None:
        self.limit, self.blur, self.generator = limit, blur, generator

    def outcome(self, following: Next) -> Outcome:
        if following.level >= self.generator:
            return "invalid"
        if abs(following.level / self.limit - 1) < self.blur:
            return "inconclusive"
        return "pass" if following.level <= self.limit else "fail"


def searched(target: Target, limits: Limits = RATES, trials: list[Trial] | None = None) -> tuple[Answer, list[Trial]]:
    """The answer, and all trials on the way to it."""
    done = list(trials or [])
    while isinstance(following := next_trial(done, limits), Next):
        done.append(Trial(following.level, following.duration_s, target.outcome(following)))
        assert len(done) < MOST_TRIALS
    return following, done


def levels(trials: list[Trial]) -> list[float]:
    return [trial.level for trial in trials]


@given(st.floats(0.05, 5000))
def test_a_limit_is_found_to_the_precision_asked_for(limit: float) -> None:
    answer, trials = searched(Target(limit))
    assert answer.kind == "found"
    assert answer.highest_passed is not None
    assert answer.lowest_failed is not None
    assert answer.highest_passed <= limit < answer.lowest_failed
    assert answer.lowest_failed / answer.highest_passed <= 1.05 * (1 + 1e-6)
    assert len(trials) <= abs(math.log2(limit)) + 8


@given(st.integers(1, 3000))
def test_users_are_whole_and_found_to_one_or_to_the_precision(limit: int) -> None:
    answer, trials = searched(Target(limit), USERS)
    assert all(level == int(level) for level in levels(trials))
    assert answer.kind == "found"
    assert answer.highest_passed is not None
    assert answer.lowest_failed is not None
    assert answer.highest_passed <= limit < answer.lowest_failed
    assert answer.lowest_failed <= max(answer.highest_passed + 1, 1.0501 * answer.highest_passed)


@given(st.floats(0.1, 500), st.floats(0.001, 0.3))
def test_what_cannot_be_decided_is_never_decided(limit: float, blur: float) -> None:
    answer, _ = searched(Target(limit, blur=blur))
    assert answer.highest_passed is not None
    assert answer.lowest_failed is not None
    assert answer.highest_passed < limit < answer.lowest_failed
    assert answer.precision is not None
    # Either the hole is within the precision, or it is told; and it is not much wider than it has to be.
    assert answer.kind == "found" or (answer.kind == "undecided" and answer.undecided)
    assert (answer.kind == "found") == (answer.precision <= 0.05 + 1e-6)
    assert answer.precision <= (1 + blur) / (1 - blur) * 1.06 - 1


def test_an_inconclusive_level_is_measured_twice_as_long_and_then_left() -> None:
    _, trials = searched(Target(8.0, blur=0.02))
    assert [trial.duration_s for trial in trials if trial.level == 8] == [60, 120, 240]
    assert levels(trials)[:6] == [1, 2, 4, 8, 8, 8]


def test_a_step_is_made_as_long_as_the_samples_needed_say() -> None:
    following = next_trial([Trial(1, 60, "pass"), Trial(2, 60, "inconclusive", longer=2.5)], RATES)
    assert following == Next(2, 180.0, again=True)
    following = next_trial([Trial(2, 31, "inconclusive", longer=3.1)], RATES)
    assert following == Next(2, 116.0, again=True)
    following = next_trial([Trial(2, 60, "inconclusive", longer=50.0)], RATES)
    assert following == Next(2, 240.0, again=True)


def test_a_queue_that_grew_once_is_looked_at_again_however_long_the_step_was() -> None:
    """Beside an undecided level a step is as long as any may be, and one that grows must not be left as a hole."""
    trials = [Trial(4, 60, "pass"), Trial(8, 60, "fail"), Trial(5.66, RATES.max_step_s, "inconclusive", growing=True)]
    assert next_trial(trials, RATES) == Next(5.66, RATES.max_step_s, again=True)
    settled = next_trial([*trials, Trial(5.66, RATES.max_step_s, "inconclusive")], RATES)
    assert not isinstance(settled, Next) or settled.level != 5.66


def test_a_listed_level_that_grew_takes_no_step_longer_than_allowed() -> None:
    short = dataclasses.replace(RATES, max_step_s=RATES.duration_s)
    grown = [Trial(4, RATES.duration_s, "inconclusive", growing=True)]
    assert next_listed([4], grown, short) is None


def test_a_longer_step_that_decides_is_believed() -> None:
    trials = [Trial(1, 60, "pass"), Trial(2, 60, "inconclusive"), Trial(2, 120, "pass")]
    assert next_trial(trials, RATES) == Next(4, 60, again=False)


def test_above_an_undecided_level_the_search_goes_on_upwards() -> None:
    trials = [Trial(4, 240, "pass"), Trial(8, 240, "inconclusive")]
    assert next_trial(trials, RATES) == Next(16, 60, again=False)


def test_it_goes_down_where_the_first_level_fails_and_stops_at_the_lowest() -> None:
    answer, trials = searched(Target(0.3))
    assert levels(trials)[:3] == [1, 0.5, 0.25]
    assert answer.kind == "found"
    answer, trials = searched(Target(0.001))
    assert min(levels(trials)) == RATES.lowest
    assert (answer.kind, answer.highest_passed) == ("none_passes", None)


def test_from_is_the_lowest_level_measured() -> None:
    answer, trials = searched(Target(3), Limits(5.0, 5.0, None, 0.05, 60, 240))
    assert levels(trials) == [5]
    assert answer.kind == "none_passes"


def test_to_is_the_highest_level_measured() -> None:
    answer, trials = searched(Target(100), Limits(1.0, 1.0, 6.0, 0.05, 60, 240))
    assert levels(trials) == [1, 2, 4, 6]
    assert (answer.kind, answer.highest_passed, answer.lowest_failed) == ("at_least", 6, None)


def test_an_undecided_highest_level_is_narrowed_from_below() -> None:
    answer, _ = searched(Target(6, blur=0.05), Limits(1.0, 1.0, 6.0, 0.05, 60, 240))
    assert answer.kind == "undecided"
    assert 6 in answer.undecided
    assert answer.highest_passed is not None
    assert 5.5 < answer.highest_passed < 5.75


def test_the_generator_ends_the_search_upwards() -> None:
    answer, trials = searched(Target(100, generator=10))
    assert answer.kind == "generator"
    assert answer.lowest_failed is None
    assert answer.highest_passed is not None
    assert answer.generator_limit is not None
    assert 9.4 < answer.highest_passed < 10 <= answer.generator_limit < 10.6
    assert max(levels(trials)) == 16


def test_a_run_that_was_invalid_once_is_tried_again() -> None:
    assert next_trial([Trial(1, 60, "invalid")], RATES) == Next(1, 60, again=True)
    assert next_trial([Trial(1, 60, "invalid"), Trial(1, 60, "pass")], RATES) == Next(2, 60, again=False)


def test_a_limit_below_the_generators_is_found_all_the_same() -> None:
    answer, _ = searched(Target(9, generator=12))
    assert answer.kind == "found"
    assert answer.generator_limit is not None


def test_nothing_but_invalid_runs_is_the_generators_answer() -> None:
    answer, _ = searched(Target(1, generator=0.0001))
    assert (answer.kind, answer.highest_passed, answer.lowest_failed) == ("generator", None, None)


@given(st.floats(0.1, 500), st.integers(0, 20))
def test_a_search_goes_on_where_it_was_cut_off(limit: float, cut: int) -> None:
    answer, trials = searched(Target(limit, blur=0.01))
    assert searched(Target(limit, blur=0.01), trials=trials[:cut]) == (answer, trials)


def test_a_finer_precision_goes_on_from_a_coarser_answer() -> None:
    coarse, trials = searched(Target(7.3))
    fine, more = searched(Target(7.3), Limits(1.0, 1 / 64, None, 0.01, 60, 240), trials)
    assert (coarse.kind, fine.kind) == ("found", "found")
    assert more[: len(trials)] == trials
    assert fine.precision is not None
    assert fine.precision <= 0.01 + 1e-9


def test_a_pass_above_a_failure_does_not_count() -> None:
    answer = answer_of([Trial(1, 60, "pass"), Trial(2, 60, "fail"), Trial(4, 60, "pass")], RATES)
    assert (answer.highest_passed, answer.lowest_failed) == (1, 2)


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_verdicts_that_are_wrong_now_and_then_cost_little(noise: float) -> None:
    """A verdict may be wrong in 5 % of runs at the limit itself, and hardly ever far from it: as real ones are."""
    limit, near = 20.0, 0
    for seed in range(200):
        rng = Random(seed)
        trials: list[Trial] = []
        while isinstance(following := next_trial(trials, RATES), Next):
            measured = following.level * math.exp(rng.gauss(0, noise / math.sqrt(following.duration_s / 60)))
            sure = abs(math.log(measured / limit)) > 2 * noise / math.sqrt(following.duration_s / 60)
            outcome: Outcome = ("pass" if measured < limit else "fail") if sure else "inconclusive"
            trials.append(Trial(following.level, following.duration_s, outcome))
        if following.highest_passed is not None and following.lowest_failed is not None:
            near += abs(math.sqrt(following.highest_passed * following.lowest_failed) / limit - 1) < 0.10
    assert near >= 190


@given(st.floats(0.05, 5000))
def test_steps_left_is_about_right_once_the_limit_is_bracketed(limit: float) -> None:
    _, trials = searched(Target(limit))
    for done in range(len(trials)):
        answer = answer_of(trials[:done], RATES)
        if answer.highest_passed is not None and answer.lowest_failed is not None:
            assert abs(steps_left(trials[:done], RATES) - (len(trials) - done)) <= 1


def test_listed_levels_come_in_their_order_and_once() -> None:
    limits = Limits(1.0, 1.0, None, 0.05, 60, 60)
    trials: list[Trial] = []
    while (following := next_listed([4, 1, 2], trials, limits)) is not None:
        trials.append(Trial(following.level, following.duration_s, "inconclusive"))
    assert levels(trials) == [4, 1, 2]
    assert next_listed([4, 1, 2, 8], trials, limits) == Next(8, 60, again=False)


def test_a_listed_level_is_measured_longer_where_that_is_allowed_but_an_invalid_one_is_left() -> None:
    assert next_listed([1, 2], [Trial(1, 60, "inconclusive")], RATES) == Next(1, 120, again=True)
    assert next_listed([1, 2], [Trial(1, 60, "invalid")], RATES) == Next(2, 60, again=False)
