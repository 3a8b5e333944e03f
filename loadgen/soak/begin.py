"""Before the first probe: which soak this is, new or one to go on with, and what its target is."""

import hashlib
import secrets
from datetime import UTC, datetime

import msgspec

from loadgen import __version__
from loadgen.engine.preflight import PreflightFindings
from loadgen.errors import UsageError
from loadgen.history.model import Soak
from loadgen.history.store import History
from loadgen.scenario.model import Scenario, prices_of
from loadgen.scenario.quantities import format_duration
from loadgen.scenario.soak import SoakSpec, settings_of, windows_of
from loadgen.scenario.tools import ToolsSpec
from loadgen.soak.schedule import Plan
from loadgen.soak.time import soak_time_s

SIMULATOR = "the embedded simulator"
# A year of windows of five minutes: each has some ten probes, all of which are known at the start.
_MOST_WINDOWS = 105_120


def soak_spec(scenario: Scenario, every_s: float | None, for_s: float | None) -> SoakSpec:
    """The scenario's soak, with the command line's windows, and without tools where no workload has any.

    Raises UsageError for a soak shorter than a window, and for more windows than a history is made for.
    """
    spec = scenario.soak or SoakSpec()
    given = {"every_s": every_s or spec.every_s, "for_s": for_s or spec.for_s}
    probes = tuple(kind for kind in spec.probes if kind != "tools" or tools_of(scenario, spec) is not None)
    if not probes:
        raise UsageError("soak.probes: tools need a workload of kind tools; accepted: one of them, or other probes")
    if given["for_s"] < given["every_s"]:
        length, window = format_duration(given["for_s"]), format_duration(given["every_s"])
        raise UsageError(f"--for {length} is shorter than --every {window}; accepted: at least one window")
    if (windows := windows_of(given["every_s"], given["for_s"])) > _MOST_WINDOWS:
        raise UsageError(f"--every and --for make {windows:,} windows; accepted: at most {_MOST_WINDOWS:,}")
    return spec.model_copy(update=given | {"probes": probes})


def tools_of(scenario: Scenario, spec: SoakSpec) -> ToolsSpec | None:
    """The workload whose tasks the tool probes do; None where there is none."""
    agents = [one for one in scenario.workloads if isinstance(one, ToolsSpec) and one.bfcl is None]
    named = [one for one in agents if spec.tools.workload in (None, one.name)]
    return named[0] if named else None


def plan_of(soak: Soak, spec: SoakSpec) -> Plan:
    """What the schedule follows from."""
    return Plan(
        started_s=soak.started_s,
        every_s=soak.every_s,
        windows=soak.windows,
        seed=soak.seed,
        probes=spec.probes,
        after_s=spec.cache.after,
    )


def fingerprint(scenario: Scenario, spec: SoakSpec, time_scale: float, simulator: str) -> str:
    """Of everything that decides what is sent, when, and what it costs: two halves of a week must be of one kind.

    simulator: the embedded one's options, empty where there is another target.
    """
    tools = tools_of(scenario, spec)
    said = {
        "soak": settings_of(spec),
        "request": scenario.request.model_dump(mode="json"),
        "tools": None if tools is None else tools.model_dump(mode="json"),
        "prices": None if scenario.prices is None else scenario.prices.model_dump(mode="json"),
        "seed": scenario.seed,
        "model": scenario.target.model,
        "time_scale": time_scale,
        "simulator": simulator,
    }
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:16]


def new_soak(
    scenario: Scenario,
    spec: SoakSpec,
    findings: PreflightFindings,
    *,
    target: str,
    time_scale: float,
    started_s: float,
    plan: str,
) -> Soak:
    """A soak that begins now. started_s: by the clock. plan: its fingerprint. Raises UsageError for prices that do not
    go with the model."""
    prices = prices_of(scenario, findings.model)
    begun = datetime.fromtimestamp(started_s, UTC)
    return Soak(
        id=f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        scenario=scenario.name,
        target=target,
        model=findings.model,
        dialect=findings.dialect,
        started_s=started_s,
        every_s=spec.every_s,
        for_s=spec.for_s,
        time_scale=time_scale,
        seed=scenario.seed,
        version=__version__,
        prices=None if prices is None else prices.currency,
        plan=plan,
        windows=windows_of(spec.every_s, spec.for_s),
        notes=_notes(scenario, spec, findings, target, time_scale),
    )


def unfinished(
    history: History, scenario: Scenario, spec: SoakSpec, target: str, plan: str, now_s: float
) -> Soak | None:
    """The last soak of this scenario and target, if it is not over; None where a new one is to begin.

    Raises UsageError where the scenario has changed since it began. now_s: by the clock.
    """
    mine = [soak for soak in history.soaks() if soak.scenario == scenario.name and soak.target == target]
    if not mine:
        return None
    last = mine[-1]
    longest_s = max(spec.cache.after) if "cache" in spec.probes else 0.0
    if soak_time_s(last.started_s, last.time_scale, now_s) > last.ends_s + last.every_s + longest_s:
        return None
    if last.plan != plan:
        raise UsageError(
            f"the soak {last.id} in {history.path} is not over, and the scenario or the options were others when it "
            "began; accepted: the same ones, or no --resume to begin a new one"
        )
    return last


def _notes(
    scenario: Scenario, spec: SoakSpec, findings: PreflightFindings, target: str, time_scale: float
) -> tuple[str, ...]:
    """What a reader of the week must know before its first figure."""
    notes = []
    if time_scale != 1 and target != SIMULATOR:
        notes.append(f"the target knows nothing of the time scale: to it every delay was {time_scale:g} times shorter")
    if findings.cached_tokens is False and "cache" in spec.probes:
        notes.append(
            "the target does not tell cached tokens: the cache's measures are unknown, and costs are intervals"
        )
    if findings.usage is False:
        notes.append("the target reports no usage: tokens and costs are unknown")
    if "tools" in (scenario.soak or SoakSpec()).probes and "tools" not in spec.probes:
        notes.append("the scenario has no workload of kind tools: tools are not probed")
    if scenario.prices is None:
        notes.append("the scenario has no prices: costs are unknown")
    if scenario.budget is not None:
        notes.append("a budget is of one run: this soak is not held to it")
    return tuple(notes)
