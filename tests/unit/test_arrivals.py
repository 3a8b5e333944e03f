"""When sessions start: the statistics of each process, exact ramps, and the same plan for everybody who asks."""

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import islice, pairwise
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.arrivals import (
    Schedule,
    Stage,
    arrival_times,
    permit_windows,
    pick_weighted,
    schedule_of,
    session_seed,
)
from loadgen.scenario.model import Load


def schedule(arrivals: str, *stages: tuple[float, float, float], burstiness: float = 1.0) -> Schedule:
    """Stages given as (duration, from, to), one after the other, all measured."""
    made: list[Stage] = []
    start = 0.0
    for index, (duration, level_from, level_to) in enumerate(stages):
        made.append(Stage(f"s{index}", start, duration, level_from, level_to, measure=True))
        start = made[-1].end_s
    return Schedule(arrivals, tuple(made), burstiness)


def integral(of: Schedule, until: float) -> float:
    """The expected arrivals up to `until`, by the trapezoid of each stage: the definition, not the code under test."""
    total = 0.0
    for stage in of.stages:
        inside = min(max(until - stage.start_s, 0.0), stage.duration_s)
        level = stage.level_from + (stage.level_to - stage.level_from) * inside / stage.duration_s
        total += (stage.level_from + level) / 2 * inside
    return total


# The same examples every time, and no deadline: the machine may be busy with other tests.
repeatable = settings(derandomize=True, deadline=None)

levels = st.floats(0, 50, allow_subnormal=False).map(lambda level: 0.0 if level < 1e-6 else level)
stages = st.tuples(st.floats(0.1, 10), levels, levels)
schedules = st.lists(stages, min_size=1, max_size=5)


# --- constant -------------------------------------------------------------------------------------------------------


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    assert list(arrival_times(schedule("constant", (1, 4, 4)), 1)) == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("rate", "duration"), [(1.1, 10), (0.7, 10), (3, 0.1 * 30), (7.3, 100), (1 / 3, 90), (10, 7 * 86.4)]
)
def test_constant_arrivals_are_as_many_as_rate_times_duration(rate: float, duration: float) -> None:
    assert len(list(arrival_times(schedule("constant", (duration, rate, rate)), 1))) == round(rate * duration)


def test_a_ramp_spaces_arrivals_by_the_square_root() -> None:
    # L(t) = t^2 / 2 on a ramp from 0 to 10 in 10 s, so the k-th arrival is at sqrt(2 k).
    times = list(arrival_times(schedule("constant", (10, 0, 10)), 1))
    assert times == pytest.approx([math.sqrt(2 * k) for k in range(50)])


@repeatable
@given(schedules)
def test_constant_arrivals_lie_where_the_integral_of_the_rate_is_whole(shape: list[tuple[float, float, float]]) -> None:
    load = schedule("constant", *shape)
    for k, at in enumerate(arrival_times(load, 1)):
        assert integral(load, at) == pytest.approx(k, abs=1e-6)
        assert 0 <= at < load.total_s


@repeatable
@given(schedules)
def test_every_whole_value_of_the_integral_has_its_arrival(shape: list[tuple[float, float, float]]) -> None:
    load = schedule("constant", *shape)
    arrived = len(list(arrival_times(load, 1)))
    assert arrived == pytest.approx(math.ceil(integral(load, load.total_s)), abs=1)
    assert arrived >= integral(load, load.total_s) - 1e-6


def test_nobody_arrives_while_the_rate_is_zero() -> None:
    times = list(arrival_times(schedule("constant", (5, 0, 0), (1, 2, 2), (5, 0, 0), (1, 2, 2)), 1))
    assert times == [5, 5.5, 11, 11.5]


# --- random processes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrivals", "burstiness"), [("poisson", 1.0), ("gamma", 1.0), ("gamma", 0.25), ("gamma", 6.0)]
)
def test_gaps_have_the_mean_and_the_variation_of_their_process(arrivals: str, burstiness: float) -> None:
    times = list(arrival_times(schedule(arrivals, (2_000, 50, 50), burstiness=burstiness), 7))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert fmean(gaps) == pytest.approx(1 / 50, rel=0.03)
    assert pstdev(gaps) / fmean(gaps) == pytest.approx(1 / math.sqrt(burstiness), rel=0.03)


# P(X < x) of the gamma distribution with mean 1, where it has a closed form (y is shape times x).
GAMMA_CDF: dict[float, Callable[[float], float]] = {
    0.5: lambda y: math.erf(math.sqrt(y)),
    1.0: lambda y: 1 - math.exp(-y),
    4.0: lambda y: 1 - math.exp(-y) * (1 + y + y**2 / 2 + y**3 / 6),
}


@pytest.mark.parametrize("shape", GAMMA_CDF)
def test_gamma_gaps_follow_the_gamma_distribution(shape: float) -> None:
    times = list(arrival_times(schedule("gamma", (20_000, 1, 1), burstiness=shape), 11))
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    distance = max(abs(GAMMA_CDF[shape](shape * gap) - rank / len(gaps)) for rank, gap in enumerate(gaps))
    # Kolmogorov and Smirnov's bound at 1 %.
    assert distance < 1.63 / math.sqrt(len(gaps))


@pytest.mark.parametrize("arrivals", ["poisson", "gamma"])
def test_a_ramp_brings_as_many_as_its_integral(arrivals: str) -> None:
    load = schedule(arrivals, (100, 0, 100), (100, 100, 20), burstiness=4)
    times = list(arrival_times(load, 3))
    for until in (50, 100, 150, 200):
        expected = integral(load, until)
        assert sum(at < until for at in times) == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    counts = [len(list(arrival_times(schedule("poisson", (10, 4, 4)), seed))) for seed in range(400)]
    assert fmean(counts) == pytest.approx(40, abs=1)
    assert pstdev(counts) ** 2 == pytest.approx(40, rel=0.25)


@repeatable
@given(schedules, st.sampled_from(["constant", "poisson", "gamma"]), st.integers(0, 2**64), st.floats(0.2, 5))
def test_arrivals_ascend_within_the_schedule(
    shape: list[tuple[float, float, float]], arrivals: str, seed: int, burstiness: float
) -> None:
    load = schedule(arrivals, *shape, burstiness=burstiness)
    times = list(arrival_times(load, seed))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert all(0 <= at < load.total_s for at in times)
    assert all(
        max(load.stages[load.stage_at(at)].level_from, load.stages[load.stage_at(at)].level_to) > 0 for at in times
    )


# --- the same plan for everybody ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrivals", ["poisson", "gamma"])
def test_same_seed_same_times_and_another_seed_other_times(arrivals: str) -> None:
    load = schedule(arrivals, (10, 5, 50), burstiness=0.5)
    assert list(arrival_times(load, 5)) == list(arrival_times(load, 5))
    assert list(arrival_times(load, 5)) != list(arrival_times(load, 6))


def test_the_sequence_does_not_depend_on_how_it_is_consumed() -> None:
    load = schedule("poisson", (10, 50, 50))
    whole = list(arrival_times(load, 5))
    one, other = arrival_times(load, 5), arrival_times(load, 5)
    head = list(islice(one, 3))
    assert [next(other) for _ in range(5)] == whole[:5]
    assert head + list(one) == whole


def test_a_longer_last_stage_keeps_the_arrivals_before_it() -> None:
    short, long = schedule("gamma", (10, 9, 9)), schedule("gamma", (20, 9, 9))
    times = list(arrival_times(short, 5))
    assert list(arrival_times(long, 5))[: len(times)] == times


def test_a_seed_means_the_same_in_another_process_and_for_good() -> None:
    code = (
        "from loadgen.arrivals import *\n"
        "s = Schedule('gamma', (Stage('a', 0, 10, 1, 9, True),), 0.5)\n"
        "print(session_seed(1, 2, 'x'), [round(t, 6) for t in arrival_times(s, 1)][:3])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    # Pinned: a change here gives every recorded run another plan than its seed says.
    assert printed.strip() == "2319013429180091387 [0.237498, 1.193762, 1.222446]"


def test_arrivals_are_made_as_they_are_asked_for() -> None:
    a_year = schedule("poisson", (365 * 86_400, 1e6, 1e6))
    assert len(list(islice(arrival_times(a_year, 1), 100))) == 100


# --- recorded times, and what has none ------------------------------------------------------------------------------


def test_trace_arrivals_are_the_recorded_ones_within_the_load() -> None:
    assert list(arrival_times(schedule("trace", (10, 0, 0)), 1, [0, 1.5, 1.5, 9.9, 10, 11])) == [0, 1.5, 1.5, 9.9]


def test_trace_arrivals_without_recorded_times_are_refused() -> None:
    with pytest.raises(ValueError, match="recording has none"):
        arrival_times(schedule("trace", (10, 0, 0)), 1)


@pytest.mark.parametrize("recorded", [[3, 2], [-1, 0], [0, math.nan]])
def test_recorded_times_must_ascend(recorded: list[float]) -> None:
    with pytest.raises(ValueError, match="must ascend"):
        list(arrival_times(schedule("trace", (10, 0, 0)), 1, recorded))


def test_a_closed_loop_has_no_arrivals() -> None:
    with pytest.raises(ValueError, match="closed loop"):
        arrival_times(schedule("closed", (10, 1, 1)), 1)


# --- permits of a closed loop ---------------------------------------------------------------------------------------


def test_a_steady_level_keeps_its_permits_on_throughout() -> None:
    load = schedule("closed", (10, 3, 3))
    assert [permit_windows(load, permit) for permit in range(4)] == [((0, 10),), ((0, 10),), ((0, 10),), ()]


def test_a_ramp_turns_permits_on_one_by_one() -> None:
    load = schedule("closed", (10, 0, 5), (10, 5, 5))
    assert [permit_windows(load, permit) for permit in range(5)] == [((2.0 * permit, 20),) for permit in range(5)]


def test_a_falling_ramp_turns_the_last_permit_off_first() -> None:
    load = schedule("closed", (10, 4, 4), (8, 4, 0))
    assert [permit_windows(load, permit)[0][1] for permit in range(4)] == [18, 16, 14, 12]


def test_a_dip_between_stages_splits_a_permits_time() -> None:
    assert permit_windows(schedule("closed", (10, 2, 2), (5, 1, 1), (10, 2, 2)), 1) == ((0, 10), (15, 25))


def test_a_valley_that_only_touches_the_level_at_one_instant_is_no_gap() -> None:
    assert permit_windows(schedule("closed", (7, 10, 5), (3, 5, 10)), 5) == ((0, 10),)


@repeatable
@given(schedules, st.integers(0, 49), st.floats(0, 1, exclude_max=True))
def test_a_permit_is_on_exactly_while_the_level_is_above_it(
    shape: list[tuple[float, float, float]], permit: int, along: float
) -> None:
    load = schedule("closed", *shape)
    at = along * load.total_s
    level = load.level_at(at)
    assert level is not None
    if abs(level - permit) > 1e-6:
        assert any(on <= at < off for on, off in permit_windows(load, permit)) == (level > permit)


@repeatable
@given(schedules)
def test_permits_share_out_the_whole_level(shape: list[tuple[float, float, float]]) -> None:
    whole = [(duration, float(int(a)), float(int(b))) for duration, a, b in shape]
    load = schedule("closed", *whole)
    windows = [permit_windows(load, permit) for permit in range(math.ceil(load.peak_level))]
    # A permit is on from the instant the level passes it, so a rising ramp is rounded up by half a user on average.
    on_s = sum(off - on for permit in windows for on, off in permit)
    rounding = sum(duration / 2 for duration, a, b in whole if a != b)
    assert on_s == pytest.approx(integral(load, load.total_s) + rounding)


# --- the schedule ---------------------------------------------------------------------------------------------------


LOAD = Load.model_validate(
    {
        "arrivals": "gamma",
        "burstiness": 0.5,
        "stages": [
            {"name": "warmup", "duration": "10s", "rate": 2, "measure": False},
            {"name": "ramp", "duration": "20s", "rate": [2, 6]},
            {"name": "steady", "duration": "30s", "rate": 6},
            {"name": "pause", "duration": "5s", "rate": 0, "measure": False},
            {"name": "again", "duration": "5s", "rate": 1},
        ],
    }
)


def test_a_load_becomes_a_schedule_of_stages_end_to_end() -> None:
    made = schedule_of(LOAD)
    assert [(stage.name, stage.start_s, stage.end_s) for stage in made.stages] == [
        ("warmup", 0, 10),
        ("ramp", 10, 30),
        ("steady", 30, 60),
        ("pause", 60, 65),
        ("again", 65, 70),
    ]
    assert (made.arrivals, made.burstiness, made.total_s, made.closed, made.peak_level) == ("gamma", 0.5, 70, False, 6)


def test_users_are_the_level_of_a_closed_load() -> None:
    load = {"arrivals": "closed", "stages": [{"name": "a", "duration": 10, "users": [1, 8]}]}
    made = schedule_of(Load.model_validate(load))
    assert (made.closed, made.peak_level, made.stages[0].level_from) == (True, 8, 1)


@pytest.mark.parametrize(("at", "index"), [(-1, 0), (0, 0), (9.999, 0), (10, 1), (30, 2), (69, 4), (70, 4), (1e9, 4)])
def test_a_time_belongs_to_the_stage_that_has_begun_last(at: float, index: int) -> None:
    assert schedule_of(LOAD).stage_at(at) == index


@pytest.mark.parametrize(("at", "level"), [(-1, 0), (0, 2), (10, 2), (20, 4), (30, 6), (62, 0), (70, 0)])
def test_the_level_follows_stages_and_ramps(at: float, level: float) -> None:
    assert schedule_of(LOAD).level_at(at) == level


def test_the_level_of_a_recording_is_unknown() -> None:
    assert schedule("trace", (10, 0, 0)).level_at(5) is None


def test_measured_stages_that_touch_are_one_window() -> None:
    assert schedule_of(LOAD).measured_windows() == ((10, 60), (65, 70))


# --- seeds and weights ----------------------------------------------------------------------------------------------


def test_seeds_differ_by_every_part_and_its_type_and_place() -> None:
    parts: list[tuple[int | str, ...]] = [(), (1,), ("1",), (1, 2), (2, 1), (12,), ("1, 2",), ("a", "b"), ("a\0b",)]
    seeds = {session_seed(1, *part) for part in parts} | {session_seed(2, *part) for part in parts}
    assert len(seeds) == 2 * len(parts)


@repeatable
@given(st.integers(), st.integers(0), st.text())
def test_a_seed_has_64_bits(seed: int, ordinal: int, name: str) -> None:
    assert 0 <= session_seed(seed, ordinal, name) < 2**64


def test_indexes_are_picked_in_proportion_to_their_weights() -> None:
    rng, weights = Random(1), [3.0, 0.0, 1.0]
    picks = [pick_weighted(weights, rng) for _ in range(20_000)]
    assert picks.count(0) / len(picks) == pytest.approx(0.75, abs=0.01)
    assert picks.count(1) == 0


@repeatable
@given(st.lists(st.floats(0, 10), min_size=1).filter(lambda weights: sum(weights) > 0), st.integers(0))
def test_what_has_no_weight_is_never_picked(weights: list[float], seed: int) -> None:
    assert weights[pick_weighted(weights, Random(seed))] > 0
