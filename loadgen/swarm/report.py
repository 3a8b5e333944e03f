"""What is left of a run: its summary and the files of its folder, written once the last snapshot is in."""

from datetime import UTC, datetime

import msgspec

from loadgen import __version__
from loadgen.engine.preflight import PreflightFindings
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import RunInfo, Summary
from loadgen.outputs.environment import environment, write_environment
from loadgen.outputs.hlog import write_hlog
from loadgen.outputs.run_folder import RunFolder
from loadgen.outputs.summary_json import write_summary
from loadgen.scenario.loader import LoadedScenario
from loadgen.swarm.conductor import Conductor


def write_inputs(
    folder: RunFolder, loaded: LoadedScenario, findings: PreflightFindings, command: tuple[str, ...]
) -> None:
    """What went in: scenario.yaml and environment.json. Written before the load, so that a crash leaves them."""
    folder.write_text("scenario.yaml", loaded.redacted_yaml())
    write_environment(folder, environment(command, msgspec.to_builtins(findings)))


def write_results(folder: RunFolder, conductor: Conductor, findings: PreflightFindings, notes: list[str]) -> Summary:
    """What came out: summary.json and histograms.hlog; the records are there already. notes: for run.notes."""
    invalid = ["every worker was lost, and the load with them"] if conductor.deserted else []
    scenario, aggregate = conductor.scenario, conductor.aggregate
    started_s = (conductor.start_unix_ns or 0) / 1e9
    dialect = scenario.target.dialect
    info = RunInfo(
        id=conductor.run_id,
        scenario=scenario.name,
        started_at=datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds"),
        duration_s=aggregate.elapsed_s,
        seed=scenario.seed,
        target=findings.base_url,
        model=findings.model,
        dialect="openai" if dialect == "auto" else dialect,
        workers=conductor.worker_count,
        version=__version__,
        notes=notes,
    )
    summary = summarize(aggregate, info, slos=scenario.slos, ended_s=conductor.load_ended_s, invalid=invalid)
    write_hlog(folder, aggregate, started_s)
    write_summary(folder, summary)
    return summary
