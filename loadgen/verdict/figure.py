"""What an objective is judged by: an estimate with bounds."""

from dataclasses import dataclass
from math import ceil

NO_RECORDS = (
    "no record log, so it is not known how alike the turns of a session are; `records: {sample: 0.1}` would be enough"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its bounds; None is not known. confidence: None where the bounds are a fact of this run.

    n: of `counted` (turns, gaps, ...). needed: how many more of them would decide it, given its limit; None where it is
    not known. why: what keeps a bound from being known, or the figure from being judged. beyond: whether an upper limit
    is surely missed although no bound may say so: of a quantile, too few lie within the limit, at this confidence.
    """

    estimate: float | None
    low: float | None
    high: float | None
    confidence: float | None
    n: int
    counted: str
    unit: str
    needed: int | None = None
    why: str | None = None
    beyond: bool = False


def more_needed(n: int, half: float, distance: float) -> int | None:
    """How many more it takes until the interval, half of which is now `half`, is as short as the distance."""
    if distance == 0 or n == 0:
        return None
    return max(0, ceil(n * ((half / distance) ** 2 - 1)))
