"""Work that pauses: a generator that yields wherever other streams' tokens may go first, and returns what it made.

The server goes on with it between tokens; whoever is in no hurry runs it through.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Pausing = Generator[None, None, T]


def run_through(work: "Pausing[T]") -> T:
    """What the work makes, without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            made: T = done.value
            return made
