"""How the simulated service changes with time: how long it keeps prefixes, and drifts that set in on some day.

Asked for on the command line (`--drift NAME:VALUE@WHEN`) by whoever wants to know whether a soak finds them. Time is
the service's own: seconds since it began, `scale` times as fast as the clock, so that a week passes in minutes.
Latencies are not scaled. Called by server.py.
"""

import math
import re
import time
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from loadgen.errors import UsageError

DriftName = Literal["cache_lifetime", "output_tokens", "slow_tail"]
_DRIFT = re.compile(r"(?P<name>[a-z_]+):(?P<value>[^@]+)@(?P<at>[^@]+)")
_TAIL = re.compile(r"(?P<share>[0-9.]+)x(?P<factor>[0-9.]+)")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|d)?")
_UNIT_S = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_ACCEPTED = "accepted: cache_lifetime:4m@4d, output_tokens:1.1@4d, slow_tail:0.05x3@4d"
_SEED = 0x517CC1B7


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the service is at one time.

    cache_lifetime_s: an unused prefix is kept for so long. output_factor: answers are so many times as long as they
    would be. slow_share: of the requests, which take slow_factor times as long as they would alone.
    """

    cache_lifetime_s: float = math.inf
    output_factor: float = 1.0
    slow_share: float = 0.0
    slow_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Drift:
    """From at_s on, one side of the behaviour is another. value: a lifetime in seconds, a factor, or a share."""

    name: DriftName
    at_s: float
    value: float
    factor: float = 1.0

    def applied(self, behaviour: Behaviour) -> Behaviour:
        """The behaviour after it."""
        match self.name:
            case "cache_lifetime":
                return replace(behaviour, cache_lifetime_s=self.value)
            case "output_tokens":
                return replace(behaviour, output_factor=self.value)
            case "slow_tail":
                return replace(behaviour, slow_share=self.value, slow_factor=self.factor)


@dataclass(frozen=True, slots=True)
class Ageing:
    """What changes, and how fast time passes. age_s: how old the service is when its process begins."""

    cache_lifetime_s: float = math.inf
    drifts: tuple[Drift, ...] = ()
    time_scale: float = 1.0
    age_s: float = 0.0

    def behaviour_at(self, now_s: float) -> Behaviour:
        """How the service is so many seconds after its beginning; of two drifts of a kind the later one counts."""
        behaviour = Behaviour(self.cache_lifetime_s)
        for drift in sorted(self.drifts, key=lambda drift: drift.at_s):
            if drift.at_s <= now_s:
                behaviour = drift.applied(behaviour)
        return behaviour


class Age:
    """A service's own time, from the making of this on."""

    def __init__(self, ageing: Ageing, seed: int) -> None:
        self._ageing = ageing
        self._began_ns = time.monotonic_ns()
        self._rng = Random(seed ^ _SEED)

    @property
    def now_s(self) -> float:
        """Seconds since the service began."""
        passed_s = (time.monotonic_ns() - self._began_ns) / 1e9
        return self._ageing.age_s + passed_s * self._ageing.time_scale

    @property
    def behaviour(self) -> Behaviour:
        """How the service is now."""
        return self._ageing.behaviour_at(self.now_s)

    def slowdown(self) -> float:
        """How many times as long as alone the next request takes; drawn once a request."""
        behaviour = self.behaviour
        draw = self._rng.random()
        return behaviour.slow_factor if draw < behaviour.slow_share else 1.0


def parse_drift(text: str) -> Drift:
    """A drift from `NAME:VALUE@WHEN`. Raises UsageError with what is accepted."""
    match = _DRIFT.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no drift; {_ACCEPTED}")
    try:
        at_s = parse_span(match["at"])
        match match["name"]:
            case "cache_lifetime":
                return Drift("cache_lifetime", at_s, parse_span(match["value"]))
            case "output_tokens":
                return Drift("output_tokens", at_s, _positive(match["value"]))
            case "slow_tail":
                return _tail(match["value"], at_s)
    except ValueError:
        raise UsageError(f"{text!r} is no drift; {_ACCEPTED}") from None
    raise UsageError(f"{text!r}: there is no drift {match['name']!r}; {_ACCEPTED}")


def parse_span(text: str) -> float:
    """Seconds in `90`, `500ms`, `8m`, `4d`. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration")
    return float(match[1]) * _UNIT_S[match[2]]


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 100:
        raise ValueError(f"{text!r} is no factor")
    return value


def _tail(text: str, at_s: float) -> Drift:
    match = _TAIL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no share and factor")
    share, factor = float(match["share"]), _positive(match["factor"])
    if share > 1 or factor < 1:
        raise ValueError(f"{text!r} is no share and factor")
    return Drift("slow_tail", at_s, share, factor)
