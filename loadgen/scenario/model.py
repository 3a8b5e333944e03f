"""The scenario as typed, frozen data: what to send, to whom, when. Built by the loader, read by everybody else.

Attributes carry their unit where the YAML key does not (`duration` is `duration_s` here). Knows nothing of files or
YAML, and nothing of HTTP beyond the shape of a URL. What a workload kind adds stands in its own spec.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from loadgen.errors import UsageError
from loadgen.prices import FlatPrices, ModelPrices, PriceList, Prices
from loadgen.scenario.coding import CodingSpec
from loadgen.scenario.fields import (
    Count,
    Flag,
    Label,
    Number,
    PositiveCount,
    PositiveNumber,
    PositiveSeconds,
    Problem,
    RunLabel,
    Text,
    refuse,
)
from loadgen.scenario.long_context import LongContextSpec
from loadgen.scenario.quantities import parse_number, shown
from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.scenario.records import Records, RecordsSpec
from loadgen.scenario.request import RequestOptions
from loadgen.scenario.sizes import Constant, Part, Seconds, Size, TimeSize, Tokens, some
from loadgen.scenario.slos import Slo
from loadgen.scenario.soak import SoakSpec, soak_problems
from loadgen.scenario.stated import SloSpec, slo_problems
from loadgen.scenario.target import Target
from loadgen.scenario.tools import ToolsSpec

SHIPPED_CORPORA = ("python-docs", "python-source")


class Ramp(NamedTuple):
    """A level that moves linearly from `start` to `end` over its stage; users, or sessions per second."""

    start: float
    end: float


def _as_ramp(value: Any) -> Any:
    pair = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(pair) != 2:
        raise ValueError(f"{len(pair)} levels; accepted: a number, or [from, to] for a linear ramp")
    start, end = (parse_number(level) for level in pair)
    if start < 0 or end < 0:
        raise ValueError(f"a level can't be negative: {min(start, end):g}; accepted: 0 or more")
    return [start, end]


def _whole(level: Ramp) -> Ramp:
    for users in level:
        if users != int(users):
            raise ValueError(f"{users:g} is not a whole number of users; accepted: a whole number, or two")
    return level


Level = Annotated[Ramp, BeforeValidator(_as_ramp)]


class Prefix(Part):
    """Text in front of the conversation, to steer a server's prefix cache.

    scope: `all` is the same bytes for every session (a cache should hit), `session` the same within one session
    and found in no other, `turn` new each turn (nothing may ever hit).
    """

    tokens: Size
    scope: Literal["all", "session", "turn"]


class ChatSpec(Part):
    """Conversations of new text: each turn adds a user message of `prompt_tokens`.

    corpus: where the text comes from: a shipped one, or a file or folder. Sessions differ from the first byte
    unless `prefix.scope` is `all`.
    """

    kind: Literal["chat"] = "chat"
    name: Label
    weight: PositiveNumber = 1.0
    turns: Size = Constant[Tokens](constant=1)
    prompt_tokens: Size = Constant[Tokens](constant=200)
    output_tokens: Size | None = None
    think_time: TimeSize = Constant[Seconds](constant=0)
    corpus: Text = "python-docs"
    prefix: Prefix | None = None


REPLAY_FORMATS = ("agentic", "openai", "sharegpt", "mooncake", "azure", "burstgpt", "bailian", "kv_cache_tester")
ReplayFormat = Literal["agentic", "openai", "sharegpt", "mooncake", "azure", "burstgpt", "bailian", "kv_cache_tester"]


class ReplaySpec(Part):
    """Recorded conversations, or recorded lengths and times.

    time_scale multiplies every recorded time; idle_cap_s bounds a wait within a session afterwards. jitter_s: the
    quantum that the recording's timestamps were rounded to; sessions that share one are spread over it. start_s and
    limit: the window that is played, from so many seconds into the recording on, and so many sessions. on_bad_line:
    whether a line that can't be used stops the run or is left out and counted. assistant: send the recorded replies as
    history, or the live ones. repeat: begin again when the recording has run out.
    """

    kind: Literal["replay"] = "replay"
    name: Label
    weight: PositiveNumber = 1.0
    format: ReplayFormat | Literal["auto"]
    path: Text
    time_scale: Annotated[Number, Field(ge=0)] = 1.0
    idle_cap_s: Seconds | None = Field(default=None, alias="idle_cap")
    jitter_s: Seconds = Field(default=0.0, alias="jitter")
    start_s: Seconds = Field(default=0.0, alias="start")
    limit: PositiveCount | None = None
    on_bad_line: Literal["stop", "skip"] = "stop"
    assistant: Literal["recorded", "live"] = "recorded"
    repeat: Flag = True
    max_turns: PositiveCount | None = None


WORKLOAD_KINDS = ("chat", "replay", "tools", "long_context", "coding", "reasoning")


def _known_kind(value: Any) -> Any:
    if isinstance(value, Mapping):
        kind, accepted = value.get("kind"), ", ".join(WORKLOAD_KINDS)
        if "kind" not in value:
            refuse("workload", [Problem(("kind",), f"is missing; accepted: {accepted}")])
        elif kind not in WORKLOAD_KINDS:
            close = get_close_matches(str(kind), WORKLOAD_KINDS, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            refuse("workload", [Problem(("kind",), f"unknown kind {shown(kind)}; accepted: {accepted}{hint}")])
    elif not isinstance(value, Part):
        raise ValueError(f"{shown(value)} is no workload; accepted: {{name: ..., kind: chat, ...}}")
    return value


def _kind_of(value: Any) -> str:
    """The union's tag; `@` as in sizes: no key of the file."""
    return f"@{value['kind'] if isinstance(value, Mapping) else value.kind}"


WorkloadSpec = Annotated[
    Annotated[ChatSpec, Tag("@chat")]
    | Annotated[ReplaySpec, Tag("@replay")]
    | Annotated[LongContextSpec, Tag("@long_context")]
    | Annotated[ToolsSpec, Tag("@tools")]
    | Annotated[CodingSpec, Tag("@coding")]
    | Annotated[ReasoningSpec, Tag("@reasoning")],
    Discriminator(_kind_of),
    BeforeValidator(_known_kind),
]


class StageSpec(Part):
    """A named stretch of the load. `rate` is sessions per second (open loop), `users` concurrent sessions (closed)."""

    name: Label
    duration_s: PositiveSeconds = Field(alias="duration")
    rate: Level | None = None
    users: Annotated[Level, AfterValidator(_whole)] | None = None
    measure: Flag = True


Arrivals = Literal["closed", "constant", "poisson", "gamma", "trace"]


class Load(Part):
    """When sessions start.

    burstiness: the shape of gamma arrivals, whose gaps have a coefficient of variation of 1/sqrt(burstiness), as
    vLLM's `--burstiness`; 1 is Poisson. max_in_flight: sessions above it are dropped and counted. grace_s: how long
    turns in flight may still run when the load has ended.
    """

    arrivals: Arrivals
    burstiness: PositiveNumber = 1.0
    max_in_flight: PositiveCount = 2000
    grace_s: Seconds = Field(default=30.0, alias="grace")
    stages: Annotated[tuple[StageSpec, ...], BeforeValidator(some)]

    @model_validator(mode="after")
    def _consistent(self) -> "Load":
        problems = list(_repeated("stages", (stage.name for stage in self.stages)))
        if self.arrivals != "gamma" and self.burstiness != 1:
            what = f"belongs to gamma arrivals only, and these are {self.arrivals}; accepted: remove it, or gamma"
            problems.append(Problem(("burstiness",), what))
        for index, stage in enumerate(self.stages):
            problems.extend(_level_problems(self.arrivals, index, stage))
        measured = [stage for stage in self.stages if stage.measure]
        if not measured:
            what = "no stage is measured; accepted: at least one without `measure: false`"
            problems.append(Problem(("stages",), what))
        elif self.arrivals != "trace" and not problems and not any(_peak(stage) > 0 for stage in measured):
            problems.append(Problem(("stages",), "no measured stage has a level above 0; accepted: at least one"))
        refuse("load", problems)
        return self


def _peak(stage: StageSpec) -> float:
    return max(stage.rate or stage.users or (0.0,))


def _level_problems(arrivals: Arrivals, index: int, stage: StageSpec) -> Iterable[Problem]:
    """A closed stage has users and no rate, a trace neither, any other a rate and no users."""
    wanted = {"closed": "users", "trace": ""}.get(arrivals, "rate")
    for key, value in (("rate", stage.rate), ("users", stage.users)):
        at = ("stages", index, key)
        if key == wanted and value is None:
            yield Problem(at, f"is missing: {arrivals} arrivals need it; accepted: a number, or [from, to]")
        elif key != wanted and value is not None:
            instead = f"{wanted} instead" if wanted else "neither rate nor users: the recording says when"
            yield Problem(at, f"does not go with {arrivals} arrivals; accepted: {instead}")


def _repeated(field: str, names: Iterable[str]) -> Iterable[Problem]:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        first = seen.setdefault(name, index)
        if first != index:
            at = (field, index, "name")
            yield Problem(at, f"{name!r} is already the name of {field}.{first}; accepted: a name of its own")


class Hardware(Part):
    """What the machine under test costs, for a cost per token where there is no price list."""

    usd_per_hour: PositiveNumber


class Budget(Part):
    """What the run may cost."""

    usd: PositiveNumber


def _prices(value: Any) -> Any:
    # A name or a path is gone by now: the loader puts the list itself in its place.
    if not isinstance(value, Mapping | FlatPrices | PriceList):
        raise ValueError(f"{shown(value)} is no price list; accepted: the name of a shipped one, a file, or a mapping")
    return value


def _budget_problems(prices: Prices | None, hardware: Hardware | None) -> Iterable[Problem]:
    """A budget is in dollars, and something has to say what is spent."""
    if prices is None and hardware is None:
        what = "nothing says what the run costs; accepted: prices or hardware beside it"
        yield Problem(("budget",), what)
    elif prices is not None and prices.currency != "USD":
        what = f"is in USD, and the prices are in {prices.currency}; accepted: prices in USD"
        yield Problem(("budget",), what)


class Scenario(Part):
    """Everything a run is told. Same scenario and same seed, same plan.

    prices: the list itself, whatever the file named. calibrate: `auto` asks the target, `off` takes the usual ratio,
    anything else is the path of a tokenizer's file. soak: how `loadgen soak` probes; a run takes no notice of it.
    """

    name: RunLabel
    description: str = ""
    target: Target = Field(default_factory=Target)
    request: RequestOptions = Field(default_factory=RequestOptions)
    workloads: Annotated[tuple[WorkloadSpec, ...], BeforeValidator(some)]
    load: Load
    slos: tuple[SloSpec, ...] = ()
    prices: Annotated[Prices, BeforeValidator(_prices)] | None = None
    hardware: Hardware | None = None
    budget: Budget | None = None
    calibrate: Text = "auto"
    records: RecordsSpec = Field(default_factory=Records)
    soak: SoakSpec | None = None
    seed: Count = 1

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        problems = list(_repeated("workloads", (workload.name for workload in self.workloads)))
        if self.load.arrivals == "trace" and not any(isinstance(w, ReplaySpec) for w in self.workloads):
            what = "trace arrivals take their times from a recording; accepted: a workload of kind replay"
            problems.append(Problem(("load", "arrivals"), what))
        if self.budget is not None:
            problems.extend(_budget_problems(self.prices, self.hardware))
        if self.soak is not None:
            agents = [spec.name for spec in self.workloads if isinstance(spec, ToolsSpec) and spec.bfcl is None]
            problems.extend(soak_problems(self.soak, agents))
        problems.extend(
            Problem(("slos", index), what)
            for index, what in slo_problems(
                self.slos,
                stages=[stage.name for stage in self.load.stages if stage.measure],
                workloads=[workload.name for workload in self.workloads],
                streamed=self.request.stream,
                priced=self.prices is not None or self.hardware is not None,
                recorded=self.records.sample > 0,
            )
        )
        refuse("scenario", problems)
        return self

    @property
    def objectives(self) -> tuple[Slo, ...]:
        """What is good enough, presets spelled out, in the order of the file."""
        return tuple(slo for spec in self.slos for slo in spec.objectives)


def prices_of(scenario: Scenario, model: str) -> ModelPrices | None:
    """The model's, None without a list. Raises UsageError for a list without this model."""
    if scenario.prices is None:
        return None
    prices = scenario.prices.of(model)
    if prices is None:
        known = ", ".join(getattr(scenario.prices, "models", ()))
        raise UsageError(f"prices: no price of the model {model!r} in the list; it has {known}")
    return prices


def scenario_to_json(scenario: Scenario) -> bytes:
    """The resolved scenario for another process. Holds the headers as they are: never write it to a file."""
    return scenario.model_dump_json(by_alias=True).encode()


def scenario_from_json(data: bytes) -> Scenario:
    """The scenario that `scenario_to_json` wrote. Raises pydantic's ValidationError for anything else."""
    return Scenario.model_validate(json.loads(data))
