"""What a part's summary, and all parts together, come to: an outcome, a reason in words, an exit code."""

from collections.abc import Sequence
from typing import Final

from loadgen.errors import ExitCode, code_of, worst
from loadgen.history.week import Week
from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.console import in_unit
from loadgen.suite.model import Outcome, Part, PartOutcome

_OUTCOMES: Final[dict[ExitCode, Outcome]] = {
    ExitCode.SLO_FAILED: "fail",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.INVALID_RUN: "invalid",
}
# In the order in which they are told: what is said of one part and of several, and whether with their reasons.
_SAID: Final[tuple[tuple[PartOutcome, str, str, bool], ...]] = (
    ("cut", "did not come to its end", "did not come to their ends", True),
    ("invalid", "says nothing, for the generator was the bottleneck", "say nothing", True),
    ("fail", "failed", "failed", True),
    ("inconclusive", "could not be decided", "could not be decided", True),
    ("not_run", "was not run", "were not run", False),
    ("pass", "passed", "passed", False),
    ("none", "was measured, with nothing to judge it by", "were measured, with nothing to judge them by", False),
)
_CUT: Final = {
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TARGET_UNREACHABLE: "the target could not be reached, or was lost",
    ExitCode.BAD_INPUT: "refused, with a message on the console",
    ExitCode.BUG: "ended by a bug of loadgen",
}


def reason_of(summary: Summary) -> str:
    """Why a run's verdict is what it is: the SLOs that decided it."""
    verdict = summary.verdict
    match verdict.outcome:
        case "invalid":
            return "; ".join(summary.generator.reasons) or "the generator was the bottleneck"
        case "none":
            return "the scenario states no SLO"
        case "pass":
            return f"all {len(verdict.slos)} SLOs hold" if len(verdict.slos) > 1 else "its SLO holds"
        case outcome:
            return "; ".join(_told(slo) for slo in verdict.slos if slo.outcome == outcome)


def _told(slo: SloResult) -> str:
    if slo.estimate is None:
        return f"{slo.expression}: {slo.reason or 'not measured'}"
    return f"{slo.expression}: it is {in_unit(slo.estimate, slo.unit)}"


def soak_reason(week: Week) -> str:
    """What a short soak came to: it has no limits of its own, and no day passes in which anything could drift."""
    counts = week.counts
    lost = ", ".join(f"{counts[name]} {name}" for name in ("failed", "missed", "interrupted") if counts[name])
    return f"{counts['ok']} of {len(week.probes)} probes ok" + (f", {lost}" if lost else "")


def why_cut(code: ExitCode) -> str:
    """Why a part has no verdict."""
    return _CUT.get(code, f"exit code {code:d}, and no summary")


def conclude(parts: Sequence[Part]) -> tuple[Outcome, ExitCode, str]:
    """The outcome of all parts, its exit code (the worst of theirs) and its reason.

    A part that was not run keeps the whole from passing: what is not measured is not known to hold.
    """
    codes = [ExitCode(part.exit_code) for part in parts if part.exit_code is not None]
    codes += [code_of(part.outcome) for part in parts]
    if any(part.outcome == "not_run" for part in parts):
        codes.append(ExitCode.INCONCLUSIVE)
    code = worst(codes)
    outcome = _OUTCOMES.get(code, "cut")
    if code == ExitCode.PASS:
        outcome = "pass" if any(part.outcome == "pass" for part in parts) else "none"
    return outcome, code, _words(parts)


def _words(parts: Sequence[Part]) -> str:
    """`load failed (ttft p99 < 2s: it is 3.1 s); cost and long_context passed.`"""
    told = []
    for outcome, of_one, of_several, why in _SAID:
        named = [part for part in parts if part.outcome == outcome]
        if not named:
            continue
        said = f"{_listed([part.name for part in named])} {of_one if len(named) == 1 else of_several}"
        reasons = [part.reason if len(named) == 1 else f"{part.name}: {part.reason}" for part in named]
        told.append(f"{said} ({'; '.join(reasons)})" if why else said)
    return f"{'; '.join(told)}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
