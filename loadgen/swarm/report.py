"""What is left of a run: its summary and the files of its folder, written once the last snapshot is in."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import msgspec

from loadgen import __version__
from loadgen.engine.ahead import Ahead
from loadgen.metrics.scored_turns import ScoredTurns
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Quality, RunInfo, Summary
from loadgen.outputs.environment import environment, write_environment
from loadgen.outputs.hlog import write_hlog
from loadgen.outputs.run_folder import RunFolder
from loadgen.outputs.summary_json import NAME, to_json, write_summary
from loadgen.scenario.loader import LoadedScenario
from loadgen.scenario.model import Scenario
from loadgen.swarm.conductor import Conductor
from loadgen.swarm.judging import Judging
from loadgen.swarm.losses import loss_note


def write_inputs(folder: RunFolder, loaded: LoadedScenario, ahead: Ahead, command: tuple[str, ...]) -> None:
    """What went in: scenario.yaml and environment.json. Written before the load, so that a crash leaves them."""
    folder.reserve()
    folder.write_text("scenario.yaml", loaded.redacted_yaml())
    facts = environment(command, msgspec.to_builtins(ahead.findings), base_url=loaded.written_base_url)
    found = {"calibration": ahead.calibration.found, "forecast": ahead.forecast}
    write_environment(folder, facts | {name: msgspec.to_builtins(part) for name, part in found.items()})


def write_results(
    folder: RunFolder, conductor: Conductor, ahead: Ahead, judging: Judging, scored: ScoredTurns, notes: list[str]
) -> Summary:
    """What came out: summary.json and histograms.hlog; the records are there already.

    scored: what workloads have scored. notes: for run.notes.
    """
    invalid = ["every worker was lost, and the load with them"] if conductor.deserted else []
    scenario, aggregate, findings = conductor.scenario, conductor.aggregate, ahead.findings
    losses = conductor.losses()
    started_s = (conductor.start_unix_ns or 0) / 1e9
    info = RunInfo(
        id=conductor.run_id,
        scenario=scenario.name,
        started_at=datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds"),
        duration_s=aggregate.elapsed_s,
        seed=scenario.seed,
        target=findings.base_url,
        model=findings.model,
        dialect=findings.dialect,
        transport=scenario.target.measured_by,
        workers=conductor.worker_count,
        version=__version__,
        notes=[*notes, *conductor.notes, *map(loss_note, losses), *filter(None, [folder.records_note])],
        losses=losses,
    )
    figures = partial(
        summarize,
        aggregate,
        info,
        slos=[slo.text for slo in scenario.objectives],
        ended_s=conductor.load_ended_s,
        invalid=invalid,
        costs=ahead.basis,
    )
    folder.release()
    if scored.turns or scenario.objectives:
        # A mistake of ours in what makes quality and verdict must not cost the figures.
        write_summary(folder, figures())
    summary = judging.judge(figures(quality=_quality(scenario, scored)), conductor, ahead)
    if not write_summary(folder, summary) and folder.rescue(NAME, to_json(summary)) is None:
        # The figures are what a run is for: better among the console's lines than nowhere.
        sys.stdout.write(to_json(summary).decode())
    write_hlog(folder, aggregate, started_s)
    return summary


def _quality(scenario: Scenario, scored: ScoredTurns) -> Mapping[str, dict[str, Quality]]:
    if not scored.turns:
        return {}
    # Here and not above: plain Locust's workers load this module too, and must not load scipy with it.
    from loadgen.quality import quality_of

    return quality_of(scenario, scored.turns)
