"""Requests that wait for their tokens. Called by server.py."""

import asyncio

from loadgen.simulator.answers import Answer
from loadgen.simulator.batching import Job


class Ticket:
    """A job, when it came and who waits for it.

    received_ns, first_ns: when the request was read and its first token was there, on the clock of time.monotonic_ns.
    ready: tokens handed out so far. timer: set while the request waits in front of the engine.
    """

    __slots__ = ("answer", "first_ns", "job", "ready", "received_ns", "streamed", "timer", "waiter")

    def __init__(self, answer: Answer, received_ns: int, *, streamed: bool) -> None:
        self.answer = answer
        self.job = Job(answer.prompt_tokens, len(answer.pieces), answer.blocks, unit_tokens=answer.unit_tokens)
        self.received_ns = received_ns
        self.streamed = streamed
        self.first_ns = received_ns
        self.ready = 0
        self.waiter: asyncio.Future[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """There is more, or all that there will be."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def more(self, seen: int) -> int:
        """How many tokens are ready, once there are more than `seen`."""
        while self.ready <= seen:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return self.ready

    def timings(self, now_ns: int) -> dict[str, object]:
        """llama.cpp's own account of the request, which ends now."""
        job = self.job
        computed = job.prompt_tokens - job.cached_tokens
        prompt_ms, predicted_ms = (self.first_ns - self.received_ns) / 1e6, (now_ns - self.first_ns) / 1e6
        return {
            "cache_n": job.cached_tokens,
            "prompt_n": computed,
            "prompt_ms": prompt_ms,
            "prompt_per_second": 1000 * computed / prompt_ms if prompt_ms else None,
            "predicted_n": job.output_tokens,
            "predicted_ms": predicted_ms,
            "predicted_per_second": 1000 * job.output_tokens / predicted_ms if predicted_ms else None,
        }
