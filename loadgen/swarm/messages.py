"""The messages between master and workers, over Locust's own channel.

All carry bytes (MessagePack of the engine's order structs, or an encoded snapshot), so that Locust's serialiser has
nothing to convert. They go as messages of their own rather than inside Locust's reports, so that a snapshot leaves
within a loop turn of being encoded and the last one is its own acknowledgement.
"""

from typing import Final

import msgspec

from loadgen.errors import ExitCode

# master -> worker
PREPARE: Final = "loadgen_prepare"
START: Final = "loadgen_start"
DEAL: Final = "loadgen_deal"
DRAIN: Final = "loadgen_drain"
TICK: Final = "loadgen_tick"
REFUSE: Final = "loadgen_refuse"
# worker -> master
HELLO: Final = "loadgen_hello"
READY: Final = "loadgen_ready"
SNAPSHOT: Final = "loadgen_snapshot"
EXHAUSTED: Final = "loadgen_exhausted"
BUG: Final = "loadgen_bug"
TOCK: Final = "loadgen_tock"
LEAVING: Final = "loadgen_leaving"
RETURNED: Final = "loadgen_returned"

# What a worker sends in the course of a run, and the run's conductor hears.
OF_A_RUN: Final = (READY, SNAPSHOT, EXHAUSTED, BUG, TOCK, LEAVING, RETURNED)


class Ready(msgspec.Struct, frozen=True):
    """A worker's answer to PREPARE; error is the text for the user where it can't run this, and exit_code its code.

    notes: what the user should know of what it will send, for the run's notes.
    """

    run_id: str
    error: str | None = None
    exit_code: int = 0
    notes: tuple[str, ...] = ()


class Hello(msgspec.Struct, frozen=True):
    """A worker has registered its listeners: only now does it hear what is sent to it."""

    version: str


class Note(msgspec.Struct, frozen=True):
    """EXHAUSTED, LEAVING, BUG and REFUSE: which run, and where there is something to say, the text.

    exit_code: of a BUG, which is none of ours where the text is for the user (a recording that was changed).
    """

    run_id: str
    text: str = ""
    exit_code: int = ExitCode.BUG


class Tick(msgspec.Struct, frozen=True):
    """TICK: what is your wall clock? asked_ns: the master's own, in ns since the epoch."""

    run_id: str
    asked_ns: int


class Tock(msgspec.Struct, frozen=True):
    """TOCK: the answer to a Tick, with its asked_ns and the worker's own wall clock."""

    run_id: str
    asked_ns: int
    worker_ns: int


class Returned(msgspec.Struct, frozen=True):
    """RETURNED: the master is heard again; from let_go_s on (seconds from the run's start) no arrival was played."""

    run_id: str
    let_go_s: float


def pack(message: msgspec.Struct) -> bytes:
    """A message's bytes."""
    return msgspec.msgpack.encode(message)
