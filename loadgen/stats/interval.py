"""An estimate and what is known about it: the one result type of this room."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a two-sided confidence interval.

    low, high: None where the sample says nothing on that side (beyond its last rank, too few sessions).
    confidence: of the whole interval, 0.95 for 2.5 % on either side. n: observations (turns, gaps). sessions: the
    independent units they came in. effective_n: as many independent observations as the n tell; None where not known.
    """

    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    sessions: int
    effective_n: float | None = None
