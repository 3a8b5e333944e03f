"""What is scheduled and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Rule(Protocol):
    """A rule of the calendar."""

    def first(self, now: int) -> int:
        """The first time that is not before now."""
        ...

    def after(self, moment: int) -> int:
        """The time that follows a moment."""
        ...


@dataclass(frozen=True)
class Job:
    """A recurring job; of two that are due at the same time, that of the higher priority begins first.

    work: what it does, given the present second; it returns how many seconds it took and may raise.
    """

    name: str
    rule: Rule
    work: Callable[[int], int]
    priority: int = 0


@dataclass(frozen=True)
class Run:
    """One time a job ran."""

    job: str
    due: int
    began: int
    ended: int
    error: str | None = None
