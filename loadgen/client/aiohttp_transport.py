"""The second transport: aiohttp through its public API, for proxies and for servers that the first can't talk to.

What sets its figures apart: a read is stamped when the coroutine that waits for it wakes, not when the socket was read,
so on a busy loop stamps come late and several chunks share one. Whoever reads the figures is told
(`run.transport` in the summary). Outcome classes, limits and their words are those of http11.py;
tests/unit/client/test_differential.py holds the two against each other.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from loadgen.client.aiohttp_failures import connect_failure, is_stale, reply_failure
from loadgen.client.body import BodyTooLargeError, CorruptBodyError
from loadgen.client.connection import MAX_HEAD_BYTES, WRITE_PIECE_BYTES, failure_of, in_pieces
from loadgen.client.deadline import next_deadline_ns, overdue
from loadgen.client.endpoint import Endpoint
from loadgen.client.exchange import Exchange, Failure
from loadgen.client.http11 import IDLE_RETIRE_NS

# Where a body's framing breaks in mid-stream, aiohttp closes the connection and tells nobody: whoever reads would wait
# for ever. So it is looked at now and then, and given up when two looks in a row find it closed with nothing read.
_LOOK_S = 0.5
# aiohttp stops reading from the socket at twice as many bytes that no coroutine has taken yet.
_READ_BUFFER_BYTES = 256 * 1024


class _StaleError(Exception):
    """A connection from the pool turned out to be closed before any byte of a response."""


@dataclass(slots=True, eq=False)
class _Sending:
    """One attempt to send an exchange, as aiohttp's traces tell of it."""

    exchange: Exchange
    now_ns: Callable[[], int]
    patience: "_Patience"
    dialled_ns: int = 0
    reused: bool = False
    whole: bool = True

    def began(self) -> None:
        """The first bytes are about to be handed to the socket."""
        now = self.now_ns()
        self.patience.active_ns = now
        if self.exchange.sent_ns is None:
            self.exchange.sent_ns = now
        self.patience.arm()


@dataclass(slots=True, eq=False)
class _Patience:
    """Keeps an exchange's limits: ends its `asyncio.timeout` when the earliest of them is over."""

    exchange: Exchange
    now_ns: Callable[[], int]
    timeout: asyncio.Timeout
    active_ns: int = 0
    failure: Failure | None = None
    problem: Exception | None = None
    response: aiohttp.ClientResponse | None = None
    _found_closed_ns: int | None = None
    _timer: asyncio.TimerHandle | None = field(default=None)

    def arm(self) -> None:
        """Look again when the earliest limit is due, or the connection is to be looked at."""
        self.stop()
        due_ns = next_deadline_ns(self.exchange, self.active_ns)
        waits = [] if due_ns is None else [max(0.0, (due_ns - self.now_ns()) / 1e9)]
        if self.response is not None:
            waits.append(_LOOK_S)
        if waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._check)

    def stop(self) -> None:
        """No more looks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        exchange = self.exchange
        if exchange.timeline.streaming and exchange.limits.first_output_s is not None:
            try:
                exchange.timeline.digest()
            except (BodyTooLargeError, CorruptBodyError) as error:
                self.failure = failure_of(error)
            except Exception as error:
                self.problem = error
        passed = overdue(exchange, self.active_ns, self.now_ns())
        if passed is not None:
            self.failure = self.failure or Failure("timeout", passed)
        elif self.failure is None and self._given_up():
            self.failure = Failure("invalid_response", "not HTTP/1.1: the body can't be told apart any more")
            exchange.end_ns = self.active_ns
        if self.failure is None and self.problem is None:
            self.arm()
        elif not self.timeout.expired():
            self.timeout.reschedule(asyncio.get_running_loop().time())

    def _given_up(self) -> bool:
        """Whether the connection is closed and was so, with as much read, at the look before."""
        if self.response is None or self.response.content.at_eof():
            return False
        connection = self.response.connection
        transport = connection.transport if connection is not None else None
        if transport is not None and not transport.is_closing():
            return False
        before, self._found_closed_ns = self._found_closed_ns, self.active_ns
        return before == self.active_ns


class AiohttpTransport:
    """A pool of aiohttp's connections to one endpoint. Belongs to one event loop, in which it must be closed."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """As for Http11Transport. proxy: the URL of an HTTP proxy, perhaps with its user part."""
        self._endpoint = endpoint
        self._tls = tls or (ssl.create_default_context() if endpoint.tls else None)
        self._proxy = URL(proxy) if proxy is not None else None
        self._now_ns = now_ns
        self._secrets = endpoint.secrets.with_url(proxy)
        self._pooled: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def perform(self, exchange: Exchange) -> None:
        """See Transport.perform."""
        exchange.secrets = self._secrets
        if self._pooled is None or self._fresh is None:
            self._pooled, self._fresh = self._session(force_close=False), self._session(force_close=True)
        try:
            await self._within_limits(self._pooled, exchange)
        except _StaleError:
            # Once more, on a connection that is surely new: the pool's next one may be as old.
            exchange.reconnects += 1
            await self._within_limits(self._fresh, exchange)

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._pooled, self._fresh):
            if session is not None:
                await session.close()
        self._pooled = self._fresh = None

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        kept: dict[str, Any] = {} if force_close else {"keepalive_timeout": IDLE_RETIRE_NS / 1e9}
        connector = aiohttp.TCPConnector(
            limit=0, ssl=self._tls if self._tls is not None else True, force_close=force_close, **kept
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._endpoint.headers,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER_BYTES,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            trace_configs=[_traces()],
        )

    async def _within_limits(self, session: aiohttp.ClientSession, exchange: Exchange) -> None:
        """One attempt under the exchange's limits. Raises _StaleError, and CancelledError."""
        timeout = asyncio.timeout(None)
        patience = _Patience(exchange, self._now_ns, timeout)
        sending = _Sending(exchange, self._now_ns, patience)
        failure: Failure | None = None
        try:
            async with timeout:
                failure = await self._attempt(session, sending)
        except TimeoutError:
            if patience.problem is not None:
                raise patience.problem from None
            failure = patience.failure
        finally:
            patience.stop()
        if failure is not None:
            exchange.failure = failure
        if exchange.end_ns is None:
            exchange.end_ns = self._now_ns()

    async def _attempt(self, session: aiohttp.ClientSession, sending: _Sending) -> Failure | None:
        """Send and receive; what went wrong. Raises _StaleError, CancelledError."""
        exchange = sending.exchange
        try:
            response = await self._request(session, sending)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if sending.patience.active_ns == 0:
                return connect_failure(error, exchange.limits.connect_s, tls=self._endpoint.tls)
            if sending.reused and is_stale(error):
                raise _StaleError from None
            return reply_failure(error, started=False)
        try:
            return await self._read(response, sending)
        finally:
            # A body that ended with the connection, or a request that is not all sent: nothing may follow on it.
            if not (response.content.at_eof() and sending.whole and exchange.end_ns is not None):
                response.close()
            response.release()

    async def _request(self, session: aiohttp.ClientSession, sending: _Sending) -> aiohttp.ClientResponse:
        exchange = sending.exchange
        data: bytes | AsyncIterator[bytes] | None = None
        headers = {}
        if exchange.body is not None:
            length = sum(map(len, exchange.body))
            headers["Content-Length"] = str(length)
            data = b"".join(exchange.body) if length <= WRITE_PIECE_BYTES else _sent_in_pieces(exchange.body, sending)
        sending.dialled_ns = self._now_ns()
        return await session.request(
            "GET" if exchange.body is None else "POST",
            URL(self._endpoint.url + exchange.path, encoded=True),
            data=data,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
            # The limits are kept here; aiohttp rounds timeouts above the threshold up to whole seconds.
            timeout=aiohttp.ClientTimeout(total=None, connect=exchange.limits.connect_s, ceil_threshold=1e9),
            trace_request_ctx=sending,
        )

    async def _read(self, response: aiohttp.ClientResponse, sending: _Sending) -> Failure | None:
        exchange, patience = sending.exchange, sending.patience
        patience.active_ns = self._now_ns()
        exchange.headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status == 101:
            exchange.end_ns = patience.active_ns
            return Failure("invalid_response", "the server switches to another protocol")
        exchange.begin_body(response.status)
        patience.response = response
        patience.arm()
        content = response.content
        timeline = exchange.timeline
        try:
            while piece := await content.readany():
                patience.active_ns = self._now_ns()
                timeline.add(patience.active_ns, piece)
            exchange.end_ns = patience.active_ns
        except (BodyTooLargeError, CorruptBodyError) as error:
            return failure_of(error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return reply_failure(error, started=True)
        return None


async def _sent_in_pieces(body: Sequence[bytes], sending: _Sending) -> AsyncIterator[bytes]:
    sending.whole = False
    for piece in in_pieces(body):
        yield piece
        # aiohttp's writer pauses only where the socket is full: let other streams' reads in between.
        await asyncio.sleep(0)
    sending.whole = True


def _traces() -> aiohttp.TraceConfig:
    traces = aiohttp.TraceConfig()

    async def connected(session: object, context: SimpleNamespace, params: object) -> None:  # noqa: ARG001
        sending: _Sending = context.trace_request_ctx
        sending.exchange.connect_ns = sending.now_ns() - sending.dialled_ns

    async def reused(session: object, context: SimpleNamespace, params: object) -> None:  # noqa: ARG001
        context.trace_request_ctx.reused = True

    async def head_ready(session: object, context: SimpleNamespace, params: object) -> None:  # noqa: ARG001
        # A request without a body is written next, in the same step; one with a body together with its first piece.
        sending: _Sending = context.trace_request_ctx
        if not sending.exchange.body:
            sending.began()

    async def piece_ready(session: object, context: SimpleNamespace, params: object) -> None:  # noqa: ARG001
        sending: _Sending = context.trace_request_ctx
        if sending.patience.active_ns == 0:
            sending.began()

    traces.on_connection_create_end.append(connected)
    traces.on_connection_reuseconn.append(reused)
    traces.on_request_headers_sent.append(head_ready)
    traces.on_request_chunk_sent.append(piece_ready)
    return traces
