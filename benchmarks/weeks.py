"""Weeks of a soak in virtual time: 672 windows of 15 minutes, as the simulated service would have answered the probes.

What a request takes is the simulator's own timing model (`Profile.step_s` with its jitter), how long an answer is its
`stop_length`, and what drifts its `Behaviour` by its own `--drift` words; only the queue in front of it is replaced by
the other tenants' load, which this file makes: more by day than by night, less at weekends, and an hour's load much
like that of the one before. Prices are those shipped for DeepSeek, with their peak hours.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt
import yaml
from scipy.signal import lfilter

from loadgen.prices import ModelPrices, PriceList, Rates, shipped_file
from loadgen.simulator.ageing import Ageing, Behaviour, parse_drift
from loadgen.simulator.timing import PROFILES, Profile
from loadgen.simulator.tokens import stop_length
from loadgen.stats.clusters import F64
from loadgen.stats.drift import Series

WINDOWS, WINDOW_S, DAY_S = 672, 900.0, 86_400.0
# A Monday, 00:00 UTC. Weeks begin at every twelfth hour of the week that follows.
MONDAY_S = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
STARTS = 14
# What `loadgen soak` asks by default, a window.
PROMPT, ANSWER, PREFIX = 300, 32, 2_150
CLASSES, REPEATS, AGENTS, CALLS = ("short", "list", "long"), 5, 4, 3
_DELAYS_S = {"after_1m": 60.0, "after_5m": 300.0, "after_60m": 3600.0}
_LIFETIME_S = 480.0
_HIT = 0.93
_PROFILE = PROFILES["default"]
_CONTEXT = 2_000


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of week. drift: as `loadgen simulate --drift` takes it; None for a stationary one.

    ar: how much a window's load is like that of the one before. seasons: whether there are days and weekends.
    gaps: the share of windows missing, half of them in two outages. slow: the share of the load's scatter that lasts
    for half a day. zone_h: how many hours before UTC weekends begin where the users are. monday: begin on one always.
    requests: of the latency probe, a window.
    """

    name: str
    drift: str | None = None
    ar: float = 0.4
    seasons: bool = True
    gaps: float = 0.0
    slow: float = 0.0
    zone_h: float = 0.0
    monday: bool = False
    requests: int = 100


def drawn_week(setting: Setting, number: int) -> tuple[float, dict[str, Series]]:
    """When the number-th week of a setting begins, and what its probes measured."""
    rng = np.random.default_rng(number)
    start_s = MONDAY_S + (0 if setting.monday else number % STARTS) * DAY_S / 2
    times_s: F64 = start_s + WINDOW_S * np.arange(WINDOWS, dtype=np.float64)
    drifts = () if setting.drift is None else (parse_drift(setting.drift),)
    ageing = Ageing(_LIFETIME_S, drifts)
    busy = _busy(rng, times_s, setting)
    measures = {
        **_latencies(rng, busy, setting.requests, [ageing.behaviour_at(at) for at in times_s - start_s]),
        **_caches(rng, busy, times_s - start_s, ageing),
        **_outputs(number, [ageing.behaviour_at(at).output_factor for at in times_s - start_s]),
        **_tools(rng, busy),
        **{f"errors.rate.{kind}": rng.binomial(n, 0.002, WINDOWS) / n for kind, n in _ASKED.items()},
    }
    measures |= _costs(rng, times_s, measures)
    kept = _kept(rng, setting.gaps)
    return start_s, {name: _series(name, times_s[kept], values[kept]) for name, values in measures.items()}


_ASKED = {"cache": 3, "output": 15, "tools": 12, "latency": 100}


def _series(name: str, times_s: F64, values: F64) -> Series:
    shares = name.startswith(("cache.hit_ratio", "errors.")) or name.endswith("_rate")
    return Series(times_s, values, scale="absolute" if shares else "relative")


def _kept(rng: np.random.Generator, gaps: float) -> npt.NDArray[np.intp]:
    """The windows in which the soak ran."""
    there = rng.random(WINDOWS) >= gaps / 2
    for start in rng.integers(0, WINDOWS, 2):
        there[start : start + int(gaps / 4 * WINDOWS)] = False
    return np.flatnonzero(there)


def following(rng: np.random.Generator, ar: float, size: int = WINDOWS) -> F64:
    """Standard normal values, each correlated by `ar` with the one before."""
    noise = rng.standard_normal(size)
    noise[1:] *= math.sqrt(1 - ar * ar)
    found: F64 = lfilter([1.0], [1.0, -ar], noise)
    return found


def _busy(rng: np.random.Generator, times_s: F64, setting: Setting) -> F64:
    """The share of the engine's batch that others fill, window by window."""
    level: F64 = np.full(WINDOWS, 0.35)
    if setting.seasons:
        local = times_s + 3600.0 * setting.zone_h
        weekend = (local - MONDAY_S) / DAY_S % 7 >= 5
        day = np.sin(2 * np.pi * (local % DAY_S / DAY_S - 0.3))
        level = level * np.where(weekend, 0.65, 1.0) * (1 + np.where(weekend, 0.2, 0.45) * day)
    scatter = math.sqrt(1 - setting.slow) * following(rng, setting.ar)
    # 48 windows are half a day.
    scatter += math.sqrt(setting.slow) * following(rng, math.exp(-1 / 48))
    return np.minimum(0.97, level * np.exp(0.25 * scatter))


def _latencies(rng: np.random.Generator, busy: F64, requests: int, behaviours: list[Behaviour]) -> dict[str, F64]:
    """Of requests one after another, on an engine that others fill as `busy` says."""
    sequences = rng.binomial(_PROFILE.max_batch - 1, busy[:, None], (WINDOWS, requests)).astype(np.float64)
    step = _step_s(_PROFILE, sequences)
    jitter = np.exp(_PROFILE.jitter_sigma * rng.standard_normal(step.shape))
    # A request waits for the step under way, and its prompt takes one.
    first = step * rng.random(step.shape) + (_step_s(_PROFILE, sequences, PROMPT)) * jitter
    tpot = _step_s(_PROFILE, sequences + 1)
    tpot *= 1 + _PROFILE.jitter_sigma / math.sqrt(ANSWER) * rng.standard_normal(step.shape)
    share = np.array([[one.slow_share] for one in behaviours])
    factor = np.array([[one.slow_factor] for one in behaviours])
    slower = np.where(rng.random(step.shape) < share, factor, 1.0)
    ttft, tpot = first * slower, tpot * slower
    e2e = ttft + (ANSWER - 1) * tpot
    found = {f"latency.tpot_s.{name}": _nearest(tpot, q) for name, q in (("p50", 0.5),)}
    for metric, values in (("ttft_s", ttft), ("e2e_s", e2e)):
        found |= {f"latency.{metric}.{name}": _nearest(values, q) for name, q in _TAILS if requests * (1 - q) > 0.999}
    return found


_TAILS = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))


def _step_s(profile: Profile, sequences: F64, prompt: int = 0) -> F64:
    """The simulator's formula, for many steps at once."""
    per = profile.step_s(prefill_tokens=prompt, new_requests=int(prompt > 0), sequences=0, kv_tokens=0)
    one = profile.step_s(prefill_tokens=0, new_requests=0, sequences=1, kv_tokens=_CONTEXT) - profile.step_base_s
    found: F64 = per + sequences * one
    return found


def _nearest(values: F64, q: float) -> F64:
    found: F64 = np.sort(values, axis=1)[:, math.ceil(q * values.shape[1]) - 1]
    return found


def _caches(rng: np.random.Generator, busy: F64, at_s: F64, ageing: Ageing) -> dict[str, F64]:
    """A prefix is gone when its lifetime is over, and now and then before: others need its room."""
    found: dict[str, F64] = {"cache.hit_ratio.warm": np.where(rng.random(WINDOWS) >= 0.002, _HIT, 0.0)}
    for name, delay_s in _DELAYS_S.items():
        lives = np.array([ageing.behaviour_at(at + delay_s).cache_lifetime_s > delay_s for at in at_s])
        found[f"cache.hit_ratio.{name}"] = np.where(lives & (rng.random(WINDOWS) >= 0.03 * busy), _HIT, 0.0)
    return found


def _outputs(number: int, factors: Iterable[float]) -> dict[str, F64]:
    rng = Random(number)
    shape = (WINDOWS, len(CLASSES), REPEATS)
    drawn = [stop_length(rng) for _ in range(math.prod(shape))]
    lengths = np.round(np.array(drawn, dtype=np.float64).reshape(shape) * np.array(list(factors))[:, None, None])
    found: dict[str, F64] = {}
    for at, name in enumerate(CLASSES):
        found[f"output.tokens.mean.{name}"] = lengths[:, at].mean(axis=1)
        found[f"output.tokens.sd.{name}"] = lengths[:, at].std(axis=1, ddof=1)
    return found


def _tools(rng: np.random.Generator, busy: F64) -> dict[str, F64]:
    tokens = 1_900 + rng.normal(0, 10, (WINDOWS, AGENTS)).mean(axis=1)
    waits = tokens / _PROFILE.prefill_tokens_per_s + 0.004 * busy
    return {
        "tools.overhead_tokens": tokens,
        "tools.overhead_s": waits + rng.normal(0, 0.01, WINDOWS),
        "tools.malformed_rate": rng.binomial(AGENTS * CALLS, 0.01, WINDOWS) / (AGENTS * CALLS),
        "tools.solved_rate": rng.binomial(AGENTS, 0.9, WINDOWS) / AGENTS,
    }


@lru_cache(maxsize=1)
def _prices() -> ModelPrices:
    path = shipped_file("deepseek-flash")
    assert path is not None
    listed = PriceList.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    prices = listed.of(next(iter(listed.models)))
    assert prices is not None
    return prices


def _costs(rng: np.random.Generator, times_s: F64, measures: dict[str, F64]) -> dict[str, F64]:
    """By the price of each window's hour."""
    rates = [_rates(at) for at in times_s]
    cold, cached, output = (
        np.array([getattr(rate, kind) for rate in rates]) / 1e6 for kind in ("input", "cached_input", "output")
    )
    answers = np.mean([measures[f"output.tokens.mean.{name}"] for name in CLASSES], axis=0)
    request = 30 * cold + answers * output
    session = 8_000 * cached + (2_000 + rng.normal(0, 100, WINDOWS)) * cold + answers * output
    solved = measures["tools.solved_rate"]
    found = {
        "cost.per_request": request,
        "cost.per_1m_output_tokens": 1e6 * request / answers,
        "cost.per_session": session,
        "cost.per_solved_task": np.divide(session, solved, out=np.full(WINDOWS, np.nan), where=solved > 0),
    }
    for name in ("warm", *_DELAYS_S):
        hit = measures[f"cache.hit_ratio.{name}"]
        found[f"cost.per_request.{name}"] = PREFIX * (hit * cached + (1 - hit) * cold) + 8 * output
    return found


@lru_cache(maxsize=8192)
def _rates(at_s: float) -> Rates:
    rates = _prices().at(at_s)
    assert rates is not None
    return rates


def without_drift(setting: Setting) -> Setting:
    """The same weeks, had nothing drifted: the same number draws the same chance."""
    return replace(setting, drift=None)
