"""Lines for a person who watches a soak: one a window, and when the next probe is due."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from loadgen.history.model import Measure, Probe, Soak

# A scaled week has a window a second.
_LEAST_S = 5.0
# What a glance is for: (measure, how it is called here).
_SHOWN = (
    ("cache.hit_ratio.warm", "cache at once"),
    ("cache.hit_ratio.after_5m", "after 5m"),
    ("latency.ttft_s.p50", "ttft p50"),
    ("latency.e2e_s.p95", "e2e p95"),
    ("tools.overhead_tokens", "tools"),
    ("cost.per_request", "a request"),
)


class Progress:
    """Tells what has come of each window, no more often than a person reads."""

    def __init__(self, soak: Soak, say: Callable[[str], None]) -> None:
        self._soak = soak
        self._say = say
        self._counts: Counter[str] = Counter()
        self._latest: dict[str, Measure] = {}
        self._error: str | None = None
        self._window = 0
        self._told_s = -math.inf

    def add(self, probe: Probe, next_due_s: Callable[[], float | None]) -> None:
        """A probe has ended; maybe a window with it. next_due_s: when the next one is due."""
        if probe.window > self._window:
            # A soak that goes on has nothing to tell of windows before its time.
            if self._counts and time.monotonic() - self._told_s >= _LEAST_S:
                self._tell(next_due_s())
            self._window = probe.window
        self._counts[probe.outcome] += 1
        self._latest |= probe.measures
        if probe.outcome == "failed":
            self._error = probe.error

    def _tell(self, next_due_s: float | None) -> None:
        soak = self._soak
        counts = ", ".join(f"{self._counts[outcome]} {outcome}" for outcome in sorted(self._counts, key=_rank))
        at_s = soak.started_s + (self._window + 1) * soak.every_s
        parts = [f"{shown_time(at_s)} window {self._window + 1} of {soak.windows}: {counts}"]
        parts += shown_measures(self._latest)
        if self._error is not None:
            parts.append(self._error)
        if next_due_s is not None:
            parts.append(f"next {shown_time(next_due_s)}")
        self._say("; ".join(parts))
        self._counts.clear()
        self._error = None
        self._told_s = time.monotonic()


def shown_time(epoch_s: float) -> str:
    """A moment, in UTC: the hours of price lists and of other people's load."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%a %d %b %H:%M} UTC"


def shown_measures(latest: Mapping[str, Measure]) -> list[str]:
    """The few that fit on a line; what is not known is left out."""
    return [
        f"{called} {_shown(latest[name])}"
        for name, called in _SHOWN
        if name in latest and latest[name].value is not None
    ]


def _shown(measure: Measure) -> str:
    assert measure.value is not None
    if measure.unit == "ratio":
        return f"{measure.value:.0%}"
    if measure.unit == "s":
        return f"{measure.value * 1000:.0f} ms"
    return f"{measure.value:.4g} {measure.unit}"


def _rank(outcome: str) -> int:
    return ("ok", "failed", "missed", "interrupted").index(outcome)
