"""One caller under one rule: the moments that still count."""

from limits.rules import Rule


class Window:
    """A sliding window; a moment counts until exactly rule.seconds after it, then no more."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._moments: list[float] = []

    def used(self, now: float) -> int:
        """How many count at a moment."""
        return len([moment for moment in self._moments if moment > now - self.rule.seconds])

    def wait(self, now: float) -> float:
        """How many seconds until one more fits; 0 if it does now."""
        counting = sorted(moment for moment in self._moments if moment > now - self.rule.seconds)
        if len(counting) < self.rule.limit:
            return 0
        return counting[len(counting) - self.rule.limit] + self.rule.seconds - now

    def add(self, now: float) -> None:
        """Count a moment, which is not before those counted already."""
        self._moments.append(now)
