"""Run folders of runs that differ by a known factor, recorded by the real recorder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from loadgen.comparison.runs import Run, read_run
from loadgen.metrics.summary import Generator, Summary
from loadgen.metrics.turn import TurnMeasurement
from loadgen.outputs.summary_json import to_json
from loadgen.scenario.slos import parse_slo
from tests.unit.metrics.making import turn
from tests.unit.outputs.folders import made_run

SCENARIO = """
name: compared
workloads:
  - {name: chat, kind: chat, prompt_tokens: 200}
  - {name: docs, kind: chat, prompt_tokens: 4k}
load:
  arrivals: poisson
  stages:
    - {name: warmup, duration: 10s, rate: 4, measure: false}
    - {name: steady, duration: 60s, rate: 4}
    - {name: peak, duration: 30s, rate: 8}
"""


def turns(
    day: int, *, slower: float = 1.0, seed: int = 1, sessions: int = 100, failed: float = 0.0
) -> list[TurnMeasurement]:
    """Two turns a session; the seed decides what the sessions are, the day what befalls them."""
    content, luck = np.random.default_rng(seed), np.random.default_rng([seed, day])
    found = []
    for session, at_s in enumerate(np.sort(content.uniform(11, 95, sessions))):
        size = float(content.lognormal(0, 0.5))
        for number in range(2):
            first_ms = slower * (20 + 80 * size) * float(luck.lognormal(0, 0.05))
            chunks_ms = first_ms + slower * np.cumsum(luck.lognormal(3, 0.1, 6))
            lost = luck.random() < failed
            gone: dict[str, Any] = {"chunk_stamps": [], "first_output_ns": None, "outcome": "http_5xx"} if lost else {}
            at = float(at_s) + 2 * number
            workload = ("chat", "docs")[session % 2]
            made = turn(at, chunks_ms=chunks_ms.tolist(), session=str(session), turn=number, workload=workload, **gone)
            found.append(made)
    return sorted(found, key=lambda one: one.end_ns)


def folder(path: Path, day: int, *, scenario: str = SCENARIO, **of: Any) -> Path:
    """The folder of a run on that day, of these turns. seed: of its sessions."""
    summary = made_run(path, turns(day, **of))
    rewrite(path, run={"id": f"run-{path.name}", "seed": of.get("seed", 1)}, summary=summary)
    (path / "scenario.yaml").write_text(scenario, encoding="utf-8")
    return path


def one_turn_sessions(day: int, *, fails: Callable[[float], bool] = lambda at_s: False) -> list[TurnMeasurement]:
    """Sessions of a turn each, whose TTFT is 100 ms give or take 3 %; fails: which, by when they are due."""
    luck = np.random.default_rng([7, day])
    gone: dict[str, Any] = {"chunk_stamps": [], "first_output_ns": None, "outcome": "http_5xx"}
    return [
        turn(
            float(at_s),
            chunks_ms=(first_ms, first_ms + 20, first_ms + 40),
            session=str(session),
            **(gone if fails(float(at_s)) else {}),
        )
        for session, (at_s, first_ms) in enumerate(
            zip(np.linspace(11, 95, 400), 100 * luck.lognormal(0, 0.03, 400), strict=True)
        )
    ]


def slower_turns(turns: Sequence[TurnMeasurement], slower: float) -> list[TurnMeasurement]:
    """The same turns with their first output later by this factor, and the others with it."""
    moved = []
    for one in turns:
        assert one.first_output_ns is not None
        by_ns = round((slower - 1) * (one.first_output_ns - one.intended_ns))
        stamps = [stamp + by_ns for stamp in one.chunk_stamps]
        changed = {"first_output_ns": stamps[0], "first_answer_ns": stamps[0], "end_ns": one.end_ns + by_ns}
        moved.append(msgspec.structs.replace(one, chunk_stamps=stamps, **changed))
    return moved


def run_of(path: Path, turns: Sequence[TurnMeasurement], slo: str | None = None) -> Run:
    """The run of these turns; of a limit on the TTFT its summary has the goodput."""
    summary = made_run(path, sorted(turns, key=lambda one: one.end_ns))
    scenario = SCENARIO
    if slo is not None:
        most_ns = parse_slo(slo).turn_limit_ns
        firsts = [(one.first_output_ns or 0) - one.intended_ns for one in turns if one.outcome == "ok"]
        good = sum(first_ns <= most_ns for first_ns in firsts)
        requests = msgspec.structs.replace(summary.requests, good=good, goodput=good / len(turns))
        rates = msgspec.structs.replace(summary.throughput, goodput_requests_per_s=good / summary.throughput.window_s)
        summary = msgspec.structs.replace(summary, requests=requests, throughput=rates)
        scenario += f"slos: ['{slo}']\n"
    rewrite(path, run={"id": f"run-{path.name}"}, summary=summary)
    (path / "scenario.yaml").write_text(scenario, encoding="utf-8")
    return read_run(path)


def rewrite(path: Path, *, summary: Summary, run: dict[str, Any], generator: dict[str, Any] | None = None) -> None:
    """The folder's summary with other facts in it."""
    certificate: Generator = msgspec.structs.replace(summary.generator, valid=True, reasons=[])
    changed = msgspec.structs.replace(
        summary,
        run=msgspec.structs.replace(summary.run, **run),
        generator=msgspec.structs.replace(certificate, **(generator or {})),
    )
    (path / "summary.json").write_bytes(to_json(changed))


def runs(base: Path, name: str, days: range, **of: Any) -> list[Run]:
    """A side of runs, one a day."""
    return [read_run(folder(base / f"{name}{day}", day, **of)) for day in days]
