"""An HTTP proxy for transport tests: forwards absolute URLs, tunnels CONNECT, writes down what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """A running proxy; `refuses` makes it answer that status instead."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    refuses: bytes | None = None

    def url(self, user_part: str = "") -> str:
        return f"http://{user_part}127.0.0.1:{self.port}"


@asynccontextmanager
async def proxying(refuses: bytes | None = None) -> AsyncIterator[Proxy]:
    """A proxy on a free port of the running loop."""
    proxy = Proxy(refuses=refuses)
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.heads.append(head)
        if proxy.refuses is not None:
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % proxy.refuses)
            writer.close()
            return
        method, target, rest = head.split(b" ", 2)
        tunnel = method == b"CONNECT"
        parts = urlsplit(("//" if tunnel else "") + target.decode())
        assert parts.hostname is not None
        upstream_reader, upstream = await asyncio.open_connection(parts.hostname, parts.port)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream.write(b" ".join([method, parts.path.encode(), rest]))
        await asyncio.gather(_pump(reader, upstream), _pump(upstream_reader, writer))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(relay(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    finally:
        writer.close()
