"""What worker and keeper say to each other: length-prefixed MessagePack over a socket pair."""

import struct
from typing import Final

import msgspec

from loadgen.sandbox.model import Job, Outcome

_LENGTH = struct.Struct("!I")
LENGTH_BYTES: Final = _LENGTH.size


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """A job for the keeper. Without one: forget the job of that number."""

    number: int
    job: Job | None = None


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What came of a job, or why nothing did."""

    number: int
    outcome: Outcome | None = None
    problem: str = ""


_encoder = msgspec.msgpack.Encoder()


def frame(message: Ask | Answer) -> bytes:
    """A message with its length before it."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def length_of(prefix: bytes | bytearray) -> int:
    """How long the message after this prefix is."""
    (length,) = _LENGTH.unpack_from(prefix)
    return int(length)
