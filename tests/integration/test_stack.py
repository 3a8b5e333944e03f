"""`make stack`: all of it comes up, a run begins and is scraped, and nothing is left after it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana import promserver
from loadgen.errors import UsageError
from stack.native import Part, Port, Stack
from tests.support.command import Command
from tests.support.namespaces import Network, inside, why_not
from tests.support.ports import free_port
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


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = Port("127.0.0.1", taken.getsockname()[1], "or choose another with LOADGEN_UI_PORT")
        stack = Stack([Part("master", ("false",), {}, (port,))], tmp_path / "stack")
        told = rf"the master can't listen on 127\.0\.0\.1:{port.number}: .*, or choose another with LOADGEN_UI_PORT"
        with pytest.raises(UsageError, match=told), stack:
            pass
    assert not (tmp_path / "stack").exists()


def test_a_part_that_does_not_come_up_is_named_with_its_words(tmp_path: Path) -> None:
    words = "import sys; sys.stderr.write('no such scenario'); sys.exit(2)"
    port = Port("127.0.0.1", free_port())
    part = Part("master", (sys.executable, "-c", words), dict(os.environ), (port,), port.url("/"))
    (tmp_path / "master.log").write_text("what an earlier one said\n")
    with pytest.raises(UsageError, match="master did not come up:\nno such scenario"), Stack([part], tmp_path):
        pass


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
