"""Histories of made-up weeks: what a soak would have written, with the seasons, drifts and gaps that a test wants."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from loadgen.history.model import Kind, Measure, Outcome, Probe, Soak
from loadgen.history.store import History
from loadgen.history.week import Week, week_of

# A Monday, midnight UTC.
MONDAY_S = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


def a_soak(id: str = "20261102T000000Z-abcd", *, every_s: float = 3600.0, days: float = 7, model: str = "m") -> Soak:
    """A soak of hourly windows from a Monday's midnight on."""
    return Soak(
        id=id,
        scenario="cost-stability",
        target="http://127.0.0.1:8000/v1",
        model=model,
        dialect="openai",
        started_s=MONDAY_S,
        every_s=every_s,
        for_s=days * DAY_S,
        time_scale=1.0,
        seed=1,
        version="0.1.0",
        prices="USD",
        windows=round(days * DAY_S / every_s),
    )


@dataclass(frozen=True)
class Story:
    """What happens in a week. drift_day: outputs a fifth longer and cached prefixes shorter-lived from then on (None:
    never). failed, missed: windows whose probes failed or were never begun. cached: whether the server says what was
    cached; where not, costs are intervals."""

    seed: int = 1
    drift_day: float | None = None
    failed: Collection[int] = field(default=())
    missed: Collection[int] = field(default=())
    cached: bool = True
    dearer: float = 1.0


def probes_of(soak: Soak, story: Story) -> Iterator[Probe]:
    """The probes of every window, in their order."""
    random = Random(story.seed)
    for window in range(soak.windows):
        due_s = soak.started_s + window * soak.every_s
        kinds: tuple[tuple[Kind, dict[str, Measure]], ...] = (
            ("cache", _cache(soak, story, due_s, random)),
            ("output", _output(soak, story, due_s, random)),
            ("tools", _tools(random)),
            ("latency", _latency(due_s, random)),
        )
        for at, (kind, measures) in enumerate(kinds):
            outcome: Outcome = "ok"
            error = None
            if window in story.failed:
                outcome, error, measures = (
                    "failed",
                    "connect: refused",
                    {f"errors.rate.{kind}": Measure(1, None, None, 4, "ratio")},
                )
            if window in story.missed:
                outcome, measures = "missed", {}
            began_s = due_s + 10.0 * at
            yield Probe(
                soak.id, 4 * window + at, window, kind, kind, began_s, began_s, began_s + 4, outcome, measures, error
            )


def a_week(story: Story | None = None, soak: Soak | None = None) -> Week:
    """A week without a file."""
    soak = soak or a_soak()
    return week_of(soak, probes_of(soak, story or Story()))


def write_week(path: Path, story: Story | None = None, soak: Soak | None = None) -> Soak:
    """A week in a history; the soak."""
    soak = soak or a_soak()
    with History(path) as history:
        history.begin(soak)
        history.add(*probes_of(soak, story or Story()))
    return soak


def _drifted(story: Story, soak: Soak, due_s: float) -> bool:
    return story.drift_day is not None and due_s >= soak.started_s + story.drift_day * DAY_S


def _one(value: float | None, unit: str, n: int = 8, low: float | None = None, high: float | None = None) -> Measure:
    return Measure(value, low, high, n, unit)


def _cache(soak: Soak, story: Story, due_s: float, random: Random) -> dict[str, Measure]:
    if not story.cached:
        return {"errors.rate.cache": _one(0.0, "ratio")}
    short = _drifted(story, soak, due_s)
    late = 0.0 if short else 0.9 + random.gauss(0, 0.01)
    return {
        "cache.hit_ratio.warm": _one(0.93 + random.gauss(0, 0.01), "ratio", 1),
        "cache.hit_ratio.after_1m": _one(0.92 + random.gauss(0, 0.01), "ratio", 1),
        "cache.hit_ratio.after_5m": _one(late, "ratio", 1),
        "cache.hit_ratio.after_60m": _one(0.0, "ratio", 1),
        "cache.lifetime_s": _one(None, "s", 3, *((60.0, 300.0) if short else (300.0, 3600.0))),
        "errors.rate.cache": _one(0.0, "ratio"),
    }


def _output(soak: Soak, story: Story, due_s: float, random: Random) -> dict[str, Measure]:
    moment = datetime.fromtimestamp(due_s, UTC)
    peak = moment.weekday() < 5 and (1 <= moment.hour < 4 or 6 <= moment.hour < 10)
    price = (1.2 if peak else 0.6) * story.dearer
    tokens = 200 * (1.2 if _drifted(story, soak, due_s) else 1.0) * (1 + random.gauss(0, 0.02))
    cost = tokens * price / 1e6 + 0.0001
    costs = _one(cost, "USD") if story.cached else _one(None, "USD", 8, cost * 0.8, cost)
    return {
        "output.tokens.mean.short": _one(tokens, "tokens", 8, tokens * 0.9, tokens * 1.1),
        "output.tokens.sd.short": _one(30 + random.gauss(0, 2), "tokens"),
        "output.tokens.p95.short": _one(tokens * 1.3, "tokens"),
        "cost.per_request": costs,
        "cost.per_1m_output_tokens": _one(price * 1.5, "USD"),
        "cost.price.output": _one(price, "USD", 1),
        "errors.rate.output": _one(0.0, "ratio"),
    }


def _tools(random: Random) -> dict[str, Measure]:
    return {
        "tools.overhead_s": _one(0.4 * math.exp(random.gauss(0, 0.05)), "s"),
        "tools.overhead_tokens": _one(900 + random.gauss(0, 5), "tokens"),
        "tools.malformed_rate": _one(0.0, "ratio", 12),
        "cost.per_session": _one(0.002 * (1 + random.gauss(0, 0.02)), "USD"),
        "cost.per_solved_task": _one(None, "USD", 0) if random.random() < 0.02 else _one(0.0021, "USD"),
        "errors.rate.tools": _one(0.0, "ratio"),
    }


def _latency(due_s: float, random: Random) -> dict[str, Measure]:
    busy = 1 + 0.3 * math.sin(2 * math.pi * due_s / DAY_S)
    ttft_s = 0.2 * busy * math.exp(random.gauss(0, 0.05))
    return {
        "latency.ttft_s.p50": _one(ttft_s, "s", 20),
        "latency.ttft_s.p99": _one(3 * ttft_s * math.exp(random.gauss(0, 0.2)), "s", 20),
        "latency.e2e_s.p50": _one(ttft_s + 1, "s", 20),
        "latency.e2e_s.p99": _one(2 * ttft_s + 2, "s", 20),
        "latency.tpot_s.p50": _one(0.02 * busy, "s", 20),
        "errors.rate.latency": _one(0.0, "ratio", 20),
    }
