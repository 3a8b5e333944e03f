"""A soak knows how late it was itself while it took times."""

import asyncio
import time

import pytest

from loadgen.engine.clock import Clock
from loadgen.soak.lag import LoopLag


def watched(*, stall_s: float, lasts_s: float = 0.2) -> LoopLag:
    """The lag of a loop that does nothing for so long, but stands still once."""

    async def run() -> LoopLag:
        clock = Clock(asyncio.get_running_loop())
        with LoopLag(clock) as lag:
            await clock.sleep_until(time.monotonic_ns() + round(lasts_s * 5e8))
            time.sleep(stall_s)  # noqa: ASYNC251 - a loop that stands still is what is tried
            await clock.sleep_until(time.monotonic_ns() + round(lasts_s * 5e8))
        seen = lag.n
        await asyncio.sleep(0.05)
        assert lag.n == seen
        clock.close()
        return lag

    return asyncio.run(run())


def test_a_loop_that_stood_still_is_late_for_as_long() -> None:
    lag = watched(stall_s=0.3)
    assert lag.p99_s is not None
    assert lag.p99_s > 0.2
    # Counted as late for all of the samples that it slept through.
    assert lag.n >= 40
    assert lag.too_much is not None
    assert lag.too_much.startswith("this machine was late itself: loop lag p99 is ")


def test_a_lag_within_a_runs_limit_is_none_of_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadgen.soak.lag.LOOP_LAG_S", 60.0)
    assert watched(stall_s=0.0).too_much is None


def test_nothing_sampled_is_no_lag_at_all() -> None:
    async def run() -> LoopLag:
        with LoopLag(Clock(asyncio.get_running_loop())) as lag:
            pass
        return lag

    lag = asyncio.run(run())
    assert (lag.n, lag.p99_s, lag.too_much) == (0, None, None)
