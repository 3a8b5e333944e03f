"""Sizes and times that vary: how many tokens, how many turns, how long a pause. Drawn by the workloads.

The models mirror what a scenario writes: a number, a list to cycle through, or `{lognormal: {median: 5s, p90: 30s}}`.
Every draw takes exactly one `random()` of the generator it is given (a cycle takes none): that method alone is
promised to stay the same across Python versions, and so a seed keeps its meaning.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from difflib import get_close_matches
from random import Random
from statistics import NormalDist
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from loadgen.scenario.quantities import parse_count, parse_duration

T = TypeVar("T", bound=float)

# Beyond this no server is; a prompt of it is some 40 MB.
MOST_TOKENS = 10_000_000
_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.9)
_FORMS = ("constant", "cycle", "uniform", "lognormal", "empirical")


def some(value: Any) -> Any:
    """For a list that must not be empty: pydantic's min_length calls a list empty whose items are all mistaken."""
    if isinstance(value, list | tuple) and not value:
        raise ValueError("is empty; accepted: a list of at least one")
    return value


class Part(BaseModel):
    """A part of a scenario: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:  # noqa: ARG003 - pydantic's signature
        """`Constant`, where pydantic would spell out the unit's whole validator in every message and repr."""
        return cls.__name__


class Distribution(Part, ABC):
    """Where a size or a time comes from. The unit (tokens, turns, seconds) is that of the field that holds it."""

    @abstractmethod
    def draw(self, rng: Random, ordinal: int) -> float:
        """One value. `ordinal`, 0-based, picks from a list that is cycled through; the others draw from `rng`."""

    @abstractmethod
    def mean(self) -> float:
        """The expected value of a draw (over a whole cycle of a list)."""

    def draw_tokens(self, rng: Random, ordinal: int) -> int:
        """One value as a count: rounded to the nearest whole number, at least 1 and at most MOST_TOKENS."""
        return min(MOST_TOKENS, max(1, round(self.draw(rng, ordinal))))


class Constant(Distribution, Generic[T]):
    """Always the same."""

    constant: T

    def draw(self, rng: Random, ordinal: int) -> float:  # noqa: ARG002 - one face for all forms
        return self.constant

    def mean(self) -> float:
        return self.constant


class Cycle(Distribution, Generic[T]):
    """The values of a list, one after the other, over and over."""

    cycle: Annotated[tuple[T, ...], BeforeValidator(some)]

    def draw(self, rng: Random, ordinal: int) -> float:  # noqa: ARG002
        return self.cycle[ordinal % len(self.cycle)]

    def mean(self) -> float:
        return math.fsum(self.cycle) / len(self.cycle)


class Range(Part, Generic[T]):
    """Two bounds, both included."""

    min: T
    max: T

    @model_validator(mode="after")
    def _in_order(self) -> "Range[T]":
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; accepted: min <= max")
        return self


class Uniform(Distribution, Generic[T]):
    """Equally likely everywhere between two bounds."""

    uniform: Range[T]

    def draw(self, rng: Random, ordinal: int) -> float:  # noqa: ARG002
        return self.uniform.min + (self.uniform.max - self.uniform.min) * rng.random()

    def mean(self) -> float:
        return (self.uniform.min + self.uniform.max) / 2


class LognormalShape(Part, Generic[T]):
    """A lognormal by its median and its 90th percentile; draws outside `min`..`max` are moved to the bound."""

    median: Annotated[T, Field(gt=0)]
    p90: T
    min: T | None = None
    max: T | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "LognormalShape[T]":
        if self.p90 < self.median:
            raise ValueError(f"p90 {self.p90:g} is below the median {self.median:g}; accepted: p90 >= median")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; accepted: min <= max")
        return self


class Lognormal(Distribution, Generic[T]):
    """Most values small, some very large: how long people think and how long their prompts are."""

    lognormal: LognormalShape[T]

    def draw(self, rng: Random, ordinal: int) -> float:  # noqa: ARG002
        # inv_cdf has no value at 0, which random() returns once in 2**53 draws.
        normal = _NORMAL.inv_cdf(rng.random() or 2.0**-54)
        shape = self.lognormal
        value = shape.median * math.exp(self._sigma() * normal)
        if shape.min is not None and value < shape.min:
            return shape.min
        if shape.max is not None and value > shape.max:
            return shape.max
        return value

    def mean(self) -> float:
        """With clamps: min P(X < min) + E[X; min < X < max] + max P(X > max), by the partial expectation
        E[X; X < k] = exp(mu + sigma^2 / 2) Phi((ln k - mu) / sigma - sigma) of the lognormal."""
        shape, sigma = self.lognormal, self._sigma()
        if sigma == 0:
            return self.draw(Random(0), 0)
        whole = shape.median * math.exp(sigma * sigma / 2)

        def quantile_of(bound: float) -> float:
            return math.log(bound / shape.median) / sigma if bound > 0 else -math.inf

        low = -math.inf if shape.min is None else quantile_of(shape.min)
        high = math.inf if shape.max is None else quantile_of(shape.max)
        mean = whole * (_NORMAL.cdf(high - sigma) - _NORMAL.cdf(low - sigma))
        if shape.min is not None:
            mean += shape.min * _NORMAL.cdf(low)
        if shape.max is not None:
            mean += shape.max * (1 - _NORMAL.cdf(high))
        return mean

    def _sigma(self) -> float:
        return math.log(self.lognormal.p90 / self.lognormal.median) / _Z90


class Empirical(Distribution, Generic[T]):
    """Any of the given values, each equally likely: a sample of what was seen."""

    empirical: Annotated[tuple[T, ...], BeforeValidator(some)]

    def draw(self, rng: Random, ordinal: int) -> float:  # noqa: ARG002
        return self.empirical[int(rng.random() * len(self.empirical))]

    def mean(self) -> float:
        return math.fsum(self.empirical) / len(self.empirical)


def _as_form(value: Any) -> Any:
    """Brings the short spellings, a number and a list, into the long one; refuses what has no single known key."""
    if isinstance(value, Distribution):
        return value
    if isinstance(value, list | tuple):
        return {"cycle": value}
    if not isinstance(value, Mapping):
        return {"constant": value}
    if len(value) == 1 and next(iter(value)) in _FORMS:
        return value
    accepted = f"a value, a list to cycle through, or one of {', '.join(_FORMS)}"
    unknown = [str(key) for key in value if key not in _FORMS]
    if not unknown:
        raise ValueError(f"exactly one distribution is expected, not {len(value)}; accepted: {accepted}")
    close = get_close_matches(unknown[0], _FORMS, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"unknown distribution {unknown[0]!r}; accepted: {accepted}{hint}")


def _form_of(value: Any) -> str:
    """The union's tag. The `@` tells a tag from a key of the file where a mistake is placed."""
    if isinstance(value, Distribution):
        return f"@{type(value).__name__.lower()}"
    return f"@{next(iter(value))}"


Tokens = Annotated[float, BeforeValidator(parse_count), Field(ge=1, le=MOST_TOKENS)]
Seconds = Annotated[float, BeforeValidator(parse_duration)]

Size = Annotated[
    Annotated[Constant[Tokens], Tag("@constant")]
    | Annotated[Cycle[Tokens], Tag("@cycle")]
    | Annotated[Uniform[Tokens], Tag("@uniform")]
    | Annotated[Lognormal[Tokens], Tag("@lognormal")]
    | Annotated[Empirical[Tokens], Tag("@empirical")],
    Discriminator(_form_of),
    BeforeValidator(_as_form),
]
"""A number of tokens or turns (each at least 1), perhaps varying."""

TimeSize = Annotated[
    Annotated[Constant[Seconds], Tag("@constant")]
    | Annotated[Cycle[Seconds], Tag("@cycle")]
    | Annotated[Uniform[Seconds], Tag("@uniform")]
    | Annotated[Lognormal[Seconds], Tag("@lognormal")]
    | Annotated[Empirical[Seconds], Tag("@empirical")],
    Discriminator(_form_of),
    BeforeValidator(_as_form),
]
"""A time in seconds, perhaps varying."""
