"""`records:` of a scenario: how much of the record log a run keeps, so that a long one stays small.

records: all                         # the default: one line a turn, in one file
records: none
records: {sample: 0.01}              # the turns of a hundredth of the sessions, whole sessions
records: {rotate: 100MB, keep: 10}   # at most ten files of 100 MB, the oldest goes first
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from loadgen.scenario.quantities import parse_bytes, parse_count, parse_number, shown
from loadgen.scenario.sizes import Part
from loadgen.session_sample import drawn, session_of


def _as_records(value: Any) -> Any:
    if value == "all":
        return {}
    if value == "none":
        return {"sample": 0}
    if not isinstance(value, Mapping | Part):
        raise ValueError(f"{shown(value)} says not which; accepted: all, none, {{sample: 0.01}}, {{rotate: 100MB}}")
    return value


def _share(value: Any) -> float:
    share = parse_number(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{share:g} is no share; accepted: a number from 0 to 1")
    return share


class Records(Part):
    """sample: the share of sessions whose turns are written. rotate_bytes: when the next file begins; None for never.

    keep: how many files there are at most, the one being written among them.
    """

    sample: Annotated[float, BeforeValidator(_share)] = 1.0
    rotate_bytes: Annotated[int, BeforeValidator(parse_bytes), Field(ge=1)] | None = Field(default=None, alias="rotate")
    keep: Annotated[int, BeforeValidator(parse_count), Field(ge=1)] = 10

    def has(self, session: str, seed: int) -> bool:
        """Whether this session's turns are written: the same on any number of workers, and in every run of a seed.

        A session's sub-agents (`12+1`) go with it.
        """
        if self.sample >= 1:
            return True
        return drawn(f"{seed}\0{session_of(session)}") < self.sample


RecordsSpec = Annotated[Records, BeforeValidator(_as_records)]
