"""Bringing hunks into a text."""

from collections.abc import Sequence

from patching.errors import Conflict
from patching.hunks import Hunk

# How far from its place a hunk is looked for.
REACH = 100


def apply(text: str, hunks: Sequence[Hunk]) -> str:
    """The text with all hunks brought in, in their order; one that does not fit its place is looked for nearby.

    Raises Conflict, and then nothing is brought in.
    """
    lines = text.splitlines()
    for number, hunk in enumerate(hunks, start=1):
        old = hunk.old
        at = _place(lines, old, hunk.old_start)
        if at is None:
            raise Conflict(number, hunk.old_start)
        lines[at : at + len(old)] = hunk.new
    return "".join(f"{line}\n" for line in lines)


def _place(lines: list[str], wanted: list[str], expected: int) -> int | None:
    """Where some lines stand, as near as can be to where they are expected; the later place of two equally near."""
    for distance in range(REACH + 1):
        for at in (expected + distance, expected - distance):
            if 0 <= at <= len(lines) - len(wanted) and lines[at : at + len(wanted)] == wanted:
                return at
    return None
