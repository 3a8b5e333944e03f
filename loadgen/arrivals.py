"""When sessions start: pure functions of (schedule, seed), the same in every process that asks.

The engine of each worker derives the whole plan and takes its share, so nothing here may depend on a clock, on the
number of workers or on how the result is consumed. Randomness comes from `Random.random()` alone, whose sequence
Python promises to keep across versions.

A schedule is a level over time, piecewise linear: sessions per second in open loop, users in closed loop. Its integral
L(t) is the expected number of arrivals up to t. Every open process is a renewal process of mean 1 on the axis of L,
brought back to seconds by the inverse of L, which makes ramps exact (time rescaling: Cinlar, Introduction to
Stochastic Processes, 1975, section 4.7).
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import count
from random import Random
from statistics import NormalDist

from loadgen.scenario.model import Load

# An arrival this close (relative) to the end of a stage on the axis of L belongs to the next one: rate times duration
# is not exact in doubles, and 1.1/s for 10 s must give 11 arrivals, not a 12th in the last half nanosecond.
_EDGE = 1 - 1e-12


@dataclass(frozen=True)
class Stage:
    """A stretch of the schedule, [start_s, start_s + duration_s), its level linear from `level_from` to `level_to`.

    A level is in sessions per second (open loop) or users (closed loop); both are 0 where a recording says when.
    """

    name: str
    start_s: float
    duration_s: float
    level_from: float
    level_to: float
    measure: bool

    @property
    def end_s(self) -> float:
        """Where the next stage starts."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Schedule:
    """The level over time, and the kind of arrival process that follows it. Times are seconds from the start."""

    arrivals: str
    stages: tuple[Stage, ...]
    burstiness: float = 1.0

    @property
    def total_s(self) -> float:
        """The end of the last stage."""
        return self.stages[-1].end_s

    @property
    def closed(self) -> bool:
        """Whether levels are users, and a session starts when another one ends."""
        return self.arrivals == "closed"

    @property
    def peak_level(self) -> float:
        """The highest level of all stages: the most users (closed) or the highest rate."""
        return max(max(stage.level_from, stage.level_to) for stage in self.stages)

    @cached_property
    def _starts(self) -> tuple[float, ...]:
        return tuple(stage.start_s for stage in self.stages)

    def stage_at(self, t: float) -> int:
        """Index of the stage at `t` seconds; the first before the start, the last past the end."""
        return max(0, bisect_right(self._starts, t) - 1)

    def level_at(self, t: float) -> float | None:
        """The level at `t` seconds, 0 outside the schedule; None where a recording says when."""
        if self.arrivals == "trace":
            return None
        if not 0 <= t < self.total_s:
            return 0.0
        stage = self.stages[self.stage_at(t)]
        along = (t - stage.start_s) / stage.duration_s
        return stage.level_from + (stage.level_to - stage.level_from) * along

    def measured_windows(self) -> tuple[tuple[float, float], ...]:
        """The (start, end) in seconds of what is measured, stages that touch taken as one."""
        return _merged((stage.start_s, stage.end_s) for stage in self.stages if stage.measure)


def schedule_of(load: Load) -> Schedule:
    """The schedule that a scenario's load describes."""
    stages: list[Stage] = []
    start_s = 0.0
    for spec in load.stages:
        level_from, level_to = spec.users or spec.rate or (0.0, 0.0)
        stages.append(Stage(spec.name, start_s, spec.duration_s, level_from, level_to, spec.measure))
        start_s = stages[-1].end_s
    return Schedule(load.arrivals, tuple(stages), load.burstiness)


def arrival_times(schedule: Schedule, seed: int, recorded: Iterable[float] | None = None) -> Iterator[float]:
    """When each session of an open loop starts: ascending seconds from the start, below `total_s`, lazily.

    constant: the k-th (k = 0, 1, ...) where the integral of the rate reaches k. poisson, gamma: renewals of
    mean 1 on that axis, exponential or of shape `burstiness`. trace: `recorded`, seconds ascending, cut at
    `total_s`. Raises ValueError for a closed schedule, and for a trace without (or with unordered) times.
    """
    if schedule.closed:
        raise ValueError("a closed loop has no arrivals: its sessions start when a permit falls free")
    if schedule.arrivals == "trace":
        if recorded is None:
            raise ValueError("trace arrivals need recorded times, and the recording has none")
        return _recorded_times(recorded, schedule.total_s)
    return _from_integral(schedule.stages, _positions(schedule, Random(session_seed(seed, "arrivals"))))


def permit_windows(schedule: Schedule, permit: float) -> tuple[tuple[float, float], ...]:
    """When permit `permit` (0-based) of a closed loop may run sessions: (on, off) in seconds, while level > permit.

    A fraction where the curve is scaled to another number of users than its own.
    """
    windows = (_above(stage, permit) for stage in schedule.stages)
    return _merged(window for window in windows if window is not None)


def session_seed(seed: int, *parts: int | str) -> int:
    """A 64-bit seed for what `parts` name, e.g. (seed, k) for session k of an open loop; the same everywhere.

    A hash rather than a sum, for neighbouring seeds must not share sessions.
    """
    # repr keeps 1 and "1" apart, and quotes what could look like a separator.
    named = "\0".join(map(repr, (seed, *parts)))
    return int.from_bytes(blake2b(named.encode(), digest_size=8).digest(), "big")


def pick_weighted(weights: Sequence[float], rng: Random) -> int:
    """An index, drawn in proportion to its weight, by one `random()`. At least one weight must be above 0."""
    left = rng.random() * math.fsum(weights)
    last = 0
    for index, weight in enumerate(weights):
        if weight > 0:
            last = index
            if left < weight:
                return index
            left -= weight
    # Rounding may leave a crumb past the end of the sum.
    return last


def _positions(schedule: Schedule, rng: Random) -> Iterator[float]:
    """Where the arrivals lie on the axis of L, ascending, without end."""
    if schedule.arrivals == "constant":
        return map(float, count())
    if schedule.arrivals == "poisson":
        return _running_sum(lambda: -math.log(1.0 - rng.random()))
    return _running_sum(_unit_gamma(schedule.burstiness, rng))


def _running_sum(gap: Callable[[], float]) -> Iterator[float]:
    position = 0.0
    while True:
        position += gap()
        yield position


def _unit_gamma(shape: float, rng: Random) -> Callable[[], float]:
    """Draws from the gamma distribution of mean 1 and the given shape.

    Marsaglia and Tsang, A simple method for generating gamma variables (ACM TOMS 26, 2000), with their boost
    for shapes below 1. Written out because `Random.gammavariate` may change between Python versions.
    """
    boosted = shape if shape >= 1 else shape + 1
    d = boosted - 1 / 3
    c = 1 / math.sqrt(9 * d)
    random, normal_at = rng.random, NormalDist().inv_cdf

    def draw() -> float:
        while True:
            normal = normal_at(random() or 2.0**-54)
            v = (1 + c * normal) ** 3
            if v > 0 and math.log(1 - random()) < normal * normal / 2 + d - d * v + d * math.log(v):
                break
        boost = 1.0 if shape >= 1 else (1 - random()) ** (1 / shape)
        return d * v * boost / shape

    return draw


def _from_integral(stages: Sequence[Stage], positions: Iterator[float]) -> Iterator[float]:
    """Each position on the axis of L as a time: the inverse of L, taken from above where the level is 0."""
    position = next(positions)
    before = 0.0
    for stage in stages:
        area = (stage.level_from + stage.level_to) / 2 * stage.duration_s
        end = (before + area) * _EDGE
        # With slope s, an area of y lies below a t + s t^2 / 2. This root stays exact as s or a goes to 0.
        level, slope = stage.level_from, (stage.level_to - stage.level_from) / stage.duration_s
        level_squared, double_slope = level * level, 2 * slope
        last = math.nextafter(stage.end_s, stage.start_s)
        while position < end:
            inside = max(0.0, position - before)
            # Rounding may take the root of a falling ramp a hair below 0 at its end.
            root = math.sqrt(max(0.0, level_squared + double_slope * inside))
            at = stage.start_s + 2 * inside / (level + root) if inside else stage.start_s
            yield min(at, last)
            position = next(positions)
        before += area


def _recorded_times(recorded: Iterable[float], total_s: float) -> Iterator[float]:
    previous = 0.0
    for at in recorded:
        if not at >= previous:
            raise ValueError(f"recorded times must ascend from 0: {at} comes after {previous}")
        if at >= total_s:
            return
        yield at
        previous = at


def _above(stage: Stage, level: float) -> tuple[float, float] | None:
    """The part of a stage whose level is above `level`: one interval, for a line crosses it once. None for none."""
    first, last = stage.level_from, stage.level_to
    if first <= level and last <= level:
        return None
    if first > level and last > level:
        return stage.start_s, stage.end_s
    crossing = stage.start_s + stage.duration_s * ((level - first) / (last - first))
    return (stage.start_s, crossing) if first > level else (crossing, stage.end_s)


def _merged(windows: Iterator[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Ascending windows, those that touch made one, empty ones left out."""
    merged: list[tuple[float, float]] = []
    for start, end in windows:
        if end <= start:
            continue
        if merged and merged[-1][1] == start:
            start = merged.pop()[0]
        merged.append((start, end))
    return tuple(merged)
