"""A valid scenario to begin with, and ways to write and load variants of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loadgen.errors import ScenarioError
from loadgen.scenario import LoadedScenario, Overrides, load_scenario

VALID = """\
name: mixed
description: "Chat and agents: does it hold?"
target: {base_url: "http://127.0.0.1:8000/v1", model: auto, timeout: 600s}
request: {stream: true, max_tokens: 256, temperature: 0, extra_body: {top_k: 3}, retry: {attempts: 1}}
workloads:
  - {name: chat, kind: chat, weight: 3, turns: [1, 3], think_time: {lognormal: {median: 5s, p90: 30s}}}
  - {name: agents, kind: replay, format: agentic, path: traces/agentic.jsonl, idle_cap: 5s}
load:
  arrivals: poisson
  max_in_flight: 2000
  grace: 30s
  stages:
    - {name: warmup, duration: 10s, rate: 2, measure: false}
    - {name: climb, duration: 20s, rate: [1, 10]}
    - {name: steady, duration: 1m, rate: 10}
slos: ["ttft p99 < 2s"]
prices: deepseek-flash
budget: {usd: 5}
seed: 1
"""

Load = Callable[..., LoadedScenario]
Refuse = Callable[..., list[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the scenario is written, a recording beside it."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "agentic.jsonl").touch()
    return tmp_path / "scenario.yaml"


@pytest.fixture
def load(path: Path) -> Load:
    """Writes a text, VALID by default with `replace` applied, and loads it."""

    def write_and_load(
        text: str = VALID,
        *,
        replace: tuple[str, str] = ("", ""),
        environment: dict[str, str] | None = None,
        **overrides: object,
    ) -> LoadedScenario:
        if replace[0]:
            assert replace[0] in text
            text = text.replace(*replace)
        path.write_text(text)
        options = Overrides(**overrides)  # type: ignore[arg-type]
        return load_scenario(path, overrides=options, environment=environment or {})

    return write_and_load


@pytest.fixture
def refuse(load: Load, path: Path) -> Refuse:
    """Loads what must be refused: the lines of the message, the folder of the file cut off."""

    def load_and_catch(*args: str, **kwargs: object) -> list[str]:
        with pytest.raises(ScenarioError) as caught:
            load(*args, **kwargs)
        return str(caught.value).replace(f"{path.parent}/", "").replace(str(path.parent), "FOLDER").splitlines()

    return load_and_catch
