"""A server to send to, and this process as it was before an engine tuned it for load."""

import gc
from collections.abc import Iterator

import pytest

from loadgen.simulator.process import ScriptedServer


@pytest.fixture(scope="package")
def quick_server() -> Iterator[ScriptedServer]:
    """Two chunks, at once."""
    with ScriptedServer(ttft_ms=1, interval_ms=1, chunks=2) as process:
        yield process


@pytest.fixture(scope="package")
def slow_server() -> Iterator[ScriptedServer]:
    """Six chunks, 100 ms apart: a reply takes 0.6 s."""
    with ScriptedServer(ttft_ms=100, interval_ms=100, chunks=6) as process:
        yield process


@pytest.fixture(autouse=True)
def _garbage_collector_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
