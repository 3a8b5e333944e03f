"""The block cache: hits, pins, eviction."""

from random import Random

from loadgen.simulator.cache import BlockCache


def _filled(capacity: int, *prefixes: list[int]) -> BlockCache:
    """A cache in which each of `prefixes` was computed once and let go."""
    cache = BlockCache(capacity)
    for prefix in prefixes:
        assert cache.admit([], len(prefix))
        cache.commit(prefix)
        cache.release(prefix, 0)
    return cache


def test_a_hit_ends_at_the_first_block_that_is_not_there() -> None:
    cache = _filled(10, [1, 2, 3])
    assert cache.hits([1, 2, 3, 4]) == 3
    assert cache.hits([1, 9, 3]) == 1
    assert cache.hits([9, 2, 3]) == 0


def test_the_least_recently_used_prefix_goes_first_and_its_end_before_its_start() -> None:
    cache = _filled(6, [1, 2, 3], [11, 12, 13])
    assert cache.admit([], 1)
    assert cache.hits([1, 2, 3]) == 2
    assert cache.hits([11, 12, 13]) == 3


def test_a_prefix_used_again_is_young_again() -> None:
    cache = _filled(6, [1, 2, 3], [11, 12, 13])
    assert cache.admit([1, 2, 3], 0)
    cache.release([1, 2, 3], 0)
    assert cache.admit([], 3)
    assert cache.hits([1, 2, 3]) == 3
    assert cache.hits([11]) == 0


def test_a_pinned_block_is_never_evicted() -> None:
    cache = _filled(4, [1, 2])
    assert cache.admit([1, 2], 0)
    assert not cache.admit([], 3)
    assert cache.hits([1, 2]) == 2
    assert cache.admit([], 2)


def test_a_refused_admission_changes_nothing() -> None:
    cache = _filled(4, [1, 2])
    assert not cache.admit([1, 2], 3)
    assert (cache.pinned, cache.kept) == (0, 2)


def test_blocks_computed_twice_are_kept_once() -> None:
    cache = BlockCache(10)
    for _ in range(2):
        assert cache.admit([], 3)
    for _ in range(2):
        cache.commit([1, 2, 3])
    assert cache.pinned == 3
    for _ in range(2):
        cache.release([1, 2, 3], 0)
    assert (cache.pinned, cache.kept) == (0, 3)


def test_no_history_overfills_it_or_leaks_a_block() -> None:
    rng, cache = Random(7), BlockCache(20)
    running: list[tuple[list[int], int]] = []
    for _ in range(5000):
        if running and rng.random() < 0.5:
            held, private = running.pop(rng.randrange(len(running)))
            cache.release(held, private)
        else:
            chain = [rng.randrange(4) * 100 + depth for depth in range(rng.randrange(8))]
            hits, private = cache.hits(chain), rng.randrange(3)
            if cache.admit(chain[:hits], len(chain) - hits + private):
                cache.commit(chain[hits:])
                running.append((chain, private))
        assert cache.pinned + cache.kept <= cache.capacity
    for held, private in running:
        cache.release(held, private)
    assert cache.pinned == 0
