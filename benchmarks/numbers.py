"""A number to reach: its name, its limit, what was measured each time, and whether that is within the limit.

Made by the cases, written by the report. A number that could not be measured is not met.
"""

from dataclasses import dataclass
from statistics import median
from typing import Any

# The figure by which a case tells whether it was disturbed, and above how many per cent it was: another process on the
# generator's core delays every stamp behind it.
OTHERS = "other processes on the generator's core"
DISTURBED_PERCENT = 3.0


@dataclass(frozen=True, slots=True)
class Number:
    """values: one a repetition, None where it could not be measured; their median is held against `limit`.

    met: None for a figure that is only shown. note: what stands beside it in the table.
    """

    case: str
    what: str
    unit: str
    values: list[float | None]
    limit: float | None = None
    note: str = ""

    @property
    def known(self) -> list[float]:
        """The repetitions that gave a value."""
        return [value for value in self.values if value is not None]

    @property
    def value(self) -> float | None:
        """The median; None where any repetition gave none."""
        return median(self.known) if self.values and len(self.known) == len(self.values) else None

    @property
    def met(self) -> bool | None:
        """Whether the median is at or below the limit; None without a limit."""
        if self.limit is None:
            return None
        return self.value is not None and self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The number as results.json has it."""
        return {
            "case": self.case,
            "what": self.what,
            "unit": self.unit,
            "limit": self.limit,
            "value": self.value,
            "met": self.met,
            "values": self.values,
            "note": self.note,
        }
