"""Time in whole seconds since midnight of day 0, which only moves when it is told to."""


class Clock:
    """The one source of time of a scheduler."""

    def __init__(self, now: int = 0) -> None:
        self._now = now

    @property
    def now(self) -> int:
        """The present second."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Let time pass. Raises ValueError for going back."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds} s")
        self._now += seconds

    def wait_until(self, moment: int) -> None:
        """Let time pass up to a moment; nothing happens if it is over already."""
        if moment > self._now:
            self._now = moment
