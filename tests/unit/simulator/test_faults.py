"""Faults: how they are asked for, and which request they strike."""

import math

import pytest

from loadgen.errors import UsageError
from loadgen.simulator.command import simulate
from loadgen.simulator.faults import FAULTS, Fault, FaultPlan, parse_fault


def struck(plan: FaultPlan, requests: int, elapsed_s: float = 0.0) -> list[str | None]:
    found = [plan.strike(elapsed_s) for _ in range(requests)]
    return [fault.name if fault else None for fault in found]


def test_every_key_is_read() -> None:
    text = "stall:rate=0.25,after=30s,for=500ms,skip=4,times=2,at=7,seconds=1.5,count=9,retry_after=3"
    assert parse_fault(text) == Fault("stall", 0.25, 30.0, 0.5, 4, 2, 7, 1.5, "3", 9)


def test_left_alone_a_stall_is_for_ever_and_a_slow_first_byte_is_not() -> None:
    assert parse_fault("stall").seconds == math.inf
    assert parse_fault("slow_first_byte").seconds == 2.0
    assert parse_fault("http_429") == parse_fault("429")
    assert parse_fault("429:retry_after=").retry_after is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trunkate", "no fault 'trunkate'. Did you mean 'truncate'"),
        ("", "Choose one of 429, 500"),
        ("cut:rate=2", "'rate=2' can't be read"),
        ("cut:rate=often", "'rate=often' can't be read"),
        ("cut:after=soon", "'after=soon' can't be read"),
        ("cut:skip=-1", "'skip=-1' can't be read"),
        ("cut:rat=0.5", "no key 'rat'; keys: rate="),
    ],
)
def test_a_mistake_is_told_with_what_is_accepted(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(text)
    assert told in str(caught.value)


def test_a_rate_is_kept_and_the_same_seed_strikes_the_same() -> None:
    fault = parse_fault("cut:rate=0.1")
    first, again, other = (struck(FaultPlan([fault], seed), 5000) for seed in (1, 1, 2))
    assert first == again != other
    assert 400 < first.count("cut") < 600


def test_one_faults_rate_does_not_depend_on_another() -> None:
    alone = struck(FaultPlan([parse_fault("429:rate=0"), parse_fault("cut:rate=0.2")], 1), 3000)
    beside = struck(FaultPlan([parse_fault("429:rate=0.5"), parse_fault("cut:rate=0.2")], 1), 3000)
    assert [mine for mine, theirs in zip(alone, beside, strict=True) if theirs != "429"] == [
        theirs for theirs in beside if theirs != "429"
    ]


def test_skip_and_times_count_requests() -> None:
    plan = FaultPlan([parse_fault("cut:skip=2,times=2")], 1)
    assert struck(plan, 6) == [None, None, "cut", "cut", None, None]


def test_after_and_for_bound_the_time() -> None:
    plan = FaultPlan([parse_fault("cut:after=10s,for=5s")], 1)
    assert [struck(plan, 1, elapsed_s) for elapsed_s in (9.9, 10.0, 14.9, 15.0)] == [[None], ["cut"], ["cut"], [None]]


def test_the_first_that_applies_strikes() -> None:
    plan = FaultPlan([parse_fault("429:times=1"), parse_fault("cut")], 1)
    assert struck(plan, 3) == ["429", "cut", "cut"]


def test_the_help_names_every_fault() -> None:
    assert simulate.epilog is not None
    assert [name for name in FAULTS if name not in simulate.epilog] == []
