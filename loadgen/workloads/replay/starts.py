"""When recorded sessions start, for `arrivals: trace`: scaled, and spread where timestamps were rounded.

Called by the replay workload; the engine walks the result as the load goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from random import Random


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the first session's start, ascending; can be walked any number of times, without holding them all.

    recorded: gives the recorded start of each session in seconds, ascending. jitter_s: the quantum of the recording's
    timestamps: sessions that share one are spread evenly at random over it, in their order, and never into the next
    timestamp. Which random numbers, `seed` says, so that every worker has the same times.
    """

    recorded: Callable[[], Iterator[float]]
    time_scale: float
    jitter_s: float
    seed: str

    def __iter__(self) -> Iterator[float]:
        times = self.recorded()
        origin_s: float | None = None
        for at_s in self._spread(times) if self.jitter_s else times:
            if origin_s is None:
                origin_s = at_s
            yield (at_s - origin_s) * self.time_scale

    def _spread(self, times: Iterator[float]) -> Iterator[float]:
        rng = Random(self.seed)
        counted = ((at_s, sum(1 for _ in group)) for at_s, group in groupby(times))
        current = next(counted, None)
        while current is not None:
            following = next(counted, None)
            at_s, count = current
            room_s = self.jitter_s if following is None else min(self.jitter_s, following[0] - at_s)
            # Sorted draws: the order of the sessions stays, and their places are those of independent uniforms.
            yield from sorted(at_s + rng.random() * room_s for _ in range(count))
            current = following
