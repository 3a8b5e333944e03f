"""The default transport: HTTP/1.1 as an asyncio Protocol parsed by httptools, with a keep-alive pool and TLS.

Its reason is the stamps. The time of a read is taken in `data_received` before anything else, so it does not depend
on when a coroutine wakes; the send time is taken as the bytes are handed to the socket. Measured against the
alternatives it costs a seventh of aiohttp a request (docs/benchmarks.md). It never interprets a body: the exchange's
timeline does, in bounded pieces.
"""

import asyncio
import os
import socket
import ssl
import time
from collections import deque
from typing import cast

import httptools

from loadgen.client.endpoint import Endpoint
from loadgen.client.exchange import Exchange, Failure
from loadgen.client.timeline import BodyTooLargeError, CorruptBodyError

# uvicorn closes idle connections after 5 s, a think time away: let go of them before it does.
IDLE_RETIRE_NS = 4_000_000_000
# Endless headers must not become endless memory.
MAX_HEAD_BYTES = 256 * 1024
# Bigger request bodies are written in pieces of this size, so that a 4 MB prompt does not hold up other streams.
WRITE_PIECE_BYTES = 128 * 1024
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


class _StaleConnectionError(Exception):
    """A reused connection was closed by the server before it answered: worth one more try on a new one."""


class _Connection(asyncio.Protocol):
    """One connection; at most one exchange at a time. Stamps reads, drives the parser, keeps the deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._now = 0
        self._last_read_ns = 0
        self._head_bytes = 0
        self._in_head = True
        self._framed = False
        self._reusable = False
        self._direct = True
        self.transport: asyncio.Transport | None = None
        self._fd = -1
        self.closed = False
        self.idle_since_ns = 0

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class
        self._direct = transport.get_extra_info("ssl_object") is None
        sock = transport.get_extra_info("socket")
        self._fd = sock.fileno()

    def data_received(self, data: bytes) -> None:
        self._now = self._last_read_ns = time.monotonic_ns()
        exchange = self._exchange
        if exchange is None:
            self.abort()  # an answer to nothing: this connection can't be trusted
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and exchange.status is None:
                self._fail(Failure("invalid_response", f"response headers of more than {MAX_HEAD_BYTES} bytes"))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._fail_callback(error.__context__ or error)
        except httptools.HttpParserError as error:
            self._fail(Failure("invalid_response", f"not HTTP/1.1: {error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        exchange = self._exchange
        if exchange is None:
            return
        now = time.monotonic_ns()
        if exchange.status is not None and not self._in_head and not self._framed and exc is None:
            exchange.end_ns = now  # a body without a length ends with the connection
            self._settle()
        elif self._head_bytes == 0 and self._reused:
            self._settle(_StaleConnectionError())
        else:
            told = "before the response" if self._head_bytes == 0 else "in the middle of the response"
            why = f" ({exc})" if exc else ""
            self._fail(Failure("truncated", f"connection closed {told}{why}"), now)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # -- what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        key = name.decode("latin-1").lower()
        exchange.headers[key] = value.decode("latin-1")
        if key in ("content-length", "transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._in_head = False
        exchange.status = status
        kind = exchange.headers.get("content-type", "")
        exchange.timeline.begin(
            streaming=200 <= status < 300 and kind.startswith("text/event-stream"),
            compressed=exchange.headers.get("content-encoding", "identity").lower() in _COMPRESSED,
        )

    def on_body(self, body: bytes) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.timeline.add(self._now, body)

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.status is None:  # 100 Continue and its like
            exchange.headers.clear()
            return
        exchange.end_ns = self._now
        self._reusable = self._framed and self._parser.should_keep_alive()
        self._settle()

    # -- what the pool calls

    async def perform(self, exchange: Exchange, head: bytes, *, reused: bool) -> None:
        """One request and its response on this connection. Raises _StaleConnectionError, CancelledError."""
        self._exchange = exchange
        self._reused = reused
        self._head_bytes = 0
        self._in_head = True
        self._framed = False
        self._reusable = False
        self._waiter = self._loop.create_future()
        if exchange.sent_ns is None:
            exchange.sent_ns = time.monotonic_ns()
        self._last_read_ns = exchange.sent_ns
        self._arm()
        try:
            if exchange.body is None:
                await self._write(head + b"\r\n")
            else:
                await self._write_request(head, exchange.body)
            await self._waiter
        except asyncio.CancelledError:
            self._exchange = None
            self.abort()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._waiter = None

    def abort(self) -> None:
        """Close at once, whatever is in flight."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on this connection."""
        return self._reusable and not self.closed and not self._paused

    # -- sending

    async def _write_request(self, head: bytes, body: object) -> None:
        parts: list[bytes] = list(body)  # type: ignore[call-overload]
        length = sum(map(len, parts))
        first = head + b"Content-Length: %d\r\n\r\n" % length
        if length <= WRITE_PIECE_BYTES:
            await self._write(first + b"".join(parts))
            return
        await self._write(first)
        piece = bytearray()
        for part in parts:
            view = memoryview(part)
            while view:
                room = WRITE_PIECE_BYTES - len(piece)
                piece += view[:room]
                view = view[room:]
                if len(piece) >= WRITE_PIECE_BYTES:
                    await self._write(bytes(piece))
                    piece.clear()
                    await asyncio.sleep(0)  # let other streams' reads in between
        if piece:
            await self._write(bytes(piece))

    async def _write(self, data: bytes) -> None:
        assert self.transport is not None
        if self.closed:
            return
        if self._direct and not self._paused and self.transport.get_write_buffer_size() == 0:
            # Straight to the socket: uvloop would queue it to the end of this loop turn, later than the send stamp.
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = 0  # the transport meets the same error and reports it
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(data)
        while self._paused and not self.closed:
            self._writable = self._loop.create_future()
            await self._writable

    # -- ending

    def _settle(self, error: Exception | None = None) -> None:
        waiter = self._waiter
        self._exchange = None
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _fail(self, failure: Failure, now: int | None = None) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.failure = failure
            exchange.end_ns = self._now if now is None else now
            self._settle()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self.abort()

    def _fail_callback(self, error: BaseException) -> None:
        if isinstance(error, BodyTooLargeError):
            self._fail(Failure("invalid_response", "an event or a reply of more than 64 MiB"))
        elif isinstance(error, CorruptBodyError):
            self._fail(Failure("invalid_response", f"corrupt compressed body: {error}"))
        else:
            raise error

    # -- deadlines: one timer an exchange, set to the earliest and looked at again when it fires

    def _arm(self) -> None:
        due = self._next_deadline()
        if due is not None:
            wait_s = max(0.0, (due[0] - time.monotonic_ns()) / 1e9)
            self._timer = self._loop.call_later(wait_s, self._check_deadline)

    def _next_deadline(self) -> tuple[int, str] | None:
        exchange = self._exchange
        if exchange is None or exchange.sent_ns is None:
            return None
        limits, sent = exchange.limits, exchange.sent_ns
        dues: list[tuple[int, str]] = []
        if limits.total_s is not None:
            dues.append((sent + int(limits.total_s * 1e9), f"no complete reply within {limits.total_s:g} s"))
        if limits.idle_s is not None:
            dues.append((self._last_read_ns + int(limits.idle_s * 1e9), f"nothing read for {limits.idle_s:g} s"))
        if limits.first_output_s is not None and exchange.timeline.first_output_ns is None:
            due = sent + int(limits.first_output_s * 1e9)
            dues.append((due, f"no output within {limits.first_output_s:g} s"))
        return min(dues, default=None)

    def _check_deadline(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        try:
            if exchange.timeline.streaming and exchange.limits.first_output_s is not None:
                exchange.timeline.digest()
        except (BodyTooLargeError, CorruptBodyError) as error:
            self._fail_callback(error)
            return
        due = self._next_deadline()
        now = time.monotonic_ns()
        if due is not None and due[0] <= now:
            self._fail(Failure("timeout", due[1]), now)
        else:
            self._arm()


class Http11Transport:
    """A pool of connections to one endpoint. Belongs to one event loop."""

    def __init__(self, endpoint: Endpoint, *, tls: ssl.SSLContext | None = None) -> None:
        """tls: the context for https; the default one verifies the server against the system's authorities."""
        self._endpoint = endpoint
        self._tls = (tls or ssl.create_default_context()) if endpoint.tls else None
        self._idle: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self._heads: dict[tuple[str, str], bytes] = {}
        self._address: str | None = None

    async def perform(self, exchange: Exchange) -> None:
        """See Transport.perform."""
        method = "GET" if exchange.body is None else "POST"
        head = self._heads.get((method, exchange.path))
        if head is None:
            head = self._heads[method, exchange.path] = self._endpoint.head(method, exchange.path)
        connection = self._take_idle()
        if connection is not None:
            try:
                await self._perform_on(connection, exchange, head, reused=True)
                return
            except _StaleConnectionError:
                exchange.reconnects += 1
        connection = await self._connect(exchange)
        if connection is not None:
            await self._perform_on(connection, exchange, head, reused=False)

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            connection.abort()
        self._open.clear()
        self._idle.clear()
        await asyncio.sleep(0)

    @property
    def open_connections(self) -> int:
        """Connections that are made and not closed, idle ones included."""
        return len(self._open)

    async def _perform_on(self, connection: _Connection, exchange: Exchange, head: bytes, *, reused: bool) -> None:
        try:
            await connection.perform(exchange, head, reused=reused)
        finally:
            if connection.reusable:
                connection.idle_since_ns = time.monotonic_ns()
                self._idle.append(connection)
            else:
                self._open.discard(connection)
                connection.abort()

    def _take_idle(self) -> _Connection | None:
        """The most recently used connection, so that the others grow old and are let go."""
        oldest = time.monotonic_ns() - IDLE_RETIRE_NS
        while self._idle and (self._idle[0].closed or self._idle[0].idle_since_ns < oldest):
            retired = self._idle.popleft()
            self._open.discard(retired)
            retired.abort()
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
            self._open.discard(connection)
        return None

    async def _connect(self, exchange: Exchange) -> _Connection | None:
        """A new connection, or None with the failure written into the exchange."""
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        started = time.monotonic_ns()
        try:
            async with asyncio.timeout(exchange.limits.connect_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop),
                    endpoint.host,
                    endpoint.port,
                    ssl=self._tls,
                    server_hostname=endpoint.host if self._tls else None,
                )
        except TimeoutError:
            failure = Failure("connect", f"no connection within {exchange.limits.connect_s:g} s")
        except ssl.SSLError as error:
            failure = Failure("tls", str(error))
        except (socket.gaierror, OSError, UnicodeError) as error:
            failure = Failure("connect", _reason(error))
        else:
            exchange.connect_ns = time.monotonic_ns() - started
            self._open.add(connection)
            return connection
        exchange.failure = failure
        exchange.end_ns = time.monotonic_ns()
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"the host name can't be resolved: {error.strerror}"
    return str(error) or type(error).__name__
