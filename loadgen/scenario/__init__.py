"""The scenario: a YAML file that says whom to load, with what, when, and what is good enough."""

from loadgen.scenario.loader import LoadedScenario, load_scenario
from loadgen.scenario.model import Scenario, scenario_from_json, scenario_to_json
from loadgen.scenario.overrides import Overrides
from loadgen.scenario.shipped import find_scenario, shipped_names

__all__ = [
    "LoadedScenario",
    "Overrides",
    "Scenario",
    "find_scenario",
    "load_scenario",
    "scenario_from_json",
    "scenario_to_json",
    "shipped_names",
]
