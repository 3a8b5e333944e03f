"""The default transport: a keep-alive pool of HTTP/1.1 connections to one endpoint, plain or TLS.

Why our own and not a library's: the stamps, and the price. Measured against the alternatives it costs a seventh of
aiohttp a request (docs/benchmarks.md). What happens on a connection is connection.py's business; here it is made,
kept and let go.
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable

from loadgen.client.connection import Connection
from loadgen.client.endpoint import Endpoint
from loadgen.client.exchange import Exchange, Failure

# uvicorn closes idle connections after 5 s, a think time away: let go of them before it does.
IDLE_RETIRE_NS = 4_000_000_000


class Http11Transport:
    """A pool of connections to one endpoint. Belongs to one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tls: ssl.SSLContext | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """tls: the context for https; the default one verifies the server against the system's authorities.

        now_ns: the clock of every stamp and of idle connections.
        """
        self._endpoint = endpoint
        self._tls = (tls or ssl.create_default_context()) if endpoint.tls else None
        self._now_ns = now_ns
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._heads: dict[tuple[str, str], bytes] = {}

    async def perform(self, exchange: Exchange) -> None:
        """See Transport.perform."""
        exchange.secrets = self._endpoint.secrets
        method = "GET" if exchange.body is None else "POST"
        head = self._heads.get((method, exchange.path))
        if head is None:
            head = self._heads[method, exchange.path] = self._endpoint.head(method, exchange.path)
        connection = self._take_idle()
        if connection is not None:
            if await self._perform_on(connection, exchange, head, reused=True):
                return
            exchange.reconnects += 1
        connection = await self._connect(exchange)
        if connection is not None:
            await self._perform_on(connection, exchange, head, reused=False)

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)

    @property
    def open_connections(self) -> int:
        """Connections that are made and not closed, idle ones included."""
        return len(self._open)

    async def _perform_on(self, connection: Connection, exchange: Exchange, head: bytes, *, reused: bool) -> bool:
        try:
            return await connection.perform(exchange, head, reused=reused)
        finally:
            if connection.reusable:
                connection.idle_since_ns = self._now_ns()
                self._idle.append(connection)
            else:
                connection.abort()

    def _take_idle(self) -> Connection | None:
        """The most recently used connection, so that the others grow old and are let go."""
        idle = self._idle
        oldest = self._now_ns() - IDLE_RETIRE_NS
        while idle and (idle[0].closed or idle[0].idle_since_ns < oldest):
            idle.popleft().abort()
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _connect(self, exchange: Exchange) -> Connection | None:
        """A new connection, or None with the failure written into the exchange."""
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        connection = Connection(loop, self._now_ns, self._open)
        started = self._now_ns()
        try:
            async with asyncio.timeout(exchange.limits.connect_s) as patience:
                await loop.create_connection(
                    lambda: connection,
                    endpoint.host,
                    endpoint.port,
                    ssl=self._tls,
                    server_hostname=endpoint.host if self._tls else None,
                )
        except (OSError, UnicodeError) as error:
            failure = self._connect_failure(error, exchange.limits.connect_s if patience.expired() else None)
        except asyncio.CancelledError:
            connection.abort()
            raise
        else:
            exchange.connect_ns = self._now_ns() - started
            return connection
        connection.abort()  # it may have been made in the very moment that patience ended
        exchange.failure = failure
        exchange.end_ns = self._now_ns()
        return None

    def _connect_failure(self, error: Exception, waited_s: float | None) -> Failure:
        if waited_s is not None:
            return Failure("connect", f"no connection within {waited_s:g} s")
        if isinstance(error, ssl.SSLError):
            return Failure("tls", str(error))
        if self._tls is not None and isinstance(error, (ConnectionResetError, ConnectionAbortedError)):
            return Failure("tls", f"connection closed in the TLS handshake ({error})")
        return Failure("connect", reason(error))


def reason(error: Exception) -> str:
    """Why a connection could not be made, in words."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"the host name can't be resolved: {error.strerror}"
    return str(error) or type(error).__name__
