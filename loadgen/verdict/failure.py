"""What ended a run early."""

from dataclasses import dataclass

from loadgen.scenario.slos import Slo


@dataclass(frozen=True, slots=True)
class Failure:
    """An objective that is known to have failed before the run's end, and since when."""

    slo: Slo
    reason: str
