"""The short run that the dashboards are checked on: made so that every panel has something to show.

Two workloads (one of agents that call tools), a prefix to be cached, prices, SLOs on every latency, two stages,
some failures. Used by check.py and the tests.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana.promserver import Prometheus, free_port

STEP_S = 1
MEASURED = ("low", "high")
_CHECKOUT = Path(__file__).parents[1]
_TIMEOUT_S = 120.0
_SCENARIO: dict[str, Any] = {
    "name": "dashboard-trial",
    "description": "What the dashboards are checked on.",
    "calibrate": "off",
    "workloads": [
        {
            "name": "chat",
            "kind": "chat",
            "weight": 3,
            "turns": 2,
            "prompt_tokens": 100,
            "output_tokens": {"uniform": {"min": 8, "max": 32}},
            "think_time": "100ms",
            "prefix": {"tokens": 400, "scope": "all"},
        },
        {
            "name": "agents",
            "kind": "replay",
            "format": "agentic",
            "path": str(_CHECKOUT / "tests" / "data" / "agentic_small.jsonl"),
        },
    ],
    "load": {
        "arrivals": "poisson",
        "grace": "5s",
        "stages": [
            {"name": "warmup", "duration": "3s", "rate": 5, "measure": False},
            {"name": "low", "duration": "8s", "rate": 8},
            {"name": "high", "duration": "8s", "rate": 16},
        ],
    },
    "slos": [
        "ttft p99 < 2s",
        "ttft{workload=chat} p99 < 2s",
        "ttft{stage=high} p99 < 2s",
        "ttfo p99 < 2s",
        "itl p99 < 500ms",
        "tpot p99 < 500ms",
        "e2e p99 < 20s",
        "error_rate < 20%",
        "goodput > 50%",
    ],
    "prices": {"input": 0.15, "cached_input": 0.015, "output": 0.60},
    "seed": 3,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that has ended, and when it was there to be asked about (Unix seconds)."""

    run_id: str
    start_s: float
    end_s: float
    summary: dict[str, Any]


@contextmanager
def tried(folder: Path) -> Iterator[tuple[Prometheus, Trial]]:
    """A Prometheus that has watched the run from its beginning to its end. Raises RuntimeError where the run failed."""
    scenario = folder / "trial.yaml"
    scenario.write_text(json.dumps(_SCENARIO))
    ours, theirs = free_port(), free_port()
    server = f"127.0.0.1:{theirs}"
    with ExitStack() as stack:
        faults = ("--fault", "500:rate=0.03,skip=20", "--tool-call-rate", "0.5")
        _start(stack, folder, "simulate", "--port", str(theirs), "--profile", "fast", *faults)
        _await_answer(f"http://{server}/health")
        targets = {"loadgen": [f"127.0.0.1:{ours}"], "server": [server]}
        prometheus = stack.enter_context(Prometheus(folder, targets, rules_every=1))
        start_s = time.time()
        run = _start(
            stack,
            folder,
            *("run", str(scenario), "--target", f"http://{server}/v1", "--out", str(folder / "run")),
            *("--prometheus-port", str(ours)),
        )
        code = run.wait(_TIMEOUT_S)
        summary_path = folder / "run" / "summary.json"
        if not summary_path.exists():
            raise RuntimeError(f"the run ended with {code}: {(folder / 'run.log').read_text()}")
        summary = json.loads(summary_path.read_text())
        yield prometheus, Trial(summary["run"]["id"], start_s, time.time(), summary)


def _start(stack: ExitStack, folder: Path, command: str, *arguments: str) -> subprocess.Popen[bytes]:
    """`loadgen COMMAND`, ended with the block. What it prints goes to COMMAND.log in the folder."""
    with (folder / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "loadgen", command, *arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + 20.0
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1.0):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
