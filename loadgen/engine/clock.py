"""Sleeping until an instant, to within 0.1 ms: the timer that arrivals and think times wait on.

uvloop's own timers tick in milliseconds: they wake up to 1.4 ms early and 0.7 ms late. A timerfd watched by the loop
was never early and 73 µs late (median). One timerfd serves all sleepers; where the system has none (not Linux),
the loop's own timer is used and the schedule lag in the certificate shows what that costs.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from loadgen.timerfd import TimerFd


class Clock:
    """Wakes callbacks and coroutines at absolute times of time.monotonic_ns(). Belongs to one running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._armed_ns = 0
        self._fallback: asyncio.TimerHandle | None = None
        self._timer: TimerFd | None = None
        try:
            self._timer = TimerFd()
        except OSError:
            return
        loop.add_reader(self._timer.fd, self._fired)

    def close(self) -> None:
        """Forget all sleepers; they are never woken."""
        self._heap.clear()
        if self._fallback is not None:
            self._fallback.cancel()
        if self._timer is not None:
            self._loop.remove_reader(self._timer.fd)
            self._timer.close()
            self._timer = None

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> None:
        """Call back at `due_ns`, from the loop; at the loop's next turn if that is past."""
        heapq.heappush(self._heap, (due_ns, next(self._order), callback))
        if self._armed_ns == 0 or due_ns < self._armed_ns:
            self._arm(due_ns)

    async def sleep_until(self, due_ns: int) -> None:
        """Return at `due_ns`; at once, without yielding to the loop, if that is past."""
        if due_ns <= time.monotonic_ns():
            return
        future = self._loop.create_future()
        self.call_at(due_ns, lambda: None if future.done() else future.set_result(None))
        await future

    def _arm(self, due_ns: int) -> None:
        self._armed_ns = due_ns
        if self._timer is not None:
            self._timer.arm(due_ns)
            return
        if self._fallback is not None:
            self._fallback.cancel()
        self._fallback = self._loop.call_later(max(0.0, (due_ns - time.monotonic_ns()) / 1e9), self._fired)

    def _fired(self) -> None:
        if self._timer is not None:
            self._timer.acknowledge()
        self._armed_ns = 0
        heap = self._heap
        now = time.monotonic_ns()
        while heap and heap[0][0] <= now:
            heapq.heappop(heap)[2]()
        if heap and (self._armed_ns == 0 or heap[0][0] < self._armed_ns):
            self._arm(heap[0][0])
