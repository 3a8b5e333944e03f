"""Every permit has exactly one holder, as many each as Locust said, and a new deal moves no more than it must."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.swarm.dealing import deal_permits, moved_permits

NAMES = st.text("abcdef", min_size=1, max_size=3)
COUNTS = st.dictionaries(NAMES, st.integers(0, 20), min_size=1, max_size=6)


@given(counts=COUNTS, total=st.integers(0, 60))
def test_every_permit_has_one_holder(counts: dict[str, int], total: int) -> None:
    dealt = deal_permits(total, counts, {})
    assert sorted(permit for permits in dealt.values() for permit in permits) == list(range(total))
    assert dealt.keys() == counts.keys()


@given(counts=COUNTS)
def test_each_worker_gets_as_many_as_locust_gave_it(counts: dict[str, int]) -> None:
    dealt = deal_permits(sum(counts.values()), counts, {})
    assert {worker: len(permits) for worker, permits in dealt.items()} == counts


@given(before=COUNTS, after=COUNTS)
def test_a_new_deal_is_whole_and_moves_only_what_it_must(before: dict[str, int], after: dict[str, int]) -> None:
    total = sum(before.values())
    held = deal_permits(total, before, {})
    dealt = deal_permits(total, after, held)
    assert sorted(permit for permits in dealt.values() for permit in permits) == list(range(total))
    for worker in before.keys() & after.keys():
        kept = set(held[worker]) & set(dealt[worker])
        assert len(kept) >= min(before[worker], after[worker])


@given(counts=COUNTS)
def test_the_same_counts_change_nothing(counts: dict[str, int]) -> None:
    total = sum(counts.values())
    held = deal_permits(total, counts, {})
    assert deal_permits(total, counts, held) == held


def test_workers_get_early_and_late_arrivals_alike() -> None:
    assert deal_permits(6, {"a": 3, "b": 3}, {}) == {"a": (0, 2, 4), "b": (1, 3, 5)}


def test_a_dead_workers_permits_go_to_the_others() -> None:
    held = deal_permits(6, {"a": 2, "b": 2, "c": 2}, {})
    dealt = deal_permits(6, {"a": 3, "c": 3}, held)
    assert set(held["a"]) < set(dealt["a"])
    assert set(held["c"]) < set(dealt["c"])


def test_without_workers_nobody_holds_anything() -> None:
    assert deal_permits(6, {}, {"gone": (0, 1, 2, 3, 4, 5)}) == {}


def test_the_permits_that_changed_hands_are_known() -> None:
    held = {"a": (0, 1), "b": (2, 3)}
    assert moved_permits(held, held) == set()
    assert moved_permits({"a": (0, 1, 2), "c": (3,)}, held) == {2, 3}
