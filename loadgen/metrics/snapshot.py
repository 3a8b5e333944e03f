"""What a worker has measured since its last report: the mergeable delta that travels to the master.

Made by the recorder, read by the aggregate. A snapshot carries the run's id and a sequence number, so that nothing
of another run is counted and nothing is counted twice; its records and its sums are of the same turns.
"""

from typing import Final, Literal

import msgspec

from loadgen.metrics.counters import Counters
from loadgen.metrics.histogram import SparseHistogram

# One histogram a metric, stage and workload. The *_censored ones hold how long cancelled turns had run without an end
# or a first output: the lower bounds of times nobody saw. The *_tokens ones hold the known tokens of a turn.
TurnMetric = Literal[
    "ttft",
    "ttfo",
    "itl",
    "tpot",
    "e2e",
    "connect",
    "service_ttft",
    "service_e2e",
    "schedule_lag",
    "tool_wait",
    "input_tokens",
    "output_tokens",
    "ttft_censored",
    "e2e_censored",
]
Metric = Literal[TurnMetric, "loop_lag"]
# There is one histogram: a token is recorded as one of its steps, 1 µs.
A_TOKEN_NS: Final = 1000
# Loop lag belongs to a worker's loop, not to a workload.
NO_WORKLOAD: Final = -1


class KeyedHistogram(msgspec.Struct, frozen=True, array_like=True):
    """One histogram's delta; `workload` is an index into the plan's, NO_WORKLOAD for the loop lag."""

    metric: Metric
    stage: int
    workload: int
    sparse: SparseHistogram


class Gauges(msgspec.Struct, frozen=True):
    """A worker's state now; chunks and reads count from its start, with those of streams in flight.

    reserved: what the turns in flight may cost at most, where there is a budget. broke: its share of the budget would
    not have paid for another turn.
    """

    in_flight: int = 0
    sessions_active: int = 0
    chunks: int = 0
    reads: int = 0
    reserved: float = 0.0
    broke: bool = False


class CpuSample(msgspec.Struct, frozen=True, array_like=True):
    """The engine thread's share of one core over one second (0..1), and the stage it fell in (None: the drain)."""

    ratio: float
    stage: int | None


class SandboxUse(msgspec.Struct, frozen=True):
    """What code that models wrote took beside the engine: runs that ended, CPU seconds, seconds spent in line."""

    runs: int = 0
    cpu_s: float = 0.0
    queued_s: float = 0.0

    def __add__(self, other: "SandboxUse") -> "SandboxUse":
        return SandboxUse(self.runs + other.runs, self.cpu_s + other.cpu_s, self.queued_s + other.queued_s)

    def __sub__(self, other: "SandboxUse") -> "SandboxUse":
        return SandboxUse(self.runs - other.runs, self.cpu_s - other.cpu_s, self.queued_s - other.queued_s)


class SandboxSample(msgspec.Struct, frozen=True, array_like=True):
    """What sandboxes took in about a second, and the stage that this second ended in (None: the drain)."""

    use: SandboxUse
    stage: int | None


class Snapshot(msgspec.Struct, frozen=True):
    """One report of one worker. `seq` counts from 1; `at_s` is seconds from the run's start.

    final: the last one. records: one complete gzip member of JSON lines, or empty. scored: another, of the lines of
    turns whose answers a workload scored, all of them, however few `records` keeps.
    """

    run_id: str
    worker: str
    seq: int
    at_s: float
    final: bool
    gauges: Gauges
    counters: list[Counters]
    histograms: list[KeyedHistogram]
    cpu: list[CpuSample]
    records: bytes
    scored: bytes = b""
    sandboxes: list[SandboxSample] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as it travels (MessagePack)."""
    return _encoder.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """The snapshot of these bytes. Raises msgspec.DecodeError or msgspec.ValidationError for anything else."""
    return _decoder.decode(data)
