"""`make stack`: all of it comes up, a run begins and is scraped, and nothing is left after it."""

import json
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana import promserver
from tests.support.command import Command
from tests.support.namespaces import Network, inside, why_not
from tests.support.waiting import wait_for

_CHECKOUT = Path(__file__).parents[2]
_ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


@pytest.fixture
def machine() -> Iterator[tuple[str, ...]]:
    """What runs a command on a machine of its own, on which all ports are free."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Network(0) as network:
        yield inside(network.hub)


def _asked(machine: tuple[str, ...], query: str) -> list[Any]:
    url = f"http://127.0.0.1:9090/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    answer = subprocess.run([*machine, sys.executable, "-c", _ASK, url], capture_output=True, check=True, timeout=30)
    found: list[Any] = json.loads(answer.stdout)["data"]["result"]
    return found


@pytest.mark.skipif(not promserver.installed(), reason="Prometheus is not installed")
def test_the_stack_comes_up_measures_is_scraped_and_leaves_nothing(machine: tuple[str, ...], tmp_path: Path) -> None:
    environ = {
        "PYTHONPATH": str(_CHECKOUT),
        "LOADGEN_TARGET": "",
        "LOADGEN_SCENARIO": "quickstart",
        "LOADGEN_SIMULATOR_PROFILE": "fast",
        "LOADGEN_OUT": str(tmp_path / "run"),
    }
    stack = Command(tmp_path, str(tmp_path / "stack"), env=environ, module="stack.native", inside=machine)
    try:
        stack.await_output("Ctrl-C ends all of it", 60.0)
        wait_for(lambda: _asked(machine, 'sum(loadgen_requests_total{outcome="ok"}) > 3'), "turns in Prometheus", 60.0)
        scraped = {found["metric"]["job"] for found in _asked(machine, "up == 1")}
        stack.signal(signal.SIGTERM)
        ended = stack.wait()
    finally:
        stack.end()
    assert scraped == {"loadgen", "server"}
    assert ended.code == 0, ended.output
    assert sum(stage["requests"]["ok"] for stage in ended.summary["stages"]) > 3
