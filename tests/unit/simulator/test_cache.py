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


def _asked(cache: BlockCache, blocks: list[int], unit: int = 0) -> int:
    """How much of a prompt of these blocks is found; afterwards it is known."""
    hits = cache.hits(blocks, unit)
    assert cache.admit(blocks[:hits], len(blocks) - hits)
    cache.part(blocks)
    cache.commit(blocks[hits:])
    cache.release(blocks, 0)
    return hits


def test_whole_units_are_hit_as_a_whole_or_not_at_all() -> None:
    cache = BlockCache(100, whole_units=True)
    a = [1, 2, 3]
    assert _asked(cache, [*a, 11]) == 0
    assert _asked(cache, [*a, 12]) == 0, "A+C does not match the whole of A+B"
    assert _asked(cache, [*a, 13]) == 3, "by then A is known to be shared"
    assert _asked(cache, [*a, 11, 14], unit=4) == 4, "A+B is a unit of its own"
    assert _asked(cache, [21, 22], unit=2) == 0, "a unit whose blocks are gone is none"


def test_without_units_the_common_prefix_is_hit_at_once() -> None:
    cache = BlockCache(100)
    assert [_asked(cache, [1, 2, 3, last]) for last in (11, 12, 13)] == [0, 3, 3]


def test_an_evicted_units_end_is_forgotten() -> None:
    cache = BlockCache(8, whole_units=True)
    prompts = ([1, 2, 3], [1, 2, 4], list(range(11, 19)), [1, 2, 3], [1, 2, 4])
    assert [_asked(cache, blocks) for blocks in prompts] == [0, 0, 0, 0, 0]
    assert _asked(cache, [1, 2, 9]) == 2
