"""One caller under one rule: the moments that still count."""

from collections import deque

from limits.rules import Rule


class Window:
    """A sliding window; a moment counts until exactly rule.seconds after it, then no more.

    Moments come in order and at most rule.limit of them count at a time, so each one goes in and out once.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._moments: deque[float] = deque()

    def used(self, now: float) -> int:
        """How many count at a moment, which is not before that of an earlier call."""
        over = now - self.rule.seconds
        while self._moments and self._moments[0] <= over:
            self._moments.popleft()
        return len(self._moments)

    def wait(self, now: float) -> float:
        """How many seconds until one more fits; 0 if it does now."""
        used = self.used(now)
        if used < self.rule.limit:
            return 0
        return self._moments[used - self.rule.limit] + self.rule.seconds - now

    def add(self, now: float) -> None:
        """Count a moment, which is not before those counted already."""
        self._moments.append(now)
