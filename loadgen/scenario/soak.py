"""What a scenario says of a soak: how often it probes, for how long, and what each kind of probe asks.

docs/cost-stability.md has what each key does. A scenario without `soak:` is soaked with these defaults.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from loadgen.scenario.fields import Count, Label, PositiveCount, PositiveSeconds, Problem, Text
from loadgen.scenario.sizes import Part, some

ProbeKind = Literal["cache", "output", "tools", "latency"]
PROBE_KINDS: tuple[ProbeKind, ...] = get_args(ProbeKind)
# Each is a series of its own in the history, of the tests for drift and on Prometheus.
_MOST_CLASSES = 12
_MOST_DELAYS = 6

_PROMPTS: Mapping[str, str] = {
    "short": "Explain in two or three sentences why the sky is blue.",
    "list": "List ten practical tips for writing code that others like to read, one line each.",
    "long": "Write an essay of about 300 words on how the tides come about and what they do to a coast.",
}


def _rising(delays: tuple[float, ...]) -> tuple[float, ...]:
    if list(delays) != sorted(set(delays)):
        raise ValueError("are not in order; accepted: each longer than the one before, such as [1m, 5m, 60m]")
    return delays


def _few(prompts: dict[str, str]) -> dict[str, str]:
    if not 1 <= len(prompts) <= _MOST_CLASSES:
        raise ValueError(f"{len(prompts)} classes; accepted: from 1 to {_MOST_CLASSES}, each a name and its prompt")
    return prompts


def _distinct(kinds: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("names one twice; accepted: each once")
    return kinds


class CacheProbes(Part):
    """What is asked of the prefix cache.

    prefix_tokens: the shared start of its prompts. after: how long after it was last used each prefix is asked for
    again; each has one of its own, for asking refreshes what it asks.
    """

    prefix_tokens: Annotated[Count, Field(ge=64, le=1_000_000)] = 2000
    after: Annotated[
        tuple[PositiveSeconds, ...], BeforeValidator(some), AfterValidator(_rising), Field(max_length=_MOST_DELAYS)
    ] = (60.0, 300.0, 3600.0)


class OutputProbes(Part):
    """How long answers to the same prompts are. prompts: a prompt for each class; repeats: how often each is asked in a
    window; max_tokens: where an answer is cut off, which should be beyond all of them."""

    prompts: Annotated[dict[Label, Text], AfterValidator(_few)] = Field(default_factory=lambda: dict(_PROMPTS))
    repeats: Annotated[Count, Field(ge=1, le=1000)] = 5
    max_tokens: PositiveCount = 2048


class ToolProbes(Part):
    """What tools cost. workload: of kind tools, whose tasks are done; the first one by default. sessions: a window."""

    workload: Label | None = None
    sessions: Annotated[Count, Field(ge=1, le=1000)] = 4


class LatencyProbes(Part):
    """How long requests take, one after another. requests: a window; p99 needs 100 of them, p95 needs 20."""

    requests: Annotated[Count, Field(ge=1, le=10_000)] = 100
    prompt_tokens: Annotated[Count, Field(ge=16, le=1_000_000)] = 300
    output_tokens: PositiveCount = 32


class SoakSpec(Part):
    """When a soak probes, and what. every_s: the length of a window; for_s: of the whole soak."""

    every_s: PositiveSeconds = Field(default=900.0, alias="every")
    for_s: PositiveSeconds = Field(default=7 * 86_400.0, alias="for")
    probes: Annotated[tuple[ProbeKind, ...], BeforeValidator(some), AfterValidator(_distinct)] = PROBE_KINDS
    cache: CacheProbes = Field(default_factory=CacheProbes)
    output: OutputProbes = Field(default_factory=OutputProbes)
    tools: ToolProbes = Field(default_factory=ToolProbes)
    latency: LatencyProbes = Field(default_factory=LatencyProbes)


def soak_problems(soak: SoakSpec, agents: Sequence[str]) -> Iterable[Problem]:
    """A soak's tool tasks are those of a workload that is there. agents: the names of those with tools."""
    name = soak.tools.workload
    if name is not None and name not in agents:
        accepted = ", ".join(agents) or "none here, remove it"
        what = f"{name!r} is no workload of agents with tools; accepted: {accepted}"
        yield Problem(("soak", "tools", "workload"), what)


def windows_of(every_s: float, for_s: float) -> int:
    """How many whole windows a soak has."""
    # 7 d in windows of 15 m are 672, whatever their quotient in doubles is.
    return max(1, int(for_s / every_s + 1e-9))


def settings_of(spec: SoakSpec) -> dict[str, Any]:
    """What of it decides what is sent and when, as plain data."""
    return spec.model_dump(mode="json")
