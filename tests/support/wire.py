"""The wire fixtures, and a connection fed with them byte for byte, without sockets and under a clock of our own."""

import asyncio
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadgen.client.connection import Connection
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted, interpret

_FOLDER = Path(__file__).parent.parent / "wire"
NO_LIMITS = Limits(connect_s=None, total_s=None)
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


@dataclass(frozen=True)
class Fixture:
    """A response as bytes, and what must be made of it (see tests/wire/README.md)."""

    name: str
    raw: bytes
    want: dict[str, Any]

    @property
    def closes(self) -> bool:
        return bool(self.want.get("closes", False))

    def line_end(self, marker: str) -> int:
        """The offset of the byte that ends the line with `marker` in it."""
        found = re.compile(rb"[\r\n]").search(self.raw, self.raw.index(marker.encode()))
        assert found is not None
        return found.start()


def fixtures() -> list[Fixture]:
    return [
        Fixture(path.stem, path.with_suffix(".http").read_bytes(), tomllib.loads(path.read_text()))
        for path in sorted(_FOLDER.glob("*.toml"))
    ]


def fixture(name: str) -> Fixture:
    return next(one for one in fixtures() if one.name == name)


class FakeTransport(asyncio.Transport):
    """Takes what is written; says whether it was aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self  # an SSL object, so that the connection writes through this transport; and a socket

    def fileno(self) -> int:
        return -1

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True


class SetClock:
    """A clock that stands still until it is set, ns."""

    def __init__(self, now: int = 1) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass
class Wire:
    """A connection with one exchange under way on it; read number k (from 0) is stamped 1000 * (k + 1) ns."""

    loop: asyncio.AbstractEventLoop
    exchange: Exchange = field(default_factory=lambda: Exchange("/chat/completions", [b"{}"], NO_LIMITS))
    clock: SetClock = field(default_factory=SetClock)
    open: set[Connection] = field(default_factory=set)
    reads: int = 0

    def __post_init__(self) -> None:
        self.connection = Connection(self.loop, self.clock, self.open)
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)
        self.start(self.exchange)

    def start(self, exchange: Exchange, *, reused: bool = False) -> None:
        """Send a request; steps the coroutine by hand, so that no loop has to run."""
        self.exchange = exchange
        self._performing = self.connection.perform(exchange, HEAD, reused=reused)
        self._performing.send(None)

    def read(self, data: bytes) -> None:
        self.reads += 1
        self.clock.now = 1000 * self.reads
        self.connection.data_received(data)

    def lose(self, error: Exception | None = None) -> None:
        self.clock.now += 1000
        self.connection.connection_lost(error)

    def result(self) -> bool:
        """What `perform` returns, which must have nothing left to wait for."""
        try:
            self._performing.send(None)
        except StopIteration as done:
            return bool(done.value)
        raise AssertionError("the exchange is not over")


@dataclass(frozen=True)
class Played:
    """What was made of a fixture."""

    exchange: Exchange
    seen: Interpreted
    reusable: bool

    def facts(self) -> tuple[object, ...]:
        """All that may not depend on where the reads were cut."""
        timeline, seen = self.exchange.timeline, self.seen
        return (
            *(seen.outcome, seen.error, seen.reply),
            *(self.exchange.status, timeline.streaming, len(timeline.chunk_stamps), timeline.reasoning_streamed),
            *(self.exchange.reconnects, self.reusable),
        )

    def stamps(self) -> tuple[list[int], int | None, int | None]:
        timeline = self.exchange.timeline
        return timeline.chunk_stamps, timeline.first_output_ns, timeline.first_answer_ns


def play(loop: asyncio.AbstractEventLoop, raw: bytes, cuts: Sequence[int], *, closes: bool) -> Played:
    """A response in reads that end at the offsets `cuts` and at its end."""
    wire = Wire(loop)
    ends = [*cuts, len(raw)]
    for start, end in zip([0, *cuts], ends, strict=True):
        if wire.transport.aborted:
            break
        wire.read(raw[start:end])
    if closes and not wire.transport.aborted:
        wire.lose()
    assert wire.result()
    return Played(wire.exchange, interpret(wire.exchange), wire.connection.reusable)
