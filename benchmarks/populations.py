"""Made-up measurements whose truth is known: what benchmarks/statistics.py holds the intervals against.

Every population has a marginal distribution with exact quantiles. Latencies are lognormal or heavier, as those of real
endpoints are; sessions differ, turns of one follow each other (AR(1) of the logarithm), a queue remembers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: values F64[n], the session of each I32[n], when each was due F64[n]."""

    values: F64
    sessions: I32
    times_s: F64


@dataclass(frozen=True, slots=True)
class Population:
    """draw(rng, sessions, turns) makes a run; quantile(q) is its truth."""

    name: str
    draw: Callable[[np.random.Generator, int, int], Sample]
    quantile: Callable[[float], float]


def lognormal(name: str, within: float, between: float = 0.0, follow: float = 0.0) -> Population:
    """Logarithms with these standard deviations within and between sessions; turns follow each other by `follow`."""

    def draw(rng: np.random.Generator, sessions: int, turns: int) -> Sample:
        logs = within * _following(rng, sessions, turns, follow) + between * rng.normal(size=(sessions, 1))
        return _interleaved(rng, np.exp(logs))

    return Population(name, draw, lambda q: math.exp(math.hypot(within, between) * float(ndtri(q))))


def pareto_tail(name: str, share: float, shape: float) -> Population:
    """Lognormal, but for a share of turns that is 2 times a Pareto value of this shape, independent of each other."""

    def draw(rng: np.random.Generator, sessions: int, turns: int) -> Sample:
        body = np.exp(0.3 * rng.normal(size=(sessions, turns)))
        tail = 2 * (1 + rng.pareto(shape, size=(sessions, turns)))
        return _interleaved(rng, np.where(rng.random((sessions, turns)) < share, tail, body))

    def below(value: float) -> float:
        tail = 1 - (2 / value) ** shape if value > 2 else 0.0
        return (1 - share) * float(ndtr(math.log(value) / 0.3)) + share * tail

    return Population(name, draw, lambda q: float(brentq(lambda value: below(value) - q, 1e-3, 1e9)))


def bad_sessions(name: str, share: float, slower: float, longer: float = 1.0) -> Population:
    """A share of sessions is some times slower, and has some times as many turns; lengths are geometric."""

    def draw(rng: np.random.Generator, sessions: int, turns: int) -> Sample:
        bad = rng.random(sessions) < share
        lengths = rng.geometric(1 / np.where(bad, turns * longer, turns))
        session = np.repeat(np.arange(sessions, dtype=np.int32), lengths)
        logs = 0.5 * rng.normal(size=len(session)) + math.log(slower) * bad[session]
        first = np.repeat(rng.random(sessions) * sessions * turns, lengths)
        nth = np.arange(len(session)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return Sample(np.exp(logs), session, first + nth * sessions / 5)

    weight = share * longer / (share * longer + 1 - share)

    def below(value: float) -> float:
        log = math.log(value)
        return (1 - weight) * float(ndtr(log / 0.5)) + weight * float(ndtr((log - math.log(slower)) / 0.5))

    return Population(name, draw, lambda q: float(brentq(lambda value: below(value) - q, 1e-3, 1e6)))


def queue(name: str, load: float) -> Population:
    """Time in an M/M/1 queue at this load, in service times; sessions take turns, so that they tell nothing of it."""

    def draw(rng: np.random.Generator, sessions: int, turns: int) -> Sample:
        n = sessions * turns
        gaps, services = rng.exponential(1 / load, size=n), rng.exponential(size=n)
        waits = _waits(gaps, services, rng.exponential(1 / (1 - load)) if rng.random() < load else 0.0)
        session = (np.arange(n) % sessions).astype(np.int32)
        return Sample(waits + services, session, np.cumsum(gaps))

    return Population(name, draw, lambda q: -math.log(1 - q) / (1 - load))


def queue_length(rng: np.random.Generator, load: float, seconds: int, rate: float) -> F64:
    """Turns in an M/M/1 system at the end of each second, from empty; above load 1 they pile up."""
    n = int(rate * seconds * 1.5) + 100
    gaps, services = rng.exponential(1 / rate, size=n), rng.exponential(load / rate, size=n)
    arrivals = np.cumsum(gaps)
    ends = arrivals + _waits(gaps, services, 0.0) + services
    at = np.arange(1, seconds + 1)
    return (np.searchsorted(arrivals, at, side="right") - np.searchsorted(ends, at, side="right")).astype(np.float64)


def _waits(gaps: F64, services: F64, first: float) -> F64:
    """Lindley's recursion, unrolled: what a random walk has risen above its lowest point so far."""
    walk = np.concatenate(([0.0], np.cumsum(services[:-1] - gaps[1:])))
    waits: F64 = np.maximum(first + walk, walk - np.minimum.accumulate(walk))
    return waits


def _following(rng: np.random.Generator, sessions: int, turns: int, follow: float) -> F64:
    """Standard normal values, sessions x turns, each turn correlated by `follow` with the one before."""
    noise = rng.normal(size=(sessions, turns))
    if follow == 0.0:
        return noise
    noise[:, 1:] *= math.sqrt(1 - follow**2)
    followed: F64 = lfilter([1.0], [1.0, -follow], noise, axis=1)
    return followed


def _interleaved(rng: np.random.Generator, values: F64) -> Sample:
    """Sessions that begin at any time of the run and last for a fifth of it."""
    sessions, turns = values.shape
    times = rng.random((sessions, 1)) + 0.2 * np.arange(turns) / turns
    return Sample(values.ravel(), np.repeat(np.arange(sessions, dtype=np.int32), turns), times.ravel())
