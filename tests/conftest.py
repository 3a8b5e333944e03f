"""What holds for every test: Locust stays unpatched, hypothesis is deterministic where CI runs, servers come ready."""

import os

# Before anything imports locust: a test process that gevent has patched would deadlock in its own threads.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from loadgen.simulator.process import ScriptedServer, SimulatorProcess

# A shared machine stalls now and then: no deadline. Derandomised, so that a failure in CI is one everywhere.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def fast_simulator() -> Iterator[SimulatorProcess]:
    """The simulator with its `fast` profile, shared by tests that leave nothing behind in it but warm caches."""
    with SimulatorProcess(profile="fast") as process:
        yield process


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    """20 chunks, 5 ms apart, the first after 20 ms."""
    with ScriptedServer(ttft_ms=20, interval_ms=5, chunks=20) as process:
        yield process
