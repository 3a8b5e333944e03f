"""What the simulated service becomes with time: parsed as written, applied from its moment on."""

import math

import pytest

from loadgen.errors import UsageError
from loadgen.simulator.ageing import Age, Ageing, Behaviour, Drift, parse_drift
from loadgen.simulator.cache import BlockCache

DAY_S = 86_400.0


def test_drifts_are_read_as_they_are_written() -> None:
    assert parse_drift("cache_lifetime:4m@4d") == Drift("cache_lifetime", 4 * DAY_S, 240.0)
    assert parse_drift("output_tokens:1.1@12h") == Drift("output_tokens", DAY_S / 2, 1.1)
    assert parse_drift("slow_tail:0.05x3@4d") == Drift("slow_tail", 4 * DAY_S, 0.05, 3.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "output_tokens:1.1",
        "output_tokens:x@4d",
        "output_tokens:0@4d",
        "slow_tail:2x3@4d",
        "slow_tail:0.1x0.5@4d",
        "moon:1@4d",
        "cache_lifetime:4parsecs@4d",
    ],
)
def test_what_can_not_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(UsageError, match="accepted: cache_lifetime:4m@4d"):
        parse_drift(text)


def test_a_drift_holds_from_its_moment_on_and_the_later_of_two_counts() -> None:
    ageing = Ageing(
        480.0, tuple(map(parse_drift, ("cache_lifetime:2m@5d", "cache_lifetime:4m@4d", "slow_tail:0.05x3@4d")))
    )
    assert ageing.behaviour_at(3.9 * DAY_S) == Behaviour(480.0)
    assert ageing.behaviour_at(4.0 * DAY_S) == Behaviour(240.0, slow_share=0.05, slow_factor=3.0)
    assert ageing.behaviour_at(6.0 * DAY_S).cache_lifetime_s == 120.0


def test_the_slow_share_is_that_share_of_requests() -> None:
    age = Age(Ageing(drifts=(parse_drift("slow_tail:0.05x3@0s"),)), seed=1)
    drawn = [age.slowdown() for _ in range(4000)]
    assert set(drawn) == {1.0, 3.0}
    assert 0.035 < sum(factor > 1 for factor in drawn) / 4000 < 0.065


def test_a_service_is_as_old_as_it_is_said_to_be() -> None:
    assert Age(Ageing(age_s=3 * DAY_S, time_scale=600.0), seed=1).now_s >= 3 * DAY_S


def used(cache: BlockCache, blocks: list[int]) -> None:
    """A request reads and leaves these blocks."""
    shared = blocks[: cache.shared(blocks)]
    assert cache.admit(shared, len(blocks) - len(shared))
    cache.commit(blocks[len(shared) :])
    cache.release(blocks, 0)


def test_a_prefix_is_forgotten_when_nobody_has_used_it_for_its_lifetime() -> None:
    cache = BlockCache(100)
    cache.forget(0.0, 480.0)
    used(cache, [1, 2, 3])
    cache.forget(400.0, 480.0)
    assert cache.hits([1, 2, 3]) == 3
    used(cache, [1, 2])
    cache.forget(481.0, 480.0)
    assert cache.hits([1, 2, 3]) == 2  # what was used again lives on
    cache.forget(881.0, 480.0)
    assert cache.hits([1, 2, 3]) == 0
    assert cache.kept == 0


def test_without_a_lifetime_nothing_is_forgotten() -> None:
    cache = BlockCache(100)
    used(cache, [1])
    cache.forget(1e12, math.inf)
    assert cache.hits([1]) == 1


def test_what_is_in_use_does_not_age() -> None:
    cache = BlockCache(100)
    assert cache.admit([], 1)
    cache.commit([7])
    cache.forget(1000.0, 1.0)
    assert cache.hits([7]) == 1
