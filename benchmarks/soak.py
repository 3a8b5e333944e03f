"""A soak: a million short turns, with the memory of master and worker from the first hundred thousand to the last.

The load is a rate rather than as much as goes: half of what a core can do, so that memory is what is measured and
not how a backlog grows.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.clients import GENERATOR_CPU, SCENARIOS, SERVER_CPU
from benchmarks.numbers import Number
from benchmarks.processes import Watched
from loadgen.metrics.summary import Summary
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import Scenario
from loadgen.simulator.process import ScriptedServer

_CASE = "soak"
# Beyond the load: start, drain, and a machine that is slow.
_MARGIN_S = 120.0
_SPAN_NS = 2_000_000_000
_POINTS = (0.1, 0.25, 0.5, 0.75, 0.99)


def soak(_repeat: int, work: Path) -> list[Number]:
    """Once: it lasts minutes."""
    path = SCENARIOS / "soak.yaml"
    scenario = load_scenario(str(path)).scenario
    folder, log = work / "soak", work / "soak.log"
    command = [sys.executable, "-m", "loadgen", "run", str(path), "--workers", "1", "--out", str(folder)]
    with ScriptedServer(cpu=SERVER_CPU, keep_stamps=False) as server:
        with Watched([*command, "--target", server.url], GENERATOR_CPU, log) as watched:
            watched.wait(_length_s(scenario) + _MARGIN_S)
        ended_s = time.monotonic()
    summary_path = folder / "summary.json"
    if not summary_path.exists():
        raise RuntimeError(f"loadgen left no summary (exit code {watched.exit_code}):\n{log.read_text()[-2000:]}")
    summary = msgspec.json.decode(summary_path.read_bytes(), type=Summary)
    planned = round(sum(stage.duration_s * stage.rate.start for stage in scenario.load.stages if stage.rate))
    began_ns = watched.ended_ns - round((summary.run.duration_s + ended_s - watched.ended_ns / 1e9) * 1e9)
    files = sorted(folder.glob("records*.jsonl.gz"))
    records = scenario.records
    assert records.rotate_bytes is not None
    return [
        Number(_CASE, "turns played", "", [float(summary.requests.ok)], None, f"{planned:,} planned"),
        Number(
            _CASE, "turns of the plan that were not played or failed", "", [float(planned - summary.requests.ok)], 0
        ),
        *_memory(watched, "worker", began_ns, summary.run.duration_s),
        *_memory(watched, "master", began_ns, summary.run.duration_s),
        Number(_CASE, "files of records", "", [float(len(files))], float(records.keep)),
        Number(
            _CASE,
            "bytes of records",
            "MB",
            [sum(file.stat().st_size for file in files) / 1e6],
            records.keep * records.rotate_bytes / 1e6,
        ),
        Number(_CASE, "exit code (4: the machine was too slow for the rate)", "", [float(watched.exit_code or 0)], 4),
    ]


def _length_s(scenario: Scenario) -> float:
    return sum(stage.duration_s for stage in scenario.load.stages)


def _memory(watched: Watched, role: str, began_ns: int, length_s: float) -> Iterator[Number]:
    """Resident memory along the run, and its growth from the tenth to the end."""
    curve = [watched.rss_bytes(role, began_ns + round(part * length_s * 1e9) - _SPAN_NS, _SPAN_NS) for part in _POINTS]
    shown = ", ".join("–" if point is None else f"{point / 2**20:.1f}" for point in curve)
    first, last = curve[0], curve[-1]
    growth = None if first is None or last is None else 100 * (last / first - 1)
    at = ", ".join(f"{part:.0%}" for part in _POINTS)
    yield Number(_CASE, f"{role}'s memory, growth from a tenth to the end", "%", [growth], 5.0)
    peak = max((point for point in curve if point is not None), default=None)
    yield Number(
        _CASE,
        f"{role}'s memory, highest",
        "MiB",
        [None if peak is None else peak / 2**20],
        None,
        f"at {at}: {shown}",
    )
