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

    sizers: token sizes by corpus. dearest: the run's highest prices, where there is a budget to hold.
    """

    sizers: dict[str, TextSizer] = {}
    dearest: Rates | None = None


class StartOrder(msgspec.Struct, frozen=True):
    """Begin the prepared run at an instant, with these permits.

    base_url, model, dialect: the target as the preflight found it. start_unix_ns: the run's start on the wall clock;
    each worker turns it into its own monotonic clock once. permits: the permit numbers that are this worker's;
    permit_count: how many there are in all, over which arrivals are dealt. epoch: 0 for the workers that are
    there at the start, above it for one that joins a run under way. from_s: as in Deal.
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


class Deal(msgspec.Struct, frozen=True):
    """Permits dealt anew in mid-run, because a worker came or went. epoch counts the deals, from 1.

    from_s: seconds from the run's start. Arrivals due from then on follow this deal, those before it the one before, so
    that a share which changes hands is neither played twice nor left out. Later than any arrival already planned.
    """

    run_id: str
    permits: tuple[int, ...]
    epoch: int
    from_s: float


class DrainOrder(msgspec.Struct, frozen=True):
    """Start nothing new; let the turns in flight end for `grace_s` seconds, then cut them off and report the last."""

    run_id: str
    grace_s: float


def encode_order(order: RunOrder | StartOrder | Deal | DrainOrder) -> bytes:
    """An order as MessagePack."""
    return msgspec.msgpack.encode(order)
