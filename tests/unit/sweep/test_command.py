"""The options of `loadgen sweep`: what contradicts itself is told before anything is started."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from loadgen.errors import UsageError
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.overrides import Overrides
from loadgen.sweep.command import ending_slos, notes_of, sweep
from tests.support.command import closed_load, open_load, write_scenario


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one of --rates"),
        (["--rates", "1", "--users", "1"], "one of --rates"),
        (["--find-max"], "needs an SLO"),
        (["--rates", "1", "--from", "2"], "goes with --find-max"),
        (["--rates", "1", "--precision", "2%"], "goes with --find-max"),
        (["--rates", "1", "--profile", "none"], "no simulator profile"),
        (["--rates", "1", "--profile", "fast", "--target", "http://127.0.0.1:9"], "there is a target"),
        (["--rates", "1", "--duration", "9s", "--max-step-duration", "1s"], "is below the 9s of a step"),
        (["--find-max", "--from", "3", "--to", "2", "--set", "slos=[error_rate < 1%]"], "is above --to"),
        (["--find-max", "--from", "-3", "--set", "slos=[error_rate < 1%]"], "accepted: a number above 0"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, arguments: list[str], told: str) -> None:
    scenario = write_scenario(tmp_path, load=open_load(1, "1s"))
    error = CliRunner().invoke(sweep, [scenario, *arguments]).exception
    assert isinstance(error, UsageError)
    assert told in str(error)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rates", "1,1"], "each once"),
        (["--rates", "1,two"], "numbers above 0"),
        (["--rates", "0"], "numbers above 0"),
        (["--users", "1.5"], "whole numbers"),
        (["--find-max", "--precision", "200%"], "a share such as 5%"),
        (["--rates", "1", "--cooldown", "soon"], "accepted: a duration"),
    ],
)
def test_values_of_the_wrong_form_are_refused(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(sweep, arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    scenario = write_scenario(tmp_path / "given", load=open_load(1, "1s"))
    error = CliRunner().invoke(sweep, [scenario, "--rates", "1", "--out", str(tmp_path)]).exception
    assert isinstance(error, UsageError)
    assert "no sweep to go on with" in str(error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "kept"]


def test_users_that_start_at_once_within_what_is_measured_are_noted(tmp_path: Path) -> None:
    bare = load_scenario(write_scenario(tmp_path, "bare", load=closed_load(4, "1s")))
    load = closed_load(4, "1s")
    warmed = load | {"stages": [{"name": "warmup", "duration": "1s", "users": 4, "measure": False}, *load["stages"]]}
    [note] = notes_of(bare, "users")
    assert "no stage is a warm-up" in note
    assert notes_of(bare, "rate") == []
    assert notes_of(load_scenario(write_scenario(tmp_path, "warmed", load=warmed)), "users") == []


@pytest.mark.parametrize("records", ["all", "none"])
def test_a_step_of_a_search_ends_by_the_slos_that_can_end_a_run_and_keeps_the_others(
    tmp_path: Path, records: str
) -> None:
    stated = ["ttft p99 < 2s", "itl p99 < 500ms", "throughput.requests > 1", "error_rate < 1%", "mlperf-llama2-70b"]
    path = write_scenario(tmp_path, load=open_load(1, "1s"), slos=stated, records=records)
    scenario = load_scenario(path, overrides=Overrides(sets=(ending_slos(load_scenario(path).scenario),))).scenario
    ends = records == "all"
    assert [(slo.text, slo.abort) for slo in scenario.objectives] == [
        ("ttft p99 < 2s", ends),
        ("itl p99 < 500ms", False),
        ("throughput.requests > 1", False),
        ("error_rate < 1%", ends),
        ("ttft p99 <= 2000ms", ends),
        ("tpot p99 <= 200ms", ends),
    ]
