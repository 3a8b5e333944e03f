"""Summaries with every outcome, for the tests of the reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from loadgen.metrics.summary import Generator, SloResult, Summary, Verdict
from loadgen.outputs.material import Material
from tests.unit.metrics.making import summary_of, turn

PASSED = SloResult("ttft p99 < 2s", 0.05, 0.049, 0.0512, 0.95, 400, "pass", limit=2.0, unit="s")
FAILED = SloResult("error_rate < 1%", 0.031, 0.022, 0.042, 0.975, 400, "fail", limit=0.01, unit="share")
_MORE = "needs about 310 more turns: 7 s at this rate"
UNDECIDED = SloResult("tpot p99 < 80ms", 0.079, 0.0712, None, 0.95, 90, "inconclusive", 310, _MORE, 0.08, "s")
UNJUDGED = SloResult("ttft p50 < 1s", reason="the run is invalid")
NOTES = ["worker w2 left at 12.0 s, in order"]


def summary_with(outcome: str, *slos: SloResult, notes: Sequence[str] = (), **changes: Any) -> Summary:
    """A run of three turns with this verdict; changes: other parts of the summary."""
    verdict = msgspec.convert({"outcome": outcome, "slos": [], "notes": list(notes)}, Verdict)
    verdict = msgspec.structs.replace(verdict, slos=list(slos))
    summary = summary_of(turn(20), turn(21), turn(80, workload="docs"))
    return msgspec.structs.replace(summary, **{"verdict": verdict, **changes})


def invalid(summary: Summary, *reasons: str) -> Summary:
    """The same, by a generator that was the bottleneck."""
    generator: Generator = msgspec.structs.replace(summary.generator, valid=False, reasons=list(reasons))
    return msgspec.structs.replace(summary, generator=generator)


def material(summary: Summary) -> Material:
    """What a report is made from, of a run that left nothing but its summary."""
    return Material(Path("nowhere"), summary)
