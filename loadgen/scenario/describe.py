"""A scenario in a few lines: what `loadgen validate` says it would do."""

from loadgen.scenario.loader import LoadedScenario
from loadgen.scenario.model import Load, StageSpec
from loadgen.scenario.quantities import format_duration


def describe(loaded: LoadedScenario) -> str:
    """Several lines of plain text: target, workloads, load and objectives."""
    scenario = loaded.scenario
    total = sum(workload.weight for workload in scenario.workloads)
    shares = (f"{spec.name} ({spec.kind}, {spec.weight / total:.0%})" for spec in scenario.workloads)
    lines = [
        f"{loaded.path}: valid",
        f"  scenario   {scenario.name}" + (f": {scenario.description.strip()}" if scenario.description else ""),
        f"  target     {without_user(scenario.target.base_url)}, model {scenario.target.model}",
        f"  workloads  {', '.join(shares)}",
        f"  arrivals   {scenario.load.arrivals}, seed {scenario.seed}, grace {format_duration(scenario.load.grace_s)}",
        *(f"  stage      {_stage(scenario.load, stage)}" for stage in scenario.load.stages),
        *(f"  slo        {slo.text}{', ends the run early' if slo.abort else ''}" for slo in scenario.objectives),
    ]
    return "\n".join(lines)


def _stage(load: Load, stage: StageSpec) -> str:
    level = stage.users or stage.rate
    unit = "users" if load.arrivals == "closed" else "sessions/s"
    shown = "as recorded"
    if level is not None:
        span = f"{level.start:g}" if level.start == level.end else f"{level.start:g} to {level.end:g}"
        shown = f"at {span} {unit}"
    return f"{stage.name}: {format_duration(stage.duration_s)} {shown}" + ("" if stage.measure else ", not measured")


def without_user(base_url: str | None) -> str:
    """A base URL for showing: without its user part, which may hold a password; None is the embedded simulator."""
    if base_url is None:
        return "the embedded simulator"
    scheme, _, rest = base_url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
