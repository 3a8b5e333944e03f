"""The messages between master and workers, over Locust's own channel.

All carry bytes (MessagePack of the engine's order structs, or an encoded snapshot), so that Locust's serialiser has
nothing to convert. They go as messages of their own rather than inside Locust's reports, so that a snapshot leaves
within a loop turn of being encoded and the last one is its own acknowledgement.
"""

from typing import Final

import msgspec

# master -> worker
PREPARE: Final = "loadgen_prepare"
START: Final = "loadgen_start"
DEAL: Final = "loadgen_deal"
DRAIN: Final = "loadgen_drain"
# worker -> master
HELLO: Final = "loadgen_hello"
READY: Final = "loadgen_ready"
SNAPSHOT: Final = "loadgen_snapshot"
EXHAUSTED: Final = "loadgen_exhausted"
BUG: Final = "loadgen_bug"


class Ready(msgspec.Struct, frozen=True):
    """A worker's answer to PREPARE; error is the text for the user where it can't run this, and exit_code its code."""

    run_id: str
    error: str | None = None
    exit_code: int = 0


class Hello(msgspec.Struct, frozen=True):
    """A worker has registered its listeners: only now does it hear what is sent to it."""

    version: str


class Note(msgspec.Struct, frozen=True):
    """EXHAUSTED and BUG: which run, and for a bug what broke (a traceback's text)."""

    run_id: str
    text: str = ""


def pack(message: msgspec.Struct) -> bytes:
    """A message's bytes."""
    return msgspec.msgpack.encode(message)
