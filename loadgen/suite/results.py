"""What a suite's parts left in their folders, read for its reports: a run's summary, a soak's history."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from loadgen.errors import UsageError
from loadgen.history.store import History
from loadgen.history.week import Week, week_of
from loadgen.metrics.summary import Summary
from loadgen.outputs.material import Material
from loadgen.suite.model import Part, Suite

HISTORY: Final = "history.db"


@dataclass(frozen=True)
class Result:
    """A part and what it measured; None where it did not come so far."""

    part: Part
    folder: Path

    @cached_property
    def summary(self) -> Summary | None:
        """Of a run."""
        if self.part.folder is None or self.part.kind != "run":
            return None
        try:
            return Material.read(self.folder / self.part.folder).summary
        except UsageError:
            return None

    @cached_property
    def week(self) -> Week | None:
        """Of a soak: the last in its history."""
        if self.part.folder is None or self.part.kind != "soak":
            return None
        try:
            with History(self.folder / self.part.folder / HISTORY, create=False) as history:
                soaks = history.soaks()
                return week_of(soaks[-1], history.probes(soaks[-1].id)) if soaks else None
        except UsageError:
            return None


def results_of(suite: Suite, folder: Path) -> list[Result]:
    """Every part's, in their order."""
    return [Result(part, folder) for part in suite.parts]
