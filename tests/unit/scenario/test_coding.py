"""The `coding` part of a scenario: what is accepted, and how a mistake is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from loadgen.scenario.coding import CodingSpec


def spec(**keys: Any) -> CodingSpec:
    return CodingSpec.model_validate({"name": "coding", **keys})


def test_all_and_nothing_are_every_task() -> None:
    assert spec().tasks is None
    assert spec(tasks="all").tasks is None
    assert spec(tasks=["url_router"]).tasks == ("url_router",)


def test_it_survives_the_way_to_another_process() -> None:
    made = spec(tasks=["a"], faults={"flaky_test": 0.5}, limits={"memory": "256MB", "cpu": "5s"}, test_timeout="7s")
    assert CodingSpec.model_validate(made.model_dump(mode="json", by_alias=True)) == made
    assert (made.limits.memory_bytes, made.limits.cpu_s, made.test_timeout_s) == (256_000_000, 5, 7)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"tasks": []}, "is empty"),
        ({"faults": {"test_timeout": 0.6, "flaky_test": 0.6}}, "the shares come to 1.2; accepted: up to 1 together"),
        ({"faults": {"crash": 0.1}}, "Extra inputs are not permitted"),
        ({"sandbox": "off"}, "'auto' or 'unsafe'"),
        ({"parallel": 0}, "greater than or equal to 1"),
        ({"max_steps": 501}, "less than or equal to 500"),
        ({"limits": {"memory": "1x"}}, "unknown unit 'x'"),
        ({"limits": {"memory": 512}}, "greater than or equal to 32000000"),
        ({"limits": {"disk": "32kB"}}, "greater than or equal to 1000000"),
        ({"test_timeout": 0}, "greater than 0"),
    ],
)
def test_what_can_not_be_is_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        spec(**keys)
    assert told in str(error.value)
