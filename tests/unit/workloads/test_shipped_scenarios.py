"""The scenarios that come with loadgen, and the examples of the documentation, are valid and buildable."""

import re
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from loadgen.arrivals import arrival_times, schedule_of
from loadgen.scenario import load_scenario
from loadgen.suite.spec import is_suite
from loadgen.workloads.build import build_workload
from tests.unit.workloads.test_agentic import ROOT, SMALL

# Those with parts name others that are here: tests/unit/suite.
SHIPPED = [path for path in sorted((ROOT / "scenarios").glob("*.yaml")) if not is_suite(path)]
EXAMPLES = re.findall(r"^```yaml\n(name:.*?)^```$", (ROOT / "docs" / "scenarios.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_loads_and_its_workloads_give_turns(path: Path) -> None:
    scenario = load_scenario(path, environment={"LOADGEN_TRACE": str(SMALL)}).scenario
    for spec in scenario.workloads:
        session = build_workload(spec, seed=scenario.seed).session(0, Random(1))
        assert session is not None
        assert session.next_turn(None) is not None


def test_the_quick_start_needs_no_target_and_takes_thirty_seconds() -> None:
    scenario = load_scenario(ROOT / "scenarios" / "quickstart.yaml").scenario
    assert scenario.target.base_url is None
    assert [(stage.duration_s, stage.measure) for stage in scenario.load.stages] == [(5.0, False), (25.0, True)]
    assert len(list(islice(arrival_times(schedule_of(scenario.load), scenario.seed), 1000))) > 80


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split("\n", 1)[0])
def test_an_example_of_the_documentation_is_valid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text)
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "agents.jsonl").write_bytes(SMALL.read_bytes())
    load_scenario(path, environment={"ENDPOINT": "http://127.0.0.1:8000", "TENANT": "acme"})
