"""Turns, plans and whole snapshots for the tests of the metrics and outputs rooms."""

from collections.abc import Sequence
from typing import Any

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.plan import PlannedStage, RunPlan
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.snapshot import Gauges, Snapshot, decode
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import RunInfo, Summary
from loadgen.metrics.turn import TurnMeasurement

MS = 1_000_000
S = 1_000_000_000
# A monotonic clock does not start at 0: offsets must be taken from the run's start.
ORIGIN_NS = 7_777_777 * S

PLAN = RunPlan(
    run_id="run-1",
    scenario="quick start",
    stages=(
        PlannedStage("warmup", 0, 10, measure=False),
        PlannedStage("steady", 10, 70),
        PlannedStage("peak", 70, 100),
    ),
    workloads=("chat", "docs"),
)
RUN = RunInfo(
    id="run-1",
    scenario="quick start",
    started_at="2026-11-23T12:00:00Z",
    duration_s=100.0,
    seed=1,
    target="http://127.0.0.1:8000/v1",
    model="m",
    dialect="openai",
    transport="http11",
    workers=1,
    version="0.1.0",
)


def turn(at_s: float = 20.0, *, chunks_ms: Sequence[float] = (50, 70, 90), **changes: Any) -> TurnMeasurement:
    """An ok streamed turn due at `at_s`, taken up 1 ms and sent 2 ms later, with chunks at these ms after it was due.

    It ends 5 ms after the last chunk and reports 10 input and as many output tokens as chunks.
    """
    due = ORIGIN_NS + round(at_s * S)
    stamps = [due + round(ms * MS) for ms in chunks_ms]
    values: dict[str, Any] = {
        "session": "s",
        "turn": 0,
        "workload": "chat",
        "stage": PLAN.stage_at(at_s),
        "intended_ns": due,
        "taken_ns": due + MS,
        "sent_ns": due + 2 * MS,
        "end_ns": (stamps[-1] if stamps else due + 45 * MS) + 5 * MS,
        "outcome": "ok",
        "streamed": True,
        "first_output_ns": stamps[0] if stamps else None,
        "first_answer_ns": stamps[0] if stamps else None,
        "chunk_stamps": stamps,
        "reads": len(stamps),
        "input_tokens": 10,
        "output_tokens": len(stamps),
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "finish_reason": "stop",
        "status": 200,
    }
    return TurnMeasurement(**{**values, **changes})


def new_recorder(worker: str = "w1", plan: RunPlan = PLAN) -> Recorder:
    recorder = Recorder(plan, worker)
    recorder.begin(ORIGIN_NS)
    return recorder


def snap(recorder: Recorder, at_s: float = 100.0, gauges: Gauges | None = None, *, final: bool = False) -> Snapshot:
    """Walk one snapshot to its end, as the engine does, and read it back."""
    walk = recorder.snapshot(ORIGIN_NS + round(at_s * S), gauges or Gauges(), final)
    while True:
        try:
            next(walk)
        except StopIteration as done:
            return decode(done.value)


def aggregate_of(*turns: TurnMeasurement, healthy: bool = True) -> Aggregate:
    """The aggregate of one worker that recorded these turns, with a sound generator unless told otherwise."""
    recorder = new_recorder()
    for measured in turns:
        recorder.record(measured)
    if healthy:
        for _ in range(100):
            recorder.loop_lag(MS, 1)
        recorder.cpu(0.3, 1)
    aggregate = Aggregate(PLAN)
    assert aggregate.apply(snap(recorder))
    return aggregate


def summary_of(*turns: TurnMeasurement, ended_s: float = 100.0, slos: Sequence[str] = ()) -> Summary:
    return summarize(aggregate_of(*turns), RUN, slos=slos, ended_s=ended_s)
