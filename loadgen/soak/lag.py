"""How late this process itself was while a probe measured times: what a run's certificate is, for a probe.

A loop that stands still stamps chunks when it comes to them: gaps of nothing, and first tokens that took as long as the
machine was busy with something else. A week of such figures would show when others used the machine.
"""

import time
from array import array
from types import TracebackType
from typing import Final, Self

from loadgen.engine.clock import Clock
from loadgen.metrics.certificate import LOOP_LAG_S
from loadgen.stats.quantiles import rank_of

_PERIOD_NS: Final = 10_000_000


class LoopLag:
    """Samples the loop's lateness from entry to exit. A context manager; belongs to the loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags_ns = array("q")
        self._due_ns = 0
        self._stopped = False

    def __enter__(self) -> Self:
        self._due_ns = time.monotonic_ns() + _PERIOD_NS
        self._clock.call_at(self._due_ns, self._sample)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A sample that is due and has not come is late as well.
        self._take()
        self._stopped = True

    @property
    def n(self) -> int:
        """Samples so far."""
        return len(self._lags_ns)

    @property
    def p99_s(self) -> float | None:
        """By nearest rank, of however few: a probe of a tenth of a second has but ten. None for none."""
        return sorted(self._lags_ns)[rank_of(self.n, 0.99) - 1] / 1e9 if self.n else None

    @property
    def too_much(self) -> str | None:
        """Why times that were taken meanwhile are not to be believed; None where they are."""
        lag_s = self.p99_s
        if lag_s is None or lag_s <= LOOP_LAG_S:
            return None
        return (
            f"this machine was late itself: loop lag p99 is {1000 * lag_s:.3g} ms, over the limit of "
            f"{1000 * LOOP_LAG_S:g} ms, and times are not known"
        )

    def _sample(self) -> None:
        if not self._stopped:
            self._take()
            self._clock.call_at(self._due_ns, self._sample)

    def _take(self) -> None:
        now_ns = time.monotonic_ns()
        # As in a run's certificate: a loop that hung for a second was late for a hundred samples.
        while self._due_ns <= now_ns:
            self._lags_ns.append(now_ns - self._due_ns)
            self._due_ns += _PERIOD_NS
