"""Watches the generator itself: how late the event loop is, and how much of a core its thread uses.

The certificate rests on these samples, so they are taken by the same loop and the same timer that the load uses.
"""

import time
from collections.abc import Callable

from loadgen.engine.clock import Clock
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import SandboxUse

# A hundred samples a second: their p99 over a minute rests on 60 of them, and they cost 0.1 % of a core.
_LAG_PERIOD_NS = 10_000_000
_CPU_PERIOD_NS = 1_000_000_000


class Health:
    """Samples from `start` until `stop`."""

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        stage_at: Callable[[int], int | None],
        sandboxes: Callable[[], SandboxUse] | None = None,
    ) -> None:
        """stage_at: the stage index of a time, None outside of the run's stages.

        sandboxes: what sandboxes beside the engine have taken so far; None where there are none.
        """
        self._sandboxes = sandboxes
        self._taken = SandboxUse()
        self._clock = clock
        self._recorder = recorder
        self._stage_at = stage_at
        self._stopped = False
        self._cpu_ns = 0
        self._cpu_since_ns = 0

    def start(self, now_ns: int) -> None:
        """Begin sampling. Must be called on the event loop's thread, whose CPU time is read."""
        self._cpu_ns = time.thread_time_ns()
        self._cpu_since_ns = now_ns
        self._schedule(now_ns + _LAG_PERIOD_NS)

    def stop(self) -> None:
        """No sample any more."""
        self._stopped = True

    def _schedule(self, due_ns: int) -> None:
        self._clock.call_at(due_ns, lambda: self._sample(due_ns))

    def _sample(self, due_ns: int) -> None:
        if self._stopped:
            return
        now = time.monotonic_ns()
        stage = self._stage_at(due_ns)
        # A loop that hung for a second would have been late for a hundred samples, not for one: count them all,
        # or a stall would weigh less the longer it is.
        while due_ns <= now:
            if stage is not None:
                self._recorder.loop_lag(now - due_ns, stage)
            due_ns += _LAG_PERIOD_NS
        if now - self._cpu_since_ns >= _CPU_PERIOD_NS:
            cpu = time.thread_time_ns()
            self._recorder.cpu((cpu - self._cpu_ns) / (now - self._cpu_since_ns), stage)
            self._cpu_ns, self._cpu_since_ns = cpu, now
            if self._sandboxes is not None:
                taken = self._sandboxes()
                self._recorder.sandboxes(taken - self._taken, stage)
                self._taken = taken
        self._schedule(due_ns)
