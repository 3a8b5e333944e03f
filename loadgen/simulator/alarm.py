"""An exact alarm for the simulator's driver. Called by server.py."""

import asyncio
import time

from loadgen.timerfd import TimerFd


class Alarm:
    """Sleeps to an absolute time, by timerfd where there is one: the loop's own timers are 1 ms coarse."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        try:
            self._timer: TimerFd | None = TimerFd()
        except OSError:
            self._timer = None
        else:
            self._loop.add_reader(self._timer.fd, self._rang)

    async def until(self, due_ns: int) -> None:
        """Return at `due_ns`, never before; lets others run even if that is past."""
        left_ns = due_ns - time.monotonic_ns()
        if left_ns <= 0:
            await asyncio.sleep(0)
        while left_ns > 0:
            if self._timer is None:
                await asyncio.sleep(left_ns / 1e9)
            else:
                self._waiter = self._loop.create_future()
                self._timer.arm(due_ns)
                await self._waiter
            left_ns = due_ns - time.monotonic_ns()

    def _rang(self) -> None:
        if self._timer is not None:
            self._timer.acknowledge()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Give the timer back."""
        if self._timer is not None:
            self._loop.remove_reader(self._timer.fd)
            self._timer.close()
