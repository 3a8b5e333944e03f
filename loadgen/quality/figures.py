"""The kinds of workloads that score their answers, and who works out their figures."""

from collections.abc import Callable, Mapping, Sequence

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.quality import coding, long_context, reasoning, tools
from loadgen.scenario.model import Scenario

# By the kind of workload: its scored turns of the measured stages, at least one.
_FIGURES: Mapping[str, Callable[[Sequence[Record]], dict[str, Quality]]] = {
    "long_context": long_context.figures,
    "tools": tools.figures,
    "coding": coding.figures,
    "reasoning": reasoning.figures,
}


def quality_of(scenario: Scenario, turns: Sequence[Record]) -> Mapping[str, dict[str, Quality]]:
    """Each workload's quality by its name; a workload that scores nothing, or has no scored turn, has none.

    turns: the scored turns of all stages, measured or not.
    """
    measured = {stage.name for stage in scenario.load.stages if stage.measure}
    found: dict[str, dict[str, Quality]] = {}
    for spec in scenario.workloads:
        own = [turn for turn in turns if turn.workload == spec.name and turn.stage in measured]
        if own and spec.kind in _FIGURES:
            found[spec.name] = _FIGURES[spec.kind](own)
    return found
