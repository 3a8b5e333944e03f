"""What the embedded simulator has to be told to play its part in a scenario: the truth, which nobody else is given.

Used by the commands that start a simulator of their own. Answers are written to a file that is gone when they are done.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadgen.scenario.insider import simulator_knowledge
from loadgen.scenario.model import Scenario
from loadgen.scenario.reasoning import ReasoningSpec


@contextmanager
def told(scenario: Scenario, *, seed: int) -> Iterator[list[str]]:
    """Options of `loadgen simulate`, good within the context. seed: the one that the run is made with."""
    options = simulator_knowledge(scenario)
    specs = [spec for spec in scenario.workloads if isinstance(spec, ReasoningSpec)]
    if not specs:
        yield options
        return
    from loadgen.workloads.reasoning.truth import write_answers

    with tempfile.TemporaryDirectory(prefix="loadgen-") as folder:
        path = Path(folder) / "answers.jsonl"
        write_answers(specs, path, seed=seed)
        yield [*options, "--answers", str(path)]
