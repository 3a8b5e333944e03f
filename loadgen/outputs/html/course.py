"""A run's course: its turns in bins of time, its stages, and the axis that figures over time share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pydantic
import yaml

from loadgen.metrics.turn_table import Floats, Mask, TurnTable
from loadgen.outputs.html.bins import Bins, bins_for
from loadgen.outputs.html.figure import Layout, label, numbers
from loadgen.outputs.material import Material
from loadgen.scenario.records import Records, RecordsSpec

# Up to so many seconds: divided by, called.
_UNITS = ((600.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"), (3 * 86400.0, 3600.0, "h"), (float("inf"), 86400.0, "d"))


@dataclass(frozen=True, slots=True)
class Window:
    """A stage's time, in seconds from the run's start."""

    name: str
    start_s: float
    end_s: float
    measured: bool


class Course:
    """The turns over time. Figures that count multiply by `scale`, which is above 1 where only a sample was kept."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.table: TurnTable = material.turns
        ends = self.table.numbers["end_s"]
        self.total_s = max(material.summary.run.duration_s, float(ends.max()) if len(ends) else 0.0)
        self.bins: Bins = bins_for(self.total_s, len(self.table))
        self._divisor, self.unit = next((by, name) for most, by, name in _UNITS if self.total_s <= most)

    def __bool__(self) -> bool:
        return len(self.table) > 0

    def column(self, name: str) -> Floats:
        """A column of the turns."""
        return self.table.numbers[name]

    @cached_property
    def ok(self) -> Mask:
        """The turns that latency is of."""
        return self.table.of_outcome("ok")

    @cached_property
    def seen(self) -> Mask:
        """The turns whose first output counts: ok ones, and those cut off at the end of the grace time."""
        return self.table.of_outcome("ok", "cancelled")

    @cached_property
    def windows(self) -> list[Window]:
        """The stages that any turn was due in, as far as the histograms tell when they were."""
        measured = {stage.name: stage.measured for stage in self.material.summary.stages}
        times = {one.stage: (one.start_s, one.start_s + one.length_s) for one in self.material.histograms}
        return [Window(name, *times[name], measured[name]) for name in measured if name in times]

    @cached_property
    def _kept(self) -> Records | None:
        """What the scenario says of the records; None where it can't be told."""
        try:
            asked: Any = (yaml.safe_load(self.material.scenario_yaml or "") or {}).get("records", "all")
            return pydantic.TypeAdapter(RecordsSpec).validate_python(asked)
        except (yaml.YAMLError, AttributeError, pydantic.ValidationError):
            return None

    @cached_property
    def scale(self) -> float:
        """How many turns one of the table stands for: above 1 only where whole sessions were drawn at random."""
        sample = self._kept.sample if self._kept is not None else 1.0
        return 1 / (self.table.share * sample) if sample > 0 else 1.0

    @cached_property
    def note(self) -> str | None:
        """What a reader of figures over time must know of the records; None where they hold every turn."""
        sent = sum(stage.requests.sent for stage in self.material.summary.stages)
        held = len(self.table)
        if self.scale > 1:
            return f"Estimated from a sample of {1 / self.scale:.3g} of the sessions ({held:,} turns)."
        if held < sent:
            return f"The records hold {held:,} of {sent:,} turns; what is missing is missing here."
        return None

    def times(self, seconds: Floats) -> list[float | None]:
        """Times for the axis."""
        return numbers(seconds / self._divisor)

    @property
    def middles(self) -> Floats:
        """The middles of the bins, in the axis' unit."""
        return self.bins.middles_s / self._divisor

    @property
    def ends(self) -> Floats:
        """The ends of the bins, in the axis' unit."""
        return (self.bins.starts_s + self.bins.width_s) / self._divisor

    @cached_property
    def at(self) -> list[str]:
        """The start of each bin as text, for tables."""
        return [f"{start / self._divisor:g} {self.unit}" for start in self.bins.starts_s]

    @property
    def bin_text(self) -> str:
        """How wide a bin is, in words."""
        return f"{self.bins.width_s / self._divisor:g} {self.unit}"

    def layout(self, **more: Any) -> Layout:
        """A layout over time, with the stages shaded and named."""
        return {
            "xaxis": {"title": {"text": f"time since the start ({self.unit})"}, "range": self._range()},
            "shapes": [self._shape(at, window) for at, window in enumerate(self.windows)],
            "annotations": [self._name(window) for window in self.windows],
            **more,
        }

    def _range(self) -> list[float | None]:
        return numbers(np.array([0.0, self.bins.count * self.bins.width_s / self._divisor]))

    def _shape(self, at: int, window: Window) -> dict[str, Any]:
        x0, x1 = self.times(np.array([window.start_s, min(window.end_s, self.total_s)]))
        role = f"@stage{at % 2}" if window.measured else "@unmeasured"
        place = {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1}
        return {**place, "fillcolor": role, "line": {"width": 0}, "layer": "below"}

    def _name(self, window: Window) -> dict[str, Any]:
        x, end = self.times(np.array([window.start_s, min(window.end_s, self.total_s)]))
        name = label(window.name)
        texts = [name] if window.measured else [f"{name} (not measured)", name]
        place = {"x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        # `until` and `texts` are for the page's script, which takes the longest text that has room.
        return {**place, "until": end, "texts": texts, "showarrow": False, "font": {"size": 11, "color": "@muted"}}
