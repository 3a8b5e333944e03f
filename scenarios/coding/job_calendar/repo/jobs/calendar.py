"""When a job is due: rules that tell the next time after a given one."""

from dataclasses import dataclass

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Every:
    """Every so many seconds, counted from an offset: offset, offset + seconds, offset + 2 * seconds, ..."""

    seconds: int
    offset: int = 0

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"an interval is at least a second: {self.seconds}")

    def first(self, now: int) -> int:
        """The first time that is not before now."""
        if now <= self.offset:
            return self.offset
        periods = -(-(now - self.offset) // self.seconds)
        return self.offset + periods * self.seconds

    def after(self, moment: int) -> int:
        """The time that follows a moment."""
        return moment + self.seconds


@dataclass(frozen=True)
class Daily:
    """Once a day, at a second of the day."""

    second: int

    def __post_init__(self) -> None:
        if not 0 <= self.second < DAY:
            raise ValueError(f"not a second of the day: {self.second}")

    def first(self, now: int) -> int:
        """The first time that is not before now."""
        today = now // DAY * DAY + self.second
        return today if today >= now else today + DAY

    def after(self, moment: int) -> int:
        """The time that follows a moment."""
        return self.first(moment + 1)
