"""A hunk: one stretch of a file, before and after."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hunk:
    """Lines with a sign in front of each: a space (kept), a minus (taken out) or a plus (put in).

    old_start, new_start: how many lines of the old and of the new file stand before the hunk.
    """

    old_start: int
    new_start: int
    lines: tuple[str, ...]

    @property
    def old(self) -> list[str]:
        """The stretch as it was."""
        return [line[1:] for line in self.lines if line[0] in " -"]

    @property
    def new(self) -> list[str]:
        """The stretch as it will be."""
        return [line[1:] for line in self.lines if line[0] in " +"]
