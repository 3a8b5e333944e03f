"""What a scenario says of a `coding` workload: agents that mend real repositories, whose tests really run.

docs/coding.md has what each key does.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from loadgen.scenario.fields import Count, Label, PositiveCount, PositiveNumber, PositiveSeconds, Share, Text
from loadgen.scenario.quantities import parse_bytes
from loadgen.scenario.sizes import Part, Size, some

MOST_STEPS = 500
# Below these Python does not start, or a small tree has no room, and all work would be judged wrong or not at all:
# `memory: 512` is 512 bytes.
_LEAST_MEMORY, _LEAST_DISK = 32_000_000, 1_000_000
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(ge=1)]


class CodingFaults(Part):
    """The share of sessions that meet each failure on purpose, once; a session meets one at most.

    test_timeout: its first test run times out. edit_failed: its first edit that matches is not made. flaky_test: in its
    first test run that is all green, one test is told to have failed.
    """

    test_timeout: Share = 0.0
    edit_failed: Share = 0.0
    flaky_test: Share = 0.0

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Name and share of each, in a fixed order."""
        return tuple((name, getattr(self, name)) for name in type(self).model_fields)

    @model_validator(mode="after")
    def _consistent(self) -> "CodingFaults":
        if (total := sum(share for _, share in self.shares)) > 1:
            raise ValueError(f"the shares come to {total:g}; accepted: up to 1 together")
        return self


class SandboxLimits(Part):
    """What one test run may take, all its processes together."""

    cpu_s: PositiveSeconds = Field(default=20.0, alias="cpu")
    memory_bytes: Bytes = Field(default=512 * 1024 * 1024, alias="memory", ge=_LEAST_MEMORY)
    disk_bytes: Bytes = Field(default=32 * 1024 * 1024, alias="disk", ge=_LEAST_DISK)
    processes: PositiveCount = 32
    output_bytes: Bytes = Field(default=64 * 1024, alias="output")


def _names(value: object) -> object:
    """`all` is every task of the folder."""
    return None if value == "all" else some(value)


class CodingSpec(Part):
    """Agents with a repository each.

    tasks: names of tasks, None for all of the folder. path: a folder of tasks, None for the shipped ones. max_steps:
    requests a session may take. sandbox: where code that a model wrote runs: `auto` is isolated or not at all, `unsafe`
    runs it as it is where isolation is not to be had. parallel: test runs at a time, per worker. test_timeout_s: how
    long one may take, and how long one on purpose is waited for.
    """

    kind: Literal["coding"] = "coding"
    name: Label
    weight: PositiveNumber = 1.0
    tasks: Annotated[tuple[Text, ...] | None, BeforeValidator(_names)] = None
    path: Text | None = None
    max_steps: Annotated[PositiveCount, Field(le=MOST_STEPS)] = 40
    faults: CodingFaults = Field(default_factory=CodingFaults)
    sandbox: Literal["auto", "unsafe"] = "auto"
    parallel: Annotated[Count, Field(ge=1, le=64)] = 1
    test_timeout_s: PositiveSeconds = Field(default=20.0, alias="test_timeout")
    limits: SandboxLimits = Field(default_factory=SandboxLimits)
    output_tokens: Size | None = None
