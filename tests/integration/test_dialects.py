"""Every face of the simulator is known for what it is, and gets its requests as it demands them."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.client.dialects import DIALECTS
from loadgen.engine.order import StartOrder
from loadgen.engine.preflight import preflight
from loadgen.simulator.process import SimulatorProcess
from tests.support.command import open_load
from tests.unit.engine.running import RUN_ID, Heard, Worker, scenario_of, soon

SMALL = Path(__file__).parents[1] / "data" / "agentic_small.jsonl"
MODEL = "simulated-model"


@pytest.fixture(autouse=True)
def _garbage_collector_as_before() -> Iterator[None]:
    """As it was before an engine tuned this process for load."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def _run(folder: Path, url: str, dialect: str, **parts: Any) -> Heard:
    """What is heard of a run by one engine that takes the server for this dialect."""
    scenario = scenario_of(folder, **parts)

    async def main() -> Heard:
        worker = Worker(scenario, url)
        await worker.engine.start(StartOrder(RUN_ID, url, MODEL, soon(), (0,), 1, dialect=dialect))
        await asyncio.wait_for(worker.heard.done.wait(), 30)
        return await worker.drain()

    return uvloop.run(main())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_face_is_known_and_its_answers_are_as_long_as_asked_for(tmp_path: Path, dialect: str) -> None:
    chat = {"name": "chat", "kind": "chat", "prompt_tokens": 20, "output_tokens": [5, 90]}
    parts: dict[str, Any] = {"workloads": [chat], "load": open_load(10, "400ms")}
    request = {"force_output_tokens": True}
    with SimulatorProcess(profile="fast", dialect=dialect) as server:
        found = asyncio.run(preflight(scenario_of(tmp_path, request=request, **parts), server.url))
        heard = _run(tmp_path, server.url, found.dialect, request=request, **parts)
    assert (found.dialect, found.usage) == (dialect, True)
    assert heard.outcomes() == {"ok": 4}
    for record in heard.records:
        assert record["input_tokens"] > 0
        if DIALECTS[dialect].forces_length:
            assert record["output_tokens"] == record["output_tokens_asked"]
        else:
            assert 1 <= record["output_tokens"] <= record["output_tokens_asked"]


@pytest.mark.parametrize("assistant", ["recorded", "live"])
def test_deepseek_is_given_the_reasoning_that_it_demands(tmp_path: Path, assistant: str) -> None:
    replay = {"name": "agents", "kind": "replay", "format": "agentic", "path": str(SMALL), "time_scale": 0}
    parts: dict[str, Any] = {
        "workloads": [replay | {"assistant": assistant}],
        "request": {"max_tokens": 20},
        "load": open_load(10, "400ms", grace="20s"),
    }
    with SimulatorProcess(profile="fast", dialect="deepseek") as server:
        heard = _run(tmp_path / "deepseek", server.url, "deepseek", **parts)
        taken_for_another = _run(tmp_path / "openai", server.url, "openai", **parts)
    assert heard.outcomes().keys() == {"ok"}
    assert any(record["turn"] > 0 for record in heard.records)
    if assistant == "recorded":
        # Recorded histories have tool calls for certain; without their reasoning the server refuses them.
        assert taken_for_another.outcomes()["http_4xx"] >= 1
        refused = [record["error"] for record in taken_for_another.records if record["outcome"] == "http_4xx"]
        assert all("reasoning_content" in error for error in refused)
