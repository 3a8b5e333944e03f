"""What the environment says: the LOADGEN_* variables, for containers, CI and plain Locust.

Command-line options win over these. The API key is not here: the scenario names the variable that holds it.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """scenario, target, model: as the arguments of `loadgen run`. workers: 0 is chosen from the machine's cores."""

    model_config = SettingsConfigDict(env_prefix="LOADGEN_", extra="ignore")

    scenario: str = "quickstart"
    target: str | None = None
    model: str | None = None
    users: int | None = None
    rate: float | None = None
    duration: str | None = None
    workers: int = Field(default=0, ge=0)
    out: Path | None = None
