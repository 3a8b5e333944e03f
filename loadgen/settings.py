"""What the environment says: the LOADGEN_* variables, for containers, CI and plain Locust.

Command-line options win over these. The API key is not here: the scenario names the variable that holds it.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from loadgen.errors import UsageError
from loadgen.scenario.overrides import Overrides
from loadgen.scenario.quantities import parse_duration


class Settings(BaseSettings):
    """scenario, target, model: as the arguments of `loadgen run`. A variable that is empty is not set."""

    model_config = SettingsConfigDict(env_prefix="LOADGEN_", env_ignore_empty=True, extra="ignore")

    scenario: str = "quickstart"
    target: str | None = None
    model: str | None = None
    users: int | None = None
    rate: float | None = None
    duration: str | None = None
    out: Path | None = None
    history: Path | None = None
    prometheus_host: str = "127.0.0.1"
    prometheus_port: int | None = Field(default=None, ge=0, le=65535)

    @classmethod
    def read(cls) -> Self:
        """What the environment says. Raises UsageError naming the variable."""
        try:
            return cls()
        except ValidationError as error:
            found = error.errors()[0]
            name = "_".join(map(str, ("LOADGEN", *found["loc"]))).upper()
            raise UsageError(f"{name}: can't read {found['input']!r}: {found['msg']}") from None

    def overrides(self) -> Overrides:
        """What these change in the scenario. Raises UsageError for options that contradict each other."""
        try:
            duration_s = None if self.duration is None else parse_duration(self.duration)
        except ValueError as error:
            raise UsageError(f"LOADGEN_DURATION: {error}") from None
        return Overrides(target=self.target, model=self.model, users=self.users, rate=self.rate, duration_s=duration_s)
