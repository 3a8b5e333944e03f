"""Many callers under some rules."""

from collections.abc import Callable, Sequence

from limits.decision import Decision
from limits.rules import Rule
from limits.window import Window


class Limiter:
    """Decides over requests, by key. `clock` gives the present moment in seconds and never goes back."""

    def __init__(self, rules: Sequence[Rule], clock: Callable[[], float]) -> None:
        self._rules = tuple(rules)
        self._clock = clock
        self._windows: dict[str, list[Window]] = {}

    def __len__(self) -> int:
        """How many callers are kept in memory."""
        return len(self._windows)

    def ask(self, key: str) -> Decision:
        """Decide over a request and, if it is let through, count it."""
        now = self._clock()
        windows = self._windows.setdefault(key, [Window(rule) for rule in self._rules])
        decision = self._decision(windows, now)
        if decision.allowed:
            for window in windows:
                window.add(now)
        return decision

    def peek(self, key: str) -> Decision:
        """What would be decided, without counting anything; `remaining` is as before the request."""
        now = self._clock()
        windows = self._windows.setdefault(key, [Window(rule) for rule in self._rules])
        waits = [window.wait(now) for window in windows]
        if any(waits):
            return self._decision(windows, now)
        return Decision(True, min(window.rule.limit - window.used(now) for window in windows))

    def _decision(self, windows: list[Window], now: float) -> Decision:
        waits = [window.wait(now) for window in windows]
        longest = max(waits)
        if longest > 0:
            return Decision(False, 0, longest, windows[waits.index(longest)].rule)
        return Decision(True, min(window.rule.limit - window.used(now) for window in windows) - 1)
