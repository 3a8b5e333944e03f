"""What worker and keeper say to each other: length-prefixed MessagePack over a socket pair."""

import struct
from pathlib import Path
from typing import Final

import msgspec

from loadgen.sandbox.model import Job, Limits, Outcome

_LENGTH = struct.Struct("!I")
LENGTH_BYTES: Final = _LENGTH.size


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """A job for the keeper; tree as a path or as files. Without a command: forget the job of that number."""

    number: int
    tree: str | dict[str, bytes] = ""
    command: tuple[str, ...] = ()
    limits: Limits = Limits()
    collect: tuple[str, ...] = ()
    aside: dict[str, bytes] = {}
    stdin: bytes = b""
    report: bool = False

    @property
    def job(self) -> Job:
        """The job; its tree is a path or the files."""
        tree = Path(self.tree) if isinstance(self.tree, str) else self.tree
        return Job(tree, self.command, self.limits, self.collect, self.aside, self.stdin, self.report)


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What came of a job, or why nothing did."""

    number: int
    outcome: Outcome | None = None
    problem: str = ""


_encoder = msgspec.msgpack.Encoder()


def ask(number: int, job: Job) -> bytes:
    """A job as it travels."""
    tree = str(job.tree) if isinstance(job.tree, Path) else job.tree
    return frame(Ask(number, tree, job.command, job.limits, job.collect, job.aside, job.stdin, job.report))


def frame(message: Ask | Answer) -> bytes:
    """A message with its length before it."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def length_of(prefix: bytes | bytearray) -> int:
    """How long the message after this prefix is."""
    (length,) = _LENGTH.unpack_from(prefix)
    return int(length)
