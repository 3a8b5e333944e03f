"""What the master tells a worker's engine: plain data that crosses the process border before a run and in it.

The API key is not among it: each worker reads it from its own environment.
"""

import msgspec

from loadgen.prices import Rates
from loadgen.workloads.sizing import TextSizer


class RunOrder(msgspec.Struct, frozen=True):
    """Prepare this run. scenario: as `scenario_to_json` gives it, overrides applied and variables expanded."""

    run_id: str
    scenario: bytes


class Learnt(msgspec.Struct, frozen=True):
    """What was found out before the load and every worker must know.

    sizers: token sizes by corpus. dearest: the run's highest prices, where there is a budget to hold. allowance: what
    may be spent, by all as the conductor gets it and by one as a worker does; None for a worker that joins in mid-run,
    which is held by the master's watch alone.
    """

    sizers: dict[str, TextSizer] = {}
    dearest: Rates | None = None
    allowance: float | None = None

    def share(self, part: float) -> "Learnt":
        """The same with a part of the allowance."""
        return self if self.allowance is None else msgspec.structs.replace(self, allowance=self.allowance * part)

    def joining(self) -> "Learnt":
        """The same for a worker that joins in mid-run: the others have all of the allowance."""
        return msgspec.structs.replace(self, allowance=None)


class StartOrder(msgspec.Struct, frozen=True):
    """Begin the prepared run at an instant, with these permits.

    base_url, model, dialect: the target as the preflight found it. start_unix_ns: the run's start on the wall clock;
    each worker turns it into its own monotonic clock once. permits: the permit numbers that are this worker's;
    permit_count: how many there are in all, over which arrivals are dealt. epoch: 0 for the workers that are
    there at the start, above it for one that joins a run under way. from_s: as in Deal. clock_ns: how far this worker's
    wall clock is ahead of the master's.
    """

    run_id: str
    base_url: str
    model: str
    start_unix_ns: int
    permits: tuple[int, ...]
    permit_count: int
    epoch: int = 0
    from_s: float = 0.0
    dialect: str = "openai"
    learnt: Learnt = Learnt()
    clock_ns: int = 0


class Deal(msgspec.Struct, frozen=True):
    """Permits dealt anew in mid-run, because a worker came or went, or users changed. epoch counts the deals, from 1.

    from_s: seconds from the run's start. Arrivals due from then on follow this deal, those before it the one before, so
    that a share which changes hands is neither played twice nor left out. Later than any arrival already planned.
    permit_count: how many there are in all from now on; None for as many as before.
    """

    run_id: str
    permits: tuple[int, ...]
    epoch: int
    from_s: float
    permit_count: int | None = None


class DrainOrder(msgspec.Struct, frozen=True):
    """Start nothing new; let the turns in flight end for `grace_s` seconds, then cut them off and report the last."""

    run_id: str
    grace_s: float


def encode_order(order: RunOrder | StartOrder | Deal | DrainOrder) -> bytes:
    """An order as MessagePack."""
    return msgspec.msgpack.encode(order)
