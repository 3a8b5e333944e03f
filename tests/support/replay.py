"""A server for transport tests: what it does with each connection is a coroutine that the test gives it.

It runs on the client's own loop, so that a test can wait for conditions on both sides and for nothing else.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvloop

PATIENCE_S = 20.0


def run(test: Coroutine[None, None, None]) -> None:
    """Run a test on a uvloop of its own, as the engine's; its end is bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await test

    uvloop.run(bounded())


async def until(condition: Callable[[], bool], what: str) -> None:
    """Let the loop turn until the condition holds."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, f"not within {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0)


class CountingClock:
    """The real clock, `ahead_ns` ahead of it, and every instant it gave."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.ahead_ns = 0

    def __call__(self) -> int:
        self.given.append(time.monotonic_ns() + self.ahead_ns)
        return self.given[-1]


@dataclass
class Peer:
    """The server's side of one connection; `number` counts from 0."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    bodies: list[bytes] = field(default_factory=list)

    async def request(self) -> bytes:
        """The next request's head; its body goes to `bodies`. Raises IncompleteReadError at the end."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.bodies.append(await self.reader.readexactly(length))
        return head

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def closed(self) -> None:
        """Wait for the client to close, whatever it sends until then."""
        try:
            while await self.reader.read(1 << 20):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Close with a reset at once."""
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


@dataclass
class ReplayServer:
    """A running server: where it listens, who came, and what its behaviour raised."""

    host: str
    port: int
    peers: list[Peer] = field(default_factory=list)
    ended: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def url(self, scheme: str = "http") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/v1"


@asynccontextmanager
async def serving(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ReplayServer]:
    """A server on a free port; when the block ends, every behaviour must have ended well."""
    replay = ReplayServer(host, 0)
    tasks: set[asyncio.Task[None]] = set()

    async def behave(peer: Peer) -> None:
        try:
            await behaviour(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client left, as it may
        except Exception as error:
            replay.errors.append(error)
        finally:
            replay.ended += 1
            peer.writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(replay.peers), reader, writer)
        replay.peers.append(peer)
        task = asyncio.get_running_loop().create_task(behave(peer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, host, 0, ssl=tls, backlog=4096, limit=1 << 24)
    replay.port = server.sockets[0].getsockname()[1]
    try:
        yield replay
        await until(lambda: replay.ended == len(replay.peers), "the client closes its connections")
        assert not replay.errors, replay.errors
    finally:
        for task in list(tasks):
            task.cancel()
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)
