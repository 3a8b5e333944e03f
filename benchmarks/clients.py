"""One run of loadgen, or of the floor, against one scripted server: the processes, and what each of them measured.

Both take their load from the same scenario file. The server is on one core, the whole generator (supervisor, master,
worker) on another.
"""

import gzip
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.processes import Watched
from loadgen.metrics.record import Record
from loadgen.metrics.summary import Summary
from loadgen.scenario.loader import load_scenario
from loadgen.simulator.process import RequestStamps, ScriptedServer
from loadgen.simulator.script import Script

SERVER_CPU, GENERATOR_CPU = 0, 1
SCENARIOS = Path(__file__).parent / "scenarios"
# A case lasts 30 s at most; whatever hangs is ended with what it printed.
_TIMEOUT_S = 90.0

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario's load as both clients need it: seconds from the start, and the script of a reply."""

    name: str
    path: Path
    streams: int
    ramp_s: float
    total_s: float
    script: Script
    script_json: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the process, and the server's stamps of the load (the preflight's taken off)."""

    watched: Watched
    stamps: list[RequestStamps]

    @property
    def began_ns(self) -> int:
        """When the server had the load's first request."""
        return min(stamp.received_ns for stamp in self.stamps)

    @property
    def ended_ns(self) -> int:
        """The server's last write."""
        return max(stamp.writes_ns[-1] for stamp in self.stamps)

    @property
    def others_share(self) -> float:
        """How much of the generator's core (0..1) other processes took while the load ran."""
        return self.watched.others_share(self.began_ns, self.ended_ns)

    @property
    def truth_ttft_ns(self) -> Times:
        """First write minus receipt, in the order of receipt."""
        ordered = sorted(self.stamps, key=lambda stamp: stamp.received_ns)
        return np.array([stamp.writes_ns[0] - stamp.received_ns for stamp in ordered])

    @property
    def truth_gaps_ns(self) -> Times:
        """Every gap between successive writes."""
        return np.concatenate([np.diff(stamp.writes_ns) for stamp in self.stamps])

    def writes_between(self, from_ns: int, to_ns: int) -> int:
        """The server's writes in a window."""
        return int(
            sum(np.searchsorted(s.writes_ns, to_ns) - np.searchsorted(s.writes_ns, from_ns) for s in self.stamps)
        )

    def ends_between(self, from_ns: int, to_ns: int) -> int:
        """Replies that the server ended in a window."""
        return sum(from_ns <= stamp.writes_ns[-1] < to_ns for stamp in self.stamps)


@dataclass(frozen=True, slots=True)
class LoadgenRun(Run):
    """A run of loadgen with its summary and its records in the order of their sends."""

    summary: Summary
    records: list[Record]


@dataclass(frozen=True, slots=True)
class FloorRun(Run):
    """A run of the bare client. requests: (stream, sent, first output, end) in monotonic ns; gaps_ns is sorted."""

    requests: list[tuple[int, int, int, int]]
    gaps_ns: list[int]


def plan_of(name: str) -> Plan:
    """The load of `benchmarks/scenarios/NAME.yaml`."""
    path = SCENARIOS / f"{name}.yaml"
    scenario = load_scenario(str(path)).scenario
    raw: dict[str, Any] = scenario.request.extra_body["x_script"]
    stages = scenario.load.stages
    ramp_s = sum(stage.duration_s for stage in stages if stage.users is not None and stage.users.start == 0)
    streams = max((round(stage.users.end) for stage in stages if stage.users is not None), default=0)
    total_s = sum(stage.duration_s for stage in stages)
    return Plan(name, path, streams, ramp_s, total_s, Script(**raw), json.dumps(raw))


def run_loadgen(plan: Plan, server: ScriptedServer, work: Path, label: str) -> LoadgenRun:
    """`loadgen run` on the generator's core. Raises RuntimeError, with its output, where no summary is left."""
    folder, log = work / label, work / f"{label}.log"
    command = [sys.executable, "-m", "loadgen", "run", str(plan.path)]
    command += ["--target", server.url, "--workers", "1", "--out", str(folder)]
    with Watched(command, GENERATOR_CPU, log) as watched:
        watched.wait(_TIMEOUT_S)
    summary_path = folder / "summary.json"
    if not summary_path.exists():
        raise RuntimeError(f"loadgen left no summary (exit code {watched.exit_code}):\n{log.read_text()[-2000:]}")
    summary = msgspec.json.decode(summary_path.read_bytes(), type=Summary)
    records = _records(folder / "records.jsonl.gz")
    # The preflight's request came before all others.
    stamps = sorted(server.stamps(), key=lambda stamp: stamp.received_ns)[1:]
    return LoadgenRun(watched, stamps, summary, records)


def _records(path: Path) -> list[Record]:
    with gzip.open(path, "rb") as lines:
        records = msgspec.json.Decoder(Record).decode_lines(lines.read())
    return sorted(records, key=lambda record: record.send_s or 0.0)


def run_floor(plan: Plan, server: ScriptedServer, work: Path, label: str) -> FloorRun:
    """The bare client on the same core, with the same load. Raises RuntimeError where it fails."""
    output = work / f"{label}.json"
    command = [sys.executable, "-m", "benchmarks.floor", "--port", server.url.rpartition(":")[2]]
    command += [f"--streams={plan.streams}", f"--ramp-s={plan.ramp_s}", f"--duration-s={plan.total_s}"]
    command += [f"--chunks={plan.script.chunks}", "--script", plan.script_json]
    with Watched(command, GENERATOR_CPU, output) as watched:
        code = watched.wait(_TIMEOUT_S)
    if code:
        raise RuntimeError(f"the floor ended with exit code {code}")
    measured = json.loads(output.read_bytes())
    return FloorRun(watched, server.stamps(), measured["requests"], measured["gaps_ns"])
