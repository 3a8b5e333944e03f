"""Run folders as a run leaves them, made of turns that were recorded by the real recorder."""

from pathlib import Path

import numpy as np

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Summary
from loadgen.metrics.turn import TurnMeasurement
from loadgen.outputs.hlog import write_hlog
from loadgen.outputs.run_folder import RunFolder
from loadgen.outputs.summary_json import write_summary
from tests.unit.metrics.making import MS, PLAN, RUN, new_recorder, snap, turn

SCENARIO = "name: quick start\nworkloads:\n  - {name: chat, kind: chat}\n"
ENVIRONMENT = '{"python": "3.11.2", "command": ["loadgen", "run"], "versions": {"loadgen": "0.1.0"}, "machine": null}'


def some_turns(count: int = 400, seed: int = 1) -> list[TurnMeasurement]:
    """Turns of both workloads over all stages, with a spread of latencies, some failed and some cut off."""
    draw = np.random.default_rng(seed)
    turns = []
    for k, at_s in enumerate(np.sort(draw.uniform(0, 99, count))):
        first_ms = float(draw.lognormal(4, 0.5))
        chunks_ms = first_ms + np.cumsum(draw.lognormal(3, 0.4, 8)) - 5
        outcome = "http_429" if k % 29 == 7 else "cancelled" if k % 97 == 5 else "ok"
        failed = {"chunk_stamps": [], "first_output_ns": None} if outcome == "http_429" else {}
        turns.append(
            turn(
                float(at_s),
                chunks_ms=chunks_ms.tolist(),
                session=f"s{k // 4}",
                turn=k % 4,
                workload=("chat", "docs")[k // 4 % 2],
                outcome=outcome,
                cached_tokens=int(draw.integers(0, 10)),
                **failed,
            )
        )
    return turns


def made_run(path: Path, turns: list[TurnMeasurement], summary: Summary | None = None) -> Summary:
    """Write all that a run leaves but its reports; the summary, which is of these turns unless one is given."""
    recorder = new_recorder()
    for measured in turns:
        recorder.record(measured)
    for _ in range(100):
        recorder.loop_lag(MS, 1)
    recorder.cpu(0.3, 1)
    aggregate, last = Aggregate(PLAN), snap(recorder)
    assert aggregate.apply(last)
    made = summary or summarize(aggregate, RUN, ended_s=100.0)
    folder = RunFolder(path)
    folder.append_records(last.records)
    folder.write_text("scenario.yaml", SCENARIO)
    folder.write_text("environment.json", ENVIRONMENT)
    write_summary(folder, made)
    write_hlog(folder, aggregate, 1_700_000_000.0)
    assert not folder.problems
    return made
