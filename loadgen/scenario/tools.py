"""What a scenario says of a `tools` workload: agents that call tools, or single function-calling questions.

docs/tools.md has what each key does.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from loadgen.scenario.fields import (
    Count,
    Label,
    PositiveCount,
    PositiveNumber,
    PositiveSeconds,
    Problem,
    Share,
    Text,
    refuse,
)
from loadgen.scenario.sizes import Constant, Lognormal, LognormalShape, Part, Seconds, Size, TimeSize, Tokens, some

TaskName = Literal[
    "cancel_and_ticket",
    "copy_file",
    "move_event",
    "refund_share",
    "ticket_for_name",
    "comment_and_close",
    "cite_article",
    "calculate_to_file",
    "cancel_open_orders",
    "event_and_delete",
    "nothing",
]
TASK_NAMES: tuple[TaskName, ...] = get_args(TaskName)
Family = Literal["files", "calendar", "orders", "tickets", "search", "arithmetic"]
FAMILIES: tuple[Family, ...] = get_args(Family)
MOST_TOOLS = 200
# The keys that say what agents do, which single questions have no use for.
_AGENT_KEYS = (
    *("tools", "tasks", "tasks_per_session", "think_time", "max_steps", "latency", "tool_timeout", "faults"),
    *("subagents", "paired", "schemas", "catalogue"),
)


class ToolLatency(Part):
    """How long tools run, by family; `default` for a family that is not named, and for a user's own tools."""

    default: TimeSize = Lognormal[Seconds](lognormal=LognormalShape[Seconds](median=0.2, p90=1.0, max=10.0))
    files: TimeSize | None = None
    calendar: TimeSize | None = None
    orders: TimeSize | None = None
    tickets: TimeSize | None = None
    search: TimeSize | None = None
    arithmetic: TimeSize | None = None

    def of(self, family: str) -> TimeSize:
        """The distribution of one family."""
        own: TimeSize | None = getattr(self, family, None)
        return self.default if own is None else own


def _as_latency(value: Any) -> Any:
    """One distribution in the file is that of all families."""
    if isinstance(value, ToolLatency) or (isinstance(value, Mapping) and set(value) & {"default", *FAMILIES}):
        return value
    return {"default": value}


class ToolFaults(Part):
    """The share of valid calls that are hit by each fault; a call is hit by one at most."""

    timeout: Share = 0.0
    error: Share = 0.0
    empty: Share = 0.0
    malformed: Share = 0.0
    flood: Share = 0.0

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Name and share of each, in a fixed order."""
        return tuple((name, getattr(self, name)) for name in type(self).model_fields)

    @model_validator(mode="after")
    def _consistent(self) -> "ToolFaults":
        if (total := sum(share for _, share in self.shares)) > 1:
            raise ValueError(f"the shares come to {total:g}; accepted: up to 1 together")
        return self


class ToolsSpec(Part):
    """Agents with tools and tasks whose end state is checked.

    tools: how many are offered, None for all shipped ones. tasks: None for all; a session does tasks_per_session of
    them, one after the other in one conversation. max_steps: requests a task may take. tool_timeout_s: how long a call
    that times out is waited for. subagents: agents beside each session, with a context of their own. paired: share of
    sessions whose first turn is also asked without tools. schemas: whether all sessions send the same bytes of tool
    definitions, or each its own, which no prefix cache can know. catalogue: the user's own tools and tasks. bfcl,
    answers: single questions in BFCL's form instead of agents, and the file of their answers.
    """

    kind: Literal["tools"] = "tools"
    name: Label
    weight: PositiveNumber = 1.0
    tools: Annotated[Count, Field(ge=1, le=MOST_TOOLS)] | None = None
    tasks: Annotated[tuple[TaskName, ...], BeforeValidator(some)] | None = None
    tasks_per_session: Size = Constant[Tokens](constant=1)
    think_time: TimeSize = Constant[Seconds](constant=0)
    max_steps: Annotated[PositiveCount, Field(le=200)] = 12
    latency: Annotated[ToolLatency, BeforeValidator(_as_latency)] = Field(default_factory=ToolLatency)
    tool_timeout_s: PositiveSeconds = Field(default=5.0, alias="tool_timeout")
    faults: ToolFaults = Field(default_factory=ToolFaults)
    subagents: Annotated[Count, Field(ge=0, le=16)] = 0
    paired: Share = 0.1
    schemas: Literal["shared", "fresh"] = "shared"
    output_tokens: Size | None = None
    catalogue: Text | None = None
    bfcl: Text | None = None
    answers: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "ToolsSpec":
        problems = []
        if self.bfcl is not None:
            fields = type(self).model_fields
            given = {fields[name].alias or name for name in self.model_fields_set if not self._is_default(name)}
            problems += [
                Problem((key,), "is for agents, and bfcl asks single questions; accepted: remove one of them")
                for key in _AGENT_KEYS
                if key in given
            ]
        elif self.answers is not None:
            problems.append(Problem(("answers",), "belongs to bfcl; accepted: beside bfcl"))
        if self.catalogue is not None:
            problems += [
                Problem((key,), "is of the shipped tools, and catalogue brings its own; accepted: remove one of them")
                for key in ("tools", "tasks")
                if getattr(self, key) is not None
            ]
        refuse("tools", problems)
        return self

    def _is_default(self, name: str) -> bool:
        # A scenario that comes from another process has every key.
        return bool(getattr(self, name) == type(self).model_fields[name].get_default(call_default_factory=True))
