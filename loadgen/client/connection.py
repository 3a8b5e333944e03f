"""One HTTP/1.1 connection as an asyncio Protocol parsed by httptools: where every stamp is taken.

The time of a read is taken in `data_received` before anything else, so it does not depend on when a coroutine wakes;
the send time is taken as the bytes are handed to the socket. Called by the pool in http11.py, one exchange at a time.
It never interprets a body: the exchange's timeline does, in bounded pieces.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import httptools

from loadgen.client.body import BodyTooLargeError, CorruptBodyError
from loadgen.client.deadline import next_deadline_ns, overdue
from loadgen.client.exchange import Exchange, Failure

# Endless headers (or trailers, or chunk extensions) must not become endless memory, nor hold a turn for ever.
MAX_HEAD_BYTES = 256 * 1024
# Bigger request bodies are written in pieces of this size, so that a 4 MB prompt does not hold up other streams.
WRITE_PIECE_BYTES = 128 * 1024


class _SurplusResponseError(Exception):
    """More than one response came to one request."""


class Connection(asyncio.Protocol):
    """One connection; at most one exchange at a time. Stamps reads, drives the parser, keeps the deadline."""

    __slots__ = (
        "_complete",
        "_direct",
        "_exchange",
        "_fd",
        "_feed",
        "_framed",
        "_loop",
        "_now_ns",
        "_open",
        "_parser",
        "_paused",
        "_pieces",
        "_quiet_bytes",
        "_read_ns",
        "_reads_seen",
        "_request_sent",
        "_reusable",
        "_reused",
        "_started_ns",
        "_timer",
        "_timer_due_ns",
        "_waiter",
        "_writable",
        "closed",
        "idle_since_ns",
        "on_body",
        "transport",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, now_ns: Callable[[], int], open_connections: "set[Connection]"
    ) -> None:
        """now_ns: the clock of every stamp. open_connections: what this connection is in for as long as it is open."""
        self._loop = loop
        self._now_ns = now_ns
        self._open = open_connections
        # The parser appends body bytes to this list itself: no Python frame a chunk, one look at it a read.
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser: Any = httptools.HttpResponseParser(self)
        self._feed: Callable[[bytes], object] = self._parser.feed_data
        self._exchange: Exchange | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_ns = 0
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._started_ns = 0
        self._read_ns = 0
        self._quiet_bytes = 0
        self._reads_seen = 0
        self._reused = False
        self._request_sent = False
        self._complete = False
        self._framed = False
        self._reusable = False
        self._direct = False
        self._fd = -1
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self.idle_since_ns = 0

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class
        self._direct = transport.get_extra_info("ssl_object") is None
        self._fd = transport.get_extra_info("socket").fileno()
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        now = self._read_ns = self._now_ns()
        exchange = self._exchange
        if exchange is None:
            self.abort()  # an answer to nothing: this connection can't be trusted
            return
        pieces = self._pieces
        try:
            self._feed(data)
            if pieces:
                exchange.timeline.add(now, pieces[0] if len(pieces) == 1 else b"".join(pieces))
                pieces.clear()
            else:
                self._count_quiet(exchange, len(data))
        except Exception as error:
            self._give_up(exchange, error)
            return
        if self._complete:
            self._finish(exchange)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        exchange = self._exchange
        if exchange is not None:
            now = self._now_ns()
            if exchange.status is not None and not self._framed and exc is None:
                exchange.end_ns = now  # a body without a length ends with the connection
                self._settle(answered=True)
            elif self._reused and not self._read_ns:
                self._settle(answered=False)
            else:
                told = "in the middle of the response" if self._read_ns else "before the response"
                why = f" ({exc})" if exc else ""
                self._fail(Failure("truncated", f"connection closed {told}{why}"), now)
        # Parser and connection refer to each other; parted, they need no garbage collector.
        self._parser = None
        self._feed = _nothing

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake_writer()

    # -- what the parser calls

    def on_message_begin(self) -> None:
        if self._complete:
            raise _SurplusResponseError

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        if exchange.status is not None:
            return  # a trailer
        key = name.decode("latin-1").lower()
        exchange.headers[key] = value.decode("latin-1")
        if key in ("content-length", "transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        status = self._parser.get_status_code()
        if status >= 200:
            exchange.begin_body(status)

    def on_message_complete(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        if exchange.status is None:  # 100 Continue and its like
            exchange.headers.clear()
            self._framed = False
            return
        self._complete = True
        self._reusable = self._framed and self._request_sent and bool(self._parser.should_keep_alive())

    # -- what the pool calls

    async def perform(self, exchange: Exchange, head: bytes, *, reused: bool) -> bool:
        """One request and its response on this connection.

        False where a reused connection turned out to be closed before any byte of a response: worth one more try on
        a new one. Raises CancelledError, after closing the connection.
        """
        self._exchange = exchange
        self._reused = reused
        self._read_ns = self._quiet_bytes = self._reads_seen = 0
        self._request_sent = self._complete = self._framed = self._reusable = False
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        try:
            await self._send(exchange, head, waiter)
            return await waiter
        except asyncio.CancelledError:
            self._exchange = None
            self.abort()
            raise
        finally:
            self._waiter = None

    def abort(self) -> None:
        """Close at once, whatever is in flight."""
        self.closed = True
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None:
            self.transport.abort()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on this connection."""
        return self._reusable and not self.closed and not self._paused

    # -- sending

    async def _send(self, exchange: Exchange, head: bytes, waiter: asyncio.Future[bool]) -> None:
        body = exchange.body
        later: Sequence[bytes] = ()
        if body is None:
            first = head + b"\r\n"
        else:
            length = sum(map(len, body))
            first = head + b"Content-Length: %d\r\n\r\n" % length
            if length <= WRITE_PIECE_BYTES:
                first += b"".join(body)
            else:
                later = body
        self._started_ns = self._now_ns()
        if exchange.sent_ns is None:
            exchange.sent_ns = self._started_ns
        self._hand_over(first)
        self._arm(exchange)
        for piece in in_pieces(later):
            # Let other streams' reads in between; an early answer or a failure ends the sending.
            await asyncio.sleep(0)
            while self._paused and not waiter.done():
                self._writable = self._loop.create_future()
                await self._writable
            if waiter.done():
                return
            self._hand_over(piece)
        self._request_sent = True

    def _hand_over(self, data: bytes) -> None:
        assert self.transport is not None
        if self.closed:
            return
        if self._direct and not self._paused and self.transport.get_write_buffer_size() == 0:
            # Straight to the socket: uvloop would queue it to the end of this loop turn, later than the send stamp.
            try:
                sent = os.write(self._fd, data)
            except OSError:
                sent = 0  # not writable now; or an error, which the transport meets too and reports
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(data)

    def _wake_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # -- ending

    def _count_quiet(self, exchange: Exchange, size: int) -> None:
        """Bound what may come without any body in it."""
        reads = exchange.timeline.reads
        if reads != self._reads_seen:
            self._reads_seen = reads
            self._quiet_bytes = 0
        self._quiet_bytes += size
        if self._quiet_bytes > MAX_HEAD_BYTES:
            self._fail(Failure("invalid_response", f"response headers of more than {MAX_HEAD_BYTES} bytes"))

    def _finish(self, exchange: Exchange) -> None:
        if exchange is self._exchange:
            exchange.end_ns = self._read_ns
            self._settle(answered=True)

    def _settle(self, *, answered: bool) -> None:
        waiter = self._waiter
        self._exchange = None
        if waiter is not None and not waiter.done():
            waiter.set_result(answered)
        self._wake_writer()

    def _fail(self, failure: Failure, now: int | None = None) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.failure = failure
            exchange.end_ns = self._read_ns if now is None else now
            self._settle(answered=True)
        self.abort()

    def _give_up(self, exchange: Exchange, error: Exception) -> None:
        """The read could not be taken: by the parser, by the timeline, or because of a bug of ours."""
        problem = error
        if isinstance(error, httptools.HttpParserCallbackError) and isinstance(error.__context__, Exception):
            problem = error.__context__
        if self._pieces and isinstance(error, (httptools.HttpParserError, httptools.HttpParserUpgrade)):
            whole, self._pieces[:] = b"".join(self._pieces), []
            try:
                exchange.timeline.add(self._read_ns, whole)
            except (BodyTooLargeError, CorruptBodyError) as worse:
                problem = worse
        if self._complete and isinstance(problem, (httptools.HttpParserError, _SurplusResponseError)):
            self._reusable = False  # the response is whole; what follows it is not our answer
            self._finish(exchange)
            self.abort()
            return
        failure = failure_of(problem)
        if failure is not None:
            self._fail(failure)
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(problem)
        self._exchange = None
        self.abort()

    # -- deadlines: one timer a connection, looked at again when it fires. A later exchange's deadline is later too, so
    # the timer of the one before mostly serves: setting and cancelling one for each costs 4 µs.

    def _arm(self, exchange: Exchange) -> None:
        due_ns = next_deadline_ns(exchange, self._read_ns or self._started_ns)
        if due_ns is None or (self._timer is not None and self._timer_due_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_ns = due_ns
        self._timer = self._loop.call_later(max(0.0, (due_ns - self._now_ns()) / 1e9), self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.timeline.streaming and exchange.limits.first_output_s is not None:
            try:
                exchange.timeline.digest()
            except Exception as error:
                self._give_up(exchange, error)
                return
        now = self._now_ns()
        passed = overdue(exchange, self._read_ns or self._started_ns, now)
        if passed is not None:
            self._fail(Failure("timeout", passed), now)
        else:
            self._arm(exchange)


def failure_of(error: Exception) -> Failure | None:
    """What a server did wrong; None for an error that is no server's."""
    if isinstance(error, BodyTooLargeError):
        return Failure("invalid_response", str(error))
    if isinstance(error, CorruptBodyError):
        return Failure("invalid_response", f"corrupt compressed body: {error}")
    if isinstance(error, httptools.HttpParserUpgrade):
        return Failure("invalid_response", "the server switches to another protocol")
    if isinstance(error, httptools.HttpParserError) and not isinstance(error, httptools.HttpParserCallbackError):
        return Failure("invalid_response", f"not HTTP/1.1: {error}")
    return None


def in_pieces(parts: Sequence[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of WRITE_PIECE_BYTES."""
    piece = bytearray()
    for part in parts:
        view = memoryview(part)
        while view:
            room = WRITE_PIECE_BYTES - len(piece)
            piece += view[:room]
            view = view[room:]
            if len(piece) == WRITE_PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    if piece:
        yield bytes(piece)


def _nothing(_data: bytes) -> None:
    """What a closed connection parses."""
