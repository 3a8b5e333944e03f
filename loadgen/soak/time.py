"""The soak's own time: epoch seconds that pass `scale` times as fast as real ones, counted from its start."""

import time

from loadgen.engine.clock import Clock

# Goes on while the machine sleeps, and nobody sets it; elsewhere than on Linux the nearest there is.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# A machine that was asleep, or whose clock was set, is noticed after so long: a timer knows nothing of either.
_LONGEST_SLEEP_S = 30.0


class SoakTime:
    """Tells the soak's time and sleeps in it. It goes on while nobody runs the soak, as the target does."""

    def __init__(self, started_s: float, scale: float, clock: Clock) -> None:
        self._started_s = started_s
        self._scale = scale
        self._clock = clock

    def now_s(self) -> float:
        """Epoch seconds by the soak's own time."""
        return soak_time_s(self._started_s, self._scale, time.time())

    def set_by_s(self) -> float:
        """How far ahead the soak's time is of one that nobody sets, in its own seconds from no moment in particular: a
        difference between two of these is by how much the machine's clock was set in between."""
        return (time.time() - time.clock_gettime(_STEADY)) * self._scale

    async def sleep_until(self, due_s: float) -> None:
        """Return when the soak's time has come to `due_s`."""
        while (left_s := (due_s - self.now_s()) / self._scale) > 0:
            await self._clock.sleep_until(time.monotonic_ns() + round(min(left_s, _LONGEST_SLEEP_S) * 1e9) + 1)


def soak_time_s(started_s: float, scale: float, real_s: float) -> float:
    """The soak's time at a real one."""
    return started_s + (real_s - started_s) * scale
