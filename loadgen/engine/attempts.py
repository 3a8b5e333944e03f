"""Sends a turn: once, or again after a while where the scenario's retry policy says so.

Called by the sessions. A turn that is tried again stays one turn: it counts once, its latency runs from its intended
time, and only its last attempt's stamps are kept. How often it was tried is recorded, never silent.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from random import Random

from loadgen.client.exchange import Exchange
from loadgen.client.interpret import Interpreted, interpret
from loadgen.client.retry_after import retry_after_s
from loadgen.client.transport import Transport
from loadgen.engine.clock import Clock
from loadgen.scenario.request import Retry


@dataclass(frozen=True, slots=True)
class Performed:
    """A turn's last attempt. attempts: how many were begun; reconnects: those of the attempts before the last.

    cut_off: the grace time ended it; its exchange may then be one that never began, which waited for its time.
    """

    exchange: Exchange
    seen: Interpreted
    attempts: int
    reconnects: int
    cut_off: bool


def is_retried(policy: Retry, exchange: Exchange, seen: Interpreted) -> bool:
    """Whether this kind of failure is one to try again after.

    An attempt that gave output never is: what it gave was paid for, and a caller would have shown it already.
    """
    reply = seen.reply
    if reply.ok or reply.text or reply.reasoning or reply.tool_calls or reply.usage.output_tokens:
        return False
    return seen.outcome in policy.on or f"http_{exchange.status}" in policy.on


def wait_s(policy: Retry, attempts: int, asked_s: float | None, draw: float) -> float | None:
    """Seconds to wait after so many attempts; None where the server asks for more than the policy waits.

    asked_s: what Retry-After says. draw: uniform in [0, 1), for the jitter.
    """
    if asked_s is not None and policy.retry_after:
        return asked_s if asked_s <= policy.max_wait_s else None
    backoff = policy.backoff_s * policy.factor ** (attempts - 1)
    return min(backoff, policy.max_wait_s) * (1 - policy.jitter * draw)


class Sender:
    """Performs the turns of one worker and knows what is in flight."""

    def __init__(self, transport: Transport, clock: Clock, policy: Retry) -> None:
        self._transport = transport
        self._clock = clock
        self._policy = policy
        self._ended_chunks = 0
        self._ended_reads = 0
        # Whoever launches a turn puts its exchange here before its task has run.
        self.in_flight: set[Exchange] = set()

    @property
    def chunks(self) -> int:
        """Output chunks so far, of streams in flight as far as they have been digested."""
        return self._ended_chunks + sum(len(exchange.timeline.chunk_stamps) for exchange in self.in_flight)

    @property
    def reads(self) -> int:
        """Reads with body bytes so far."""
        return self._ended_reads + sum(exchange.timeline.reads for exchange in self.in_flight)

    @property
    def reserved(self) -> float:
        """What the turns in flight may cost at most, where there is a budget."""
        return sum(exchange.reserved for exchange in self.in_flight)

    async def perform(self, exchange: Exchange, name: str) -> Performed:
        """Send the turn until it is done with. name: the turn's own in the run; its waits are drawn from it."""
        attempts, reconnects = 1, 0
        started_ns = time.monotonic_ns()
        while True:
            cut_off = await self._attempt(exchange)
            seen = interpret(exchange)
            self._ended_chunks += len(exchange.timeline.chunk_stamps)
            self._ended_reads += exchange.timeline.reads
            if attempts == 1 and exchange.sent_ns is not None:
                started_ns = exchange.sent_ns
            due_ns = None if cut_off else self._due_again_ns(exchange, seen, attempts, name)
            following = None if due_ns is None else _following(exchange, started_ns, due_ns)
            if due_ns is None or following is None:
                return Performed(exchange, seen, attempts, reconnects, cut_off)
            reconnects += exchange.reconnects
            exchange = following
            if not await self._await(due_ns, exchange):
                return Performed(exchange, seen, attempts, reconnects, cut_off=True)
            attempts += 1

    async def _attempt(self, exchange: Exchange) -> bool:
        """Send and receive; True if it was cut off because the grace time is over."""
        self.in_flight.add(exchange)
        try:
            await self._transport.perform(exchange)
        except asyncio.CancelledError:
            return exchange.end_ns is None  # it may have ended in the very turn of the loop that cut it off
        finally:
            self.in_flight.discard(exchange)
        return False

    async def _await(self, due_ns: int, exchange: Exchange) -> bool:
        """Wait for the next attempt, which counts as in flight; False if the grace time ended meanwhile."""
        self.in_flight.add(exchange)
        try:
            await self._clock.sleep_until(due_ns)
        except asyncio.CancelledError:
            return False
        finally:
            self.in_flight.discard(exchange)
        return True

    def _due_again_ns(self, exchange: Exchange, seen: Interpreted, attempts: int, name: str) -> int | None:
        policy = self._policy
        if attempts >= policy.attempts or exchange.end_ns is None or not is_retried(policy, exchange, seen):
            return None
        wait = wait_s(policy, attempts, retry_after_s(exchange.headers), Random(f"{name} {attempts}").random())
        return None if wait is None else exchange.end_ns + round(wait * 1e9)


def _following(exchange: Exchange, started_ns: int, due_ns: int) -> Exchange | None:
    """The same request, to be sent at `due_ns`; None where the whole turn's time would be over by then."""
    limits = exchange.limits
    if limits.total_s is not None:
        left_s = limits.total_s - (due_ns - started_ns) / 1e9
        if left_s <= 0:
            return None
        limits = replace(limits, total_s=left_s)
    return Exchange(exchange.path, exchange.body, limits, reserved=exchange.reserved)
