"""What the embedded simulator has to be told to play its part in a scenario: the truth, which nobody else is given."""

from loadgen.scenario.coding import CodingSpec
from loadgen.scenario.model import Scenario
from loadgen.scenario.shipped import shipped_coding_tasks


def simulator_knowledge(scenario: Scenario) -> list[str]:
    """Options of `loadgen simulate`, for the process that stands in for a model."""
    coding = [spec for spec in scenario.workloads if isinstance(spec, CodingSpec)]
    folders = dict.fromkeys(spec.path or str(shipped_coding_tasks()) for spec in coding)
    return [word for folder in folders for word in ("--coding-solutions", folder)]
