"""A scenario with parts: what it may say, what the command line changes in which part, and how mistakes are told."""

from pathlib import Path

import pytest
import yaml

from loadgen.errors import ScenarioError, UsageError
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.overrides import Overrides
from loadgen.suite.command import describe_parts
from loadgen.suite.spec import is_suite, load_suite
from tests.support.command import closed_load, write_scenario

GIVEN = {"target": None, "model": None, "users": None, "rate": None, "duration": None, "seed": None, "sets": ()}


def write_suite(folder: Path, *parts: dict[str, object], **more: object) -> Path:
    """A suite whose parts run `small.yaml` beside it unless they say otherwise."""
    write_scenario(folder, "small", load=closed_load(1, "1s"))
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"name": "day", "parts": list(parts)} | more, sort_keys=False))
    return path


def test_parts_are_what_makes_a_suite(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"})
    assert is_suite(path)
    assert is_suite("new_model_day")
    assert not is_suite("quickstart")
    assert not is_suite("no-such-scenario")


def test_a_scenario_is_looked_for_beside_the_file_and_among_the_shipped_ones(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"}, {"name": "two", "scenario": "quickstart"})
    assert [part.loaded.scenario.name for part in load_suite(path, Overrides()).parts] == ["small", "quickstart"]


def test_values_are_set_in_all_parts_then_in_one_then_from_the_command_line(tmp_path: Path) -> None:
    path = write_suite(
        tmp_path,
        {"name": "one", "scenario": "small.yaml"},
        {"name": "two", "scenario": "small.yaml", "set": {"seed": 3, "slos": ["ttft p90 < 1s"]}},
        {"name": "three", "scenario": "small.yaml", "set": {"seed": 3}},
        set={"seed": 2},
    )
    loaded = load_suite(path, Overrides(sets=("three.seed=4",), target="http://127.0.0.1:9"))
    scenarios = [part.loaded.scenario for part in loaded.parts]
    assert [one.seed for one in scenarios] == [2, 3, 4]
    assert [slo.text for slo in scenarios[1].objectives] == ["ttft p90 < 1s"]
    assert {one.target.base_url for one in scenarios} == {"http://127.0.0.1:9/v1"}


@pytest.mark.parametrize("name", ["latency", "seed", "four.seed"])
def test_a_value_of_no_part_names_the_parts(tmp_path: Path, name: str) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"})
    with pytest.raises(ScenarioError, match=r"accepted: PART\.path=value, the part one of one"):
        load_suite(path, Overrides(sets=(f"{name}=secret",)))


def test_a_mistake_in_a_parts_scenario_names_the_part(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"}, {"name": "two", "scenario": "small.yaml"})
    with pytest.raises(ScenarioError, match=r"^part two: .*load\.stages\.nosuch"):
        load_suite(path, Overrides(sets=("two.load.stages.nosuch.rate=1",)))


def test_a_soak_shorter_than_its_window_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "cost", "soak": "cost_stability", "for": "10m"})
    with pytest.raises(ScenarioError, match="part cost: for 10m is shorter than every 15m; accepted: at least one"):
        load_suite(path, Overrides())


def test_a_load_for_all_parts_is_refused(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"})
    with pytest.raises(UsageError, match="each with a load of its own"):
        load_suite(path, Overrides(rate=3.0))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"name": "one"}, "accepted: one of scenario"),
        ({"name": "one", "scenario": "a", "soak": "b"}, "accepted: one of scenario"),
        ({"name": "one", "scenario": "a", "every": "1m"}, "belongs to a soak"),
        ({"name": "one", "scenari": "a"}, "did you mean 'scenario'?"),
        ({"name": "a b", "scenario": "a"}, "is no name"),
    ],
)
def test_mistakes_are_told_with_file_line_and_field(tmp_path: Path, part: dict[str, object], told: str) -> None:
    path = write_suite(tmp_path, part)
    with pytest.raises(ScenarioError) as error:
        load_suite(path, Overrides())
    assert str(error.value).startswith(f"{path}:")
    assert told in str(error.value)


def test_two_parts_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    twice: dict[str, object] = {"name": "one", "scenario": "small.yaml"}
    path = write_suite(tmp_path, twice, twice)
    with pytest.raises(ScenarioError, match="the name of two parts"):
        load_suite(path, Overrides())


def test_a_suite_is_no_scenario_of_a_single_run(tmp_path: Path) -> None:
    path = write_suite(tmp_path, {"name": "one", "scenario": "small.yaml"})
    with pytest.raises(ScenarioError, match=r"suite\.yaml:2:1: parts: runs other scenarios"):
        load_scenario(path)


def test_what_it_would_do_is_told(tmp_path: Path) -> None:
    path = write_suite(
        tmp_path,
        {"name": "one", "scenario": "small.yaml"},
        {"name": "cost", "soak": "cost_stability", "every": "30s", "for": "90s"},
    )
    told = describe_parts(str(path), GIVEN)
    assert "valid, 2 parts" in told
    assert "stage      steady: 1s at 1 users" in told
    assert "soak       3 windows of 30s: cache, output, tools, latency" in told


def test_the_shipped_one_asks_the_same_target_in_every_part() -> None:
    loaded = load_suite("new_model_day", Overrides(target="http://127.0.0.1:9"))
    names = [part.spec.name for part in loaded.parts]
    assert names[0] == "cost"
    assert {"long_context", "latency"} <= set(names)
    assert all(part.loaded.scenario.prices is not None for part in loaded.parts)
