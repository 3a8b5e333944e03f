"""Faults carried out: what the reply to a struck request does on its connection.

Called by server.py; faults.py says which request is struck by what.
"""

import asyncio
import math
import os
import signal
import socket
import struct
import sys

from aiohttp import web

from loadgen.simulator.dialects import RefusedError
from loadgen.simulator.events import KEEPALIVE, MALFORMED, Stream
from loadgen.simulator.faults import STATUS_FAULTS, Fault

_IN_STREAM = frozenset({"error_event", "truncate", "cut", "reset", "stall", "malformed", "die"})
_WITHOUT_WARNING = struct.pack("ii", 1, 0)
_MESSAGES = {
    402: "Insufficient Balance",
    429: "Rate limit reached: too many requests. Please retry later.",
    500: "Internal server error: the engine has met a simulated fault.",
    503: "The server is overloaded (simulated). Please retry later.",
}


def as_refusal(fault: Fault | None) -> RefusedError:
    """The error status that a request gets; None: of an engine that has died before."""
    status = 500 if fault is None else STATUS_FAULTS.get(fault.name, 500)
    retry_after = fault.retry_after if fault is not None and status in (429, 503) else None
    code = {402: "insufficient_balance", 429: "rate_limit_exceeded"}.get(status)
    return RefusedError(status, _MESSAGES[status], code=code, retry_after=retry_after)


class Mishap:
    """What happens to one reply. at: the tokens of output after which `strike` is due, out of reach for none."""

    __slots__ = ("_fault", "at")

    def __init__(self, fault: Fault | None, output_tokens: int) -> None:
        self._fault = fault
        in_stream = fault is not None and fault.name in _IN_STREAM
        self.at = min(fault.at, output_tokens) if fault is not None and in_stream else sys.maxsize

    @property
    def comments_first(self) -> bool:
        """Whether something that says nothing comes before the reply."""
        return self._fault is not None and self._fault.name == "keepalive"

    async def before_first_byte(self) -> None:
        """Hold the whole reply back, headers too."""
        if self._fault is not None and self._fault.name == "slow_first_byte":
            await _pause(self._fault.seconds)

    async def comments(self, response: web.StreamResponse, comment: bytes = KEEPALIVE) -> None:
        """Send what says nothing, evenly over the fault's time."""
        assert self._fault is not None
        for _ in range(self._fault.count):
            await response.write(comment)
            await _pause(self._fault.seconds / self._fault.count)

    async def strike(self, request: web.Request, response: web.StreamResponse, events: Stream) -> bool:
        """Carry the fault out; whether that was the end of the reply. It is carried out once."""
        assert self._fault is not None
        self.at = sys.maxsize
        match self._fault.name:
            case "error_event":
                await response.write_eof(events.error(as_refusal(None)))
            case "truncate":
                await response.write_eof()
            case "stall":
                await _pause(self._fault.seconds)
                return False
            case "malformed":
                await response.write(MALFORMED)
                return False
            case _:
                _break_off(self._fault.name, request)
        return True

    async def with_whole(self, request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse | None:
        """As `strike`, for a reply that is not streamed; None where the reply goes its way."""
        if self.at == sys.maxsize:
            return None
        assert self._fault is not None
        match self._fault.name:
            case "error_event":
                raise as_refusal(None)
            case "stall":
                await _pause(self._fault.seconds)
                return None
            case "malformed" | "truncate":
                return web.Response(body=body[: len(body) // 2], headers=headers, content_type="application/json")
        declared = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        response = web.StreamResponse(headers=declared)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        _break_off(self._fault.name, request)
        return response


def _break_off(name: str, request: web.Request) -> None:
    if name == "die":
        # As a crash does it: nothing is flushed, nothing is closed in order.
        os.kill(os.getpid(), signal.SIGKILL)
    transport = request.transport
    if transport is None:
        return
    if name == "reset":
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _WITHOUT_WARNING)
        transport.abort()
    else:
        transport.close()


async def _pause(seconds: float) -> None:
    """Sleep; for ever is until the client leaves, which cancels the handler."""
    if math.isinf(seconds):
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(seconds)
