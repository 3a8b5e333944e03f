"""`records:` says how much of the record log a run keeps."""

from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import ScenarioError
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import scenario_from_json, scenario_to_json
from loadgen.scenario.records import Records
from tests.support.command import closed_load, write_scenario


def records_of(folder: Path, **parts: Any) -> Records:
    """As a worker gets them."""
    scenario = load_scenario(write_scenario(folder, load=closed_load(1, "1s"), **parts)).scenario
    return scenario_from_json(scenario_to_json(scenario)).records


def test_all_are_kept_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert records_of(tmp_path) == records_of(tmp_path, records="all") == records_of(tmp_path, records={}) == Records()
    assert Records().has("12", 1)


def test_none_keeps_none(tmp_path: Path) -> None:
    records = records_of(tmp_path, records="none")
    assert not any(records.has(str(session), 1) for session in range(1000))


def test_files_may_rotate(tmp_path: Path) -> None:
    records = records_of(tmp_path, records={"rotate": "100MB", "keep": 4})
    assert (records.rotate_bytes, records.keep, records.sample) == (100_000_000, 4, 1)


def test_a_sample_is_of_whole_sessions_and_the_same_everywhere(tmp_path: Path) -> None:
    records = records_of(tmp_path, records={"sample": 0.1})
    kept = [session for session in range(20_000) if records.has(str(session), 7)]
    assert len(kept) == pytest.approx(2000, rel=0.1)
    assert kept == [session for session in range(20_000) if Records(sample=0.1).has(str(session), 7)]
    assert kept != [session for session in range(20_000) if records.has(str(session), 8)]
    # A session's sub-agents go with it.
    assert all(records.has(f"{session}+3", 7) for session in kept)


@pytest.mark.parametrize("wrong", ["some", 5, {"sample": 1.5}, {"rotate": "big"}, {"keep": 0}, {"rotat": "1MB"}])
def test_a_mistake_is_told_with_what_is_accepted(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ScenarioError, match=r"records.*accepted|accepted.*records"):
        records_of(tmp_path, records=wrong)
