"""Reads docker-compose.yml as far as it is used there: commands, environments, ports, with the variables filled in.

For the stack without Docker (native.py), and for the test that holds the file together on machines that have none.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadgen.errors import UsageError

FILE = Path(__file__).parents[1] / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Health(BaseModel):
    """When a service counts as up."""

    model_config = ConfigDict(extra="forbid")

    test: list[str] = []
    interval: str = "30s"
    timeout: str = "30s"
    retries: int = 3
    disable: bool = False


class Dependency(BaseModel):
    """What has to be before a service starts; one that is not required is only waited for where its profile is on."""

    model_config = ConfigDict(extra="forbid")

    condition: str
    required: bool = True


class Limits(BaseModel):
    """What a container may take of the machine."""

    model_config = ConfigDict(extra="forbid")

    memory: str
    pids: int
    cpus: str | None = None


class Resources(BaseModel):
    """Compose's own level between `deploy` and the limits."""

    model_config = ConfigDict(extra="forbid")

    limits: Limits


class Deploy(BaseModel):
    """How many containers of a service, and their limits."""

    model_config = ConfigDict(extra="forbid")

    replicas: int = Field(default=1, ge=1)
    resources: Resources


class Build(BaseModel):
    """Which stage of the Dockerfile makes an image."""

    model_config = ConfigDict(extra="forbid")

    context: str
    target: str


class Service(BaseModel):
    """One service. A key that is not named here is refused: somebody has to think of what `make stack` makes of it."""

    model_config = ConfigDict(extra="forbid")

    image: str
    healthcheck: Health
    deploy: Deploy
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    tmpfs: list[str]
    build: Build | None = None
    command: list[str] = []
    environment: dict[str, str] = {}
    ports: list[str] = []
    volumes: list[str] = []
    depends_on: dict[str, Dependency] = {}
    profiles: list[str] = []
    init: bool = False


class Compose(BaseModel):
    """The whole file; `x-` keys are only anchors."""

    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


def read(environ: Mapping[str, str], file: Path = FILE) -> Compose:
    """The stack as it stands in the file, its variables from `environ`.

    Raises UsageError for what is no such file, or is none with these variables.
    """
    try:
        return Compose.model_validate(_filled(yaml.safe_load(file.read_text(encoding="utf-8")), environ))
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(map(str, found["loc"]))
        raise UsageError(f"{file.name}: {place} is {found['input']!r}: {found['msg']}") from None


def read_env(path: Path) -> dict[str, str]:
    """The variables of an .env file: NAME=VALUE a line, `#` comments; none where there is no file.

    Raises UsageError naming file and line.
    """
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{path}:{number}: accepted: NAME=VALUE, or a comment")
        # As Compose has it: a `#` after a space begins a comment, unless the value is quoted.
        quoted = re.fullmatch(r"""(["'])(.*)\1(?:\s+#.*)?""", value.strip())
        found[name] = quoted[2] if quoted else re.split(r"\s#", value)[0].strip()
    return found


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, environ) for inner in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1], "") or found[2] or "", value)
    return value
