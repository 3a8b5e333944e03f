"""The clock: never early, in order, and silent once closed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from loadgen.engine.clock import Clock

MS = 1_000_000


def on_a_loop(body: Callable[[Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        try:
            await body(clock)
        finally:
            clock.close()

    uvloop.run(main())


def test_it_is_never_early() -> None:
    async def body(clock: Clock) -> None:
        early = []
        for offset_us in range(0, 30_000, 370):
            due = time.monotonic_ns() + offset_us * 1000
            await clock.sleep_until(due)
            early.append(due - time.monotonic_ns())
        assert max(early) <= 0

    on_a_loop(body)


def test_callbacks_come_in_the_order_of_their_times() -> None:
    async def body(clock: Clock) -> None:
        now = time.monotonic_ns()
        called: list[int] = []
        done = asyncio.Event()
        for ms in (9, 3, 6, 3, 1):
            clock.call_at(now + ms * MS, lambda ms=ms: called.append(ms))  # type: ignore[misc]
        clock.call_at(now + 12 * MS, done.set)
        await asyncio.wait_for(done.wait(), 10)
        assert called == [1, 3, 3, 6, 9]

    on_a_loop(body)


def test_a_callback_may_set_the_next_one() -> None:
    async def body(clock: Clock) -> None:
        done = asyncio.Event()
        clock.call_at(time.monotonic_ns() + MS, lambda: clock.call_at(time.monotonic_ns() + MS, done.set))
        await asyncio.wait_for(done.wait(), 10)

    on_a_loop(body)


def test_a_past_time_does_not_wait() -> None:
    async def body(clock: Clock) -> None:
        others: list[int] = []
        asyncio.get_running_loop().call_soon(others.append, 1)
        await clock.sleep_until(time.monotonic_ns() - MS)
        assert not others, "it gave way to the loop"

    on_a_loop(body)


def test_a_cancelled_sleeper_does_not_disturb_the_others() -> None:
    async def body(clock: Clock) -> None:
        due = time.monotonic_ns() + 200 * MS  # far enough that no busy machine lets it pass before the cancel
        sleeper = asyncio.create_task(clock.sleep_until(due))
        other = asyncio.create_task(clock.sleep_until(due + MS))
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        await asyncio.wait_for(other, 10)

    on_a_loop(body)
