"""The exception tree and the exit codes: the one place that knows which mistake ends in which code.

    LoadgenError                 70  a bug of ours, unless a subclass says otherwise
    +-- UsageError                2  the command line or the environment is wrong
    |   +-- ScenarioError         2  a scenario file is wrong; carries file, line and field
    |   +-- TraceError            2  a recording to replay is wrong; carries file and line
    |   +-- TargetRefusedError    2  the target answered, and refuses this key or model
    +-- TargetUnreachableError    5  no connection to the target, or it was lost for good

Anything raised that is not a LoadgenError is a bug and also ends in 70.
"""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. The values are a contract (docs/ci.md)."""

    PASS = 0
    SLO_FAILED = 1
    BAD_INPUT = 2
    INCONCLUSIVE = 3
    INVALID_RUN = 4
    TARGET_UNREACHABLE = 5
    BUG = 70
    INTERRUPTED = 130


# Where several hold, the first of these wins: a broken tool outranks a broken run, which outranks its verdict.
_PRECEDENCE = (
    ExitCode.BUG,
    ExitCode.BAD_INPUT,
    ExitCode.INTERRUPTED,
    ExitCode.TARGET_UNREACHABLE,
    ExitCode.INVALID_RUN,
    ExitCode.SLO_FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code to exit with where several hold; PASS for none."""
    held = set(codes)
    return next((code for code in _PRECEDENCE if code in held), ExitCode.PASS)


# What a run's outcome asks for (`Verdict.outcome`); any other is a pass.
_OF_OUTCOMES = {
    "fail": ExitCode.SLO_FAILED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "invalid": ExitCode.INVALID_RUN,
}


def code_of(outcome: str) -> ExitCode:
    """The exit code of a run's outcome: pass, fail, inconclusive, invalid or none."""
    return _OF_OUTCOMES.get(outcome, ExitCode.PASS)


# Of the codes that no other line of the output explains.
_EXPLAINED = {
    ExitCode.SLO_FAILED: "an SLO failed",
    ExitCode.INCONCLUSIVE: "inconclusive, for what was measured neither shows that every SLO holds nor that one fails",
    ExitCode.INVALID_RUN: "an invalid run, for the generator was the bottleneck",
}


def explained(code: ExitCode) -> str | None:
    """One line that says what a run's exit code means; None where the output has said it already."""
    return f"Exit code {code:d}: {_EXPLAINED[code]}" if code in _EXPLAINED else None


class LoadgenError(Exception):
    """The root of every error raised on purpose; its text is written for the user, without a traceback."""

    exit_code = ExitCode.BUG


class UsageError(LoadgenError):
    """The command line, the environment or a file named there is wrong."""

    exit_code = ExitCode.BAD_INPUT


class ScenarioError(UsageError):
    """A scenario file is wrong. The text lists every mistake found: file, line, field, accepted values."""


class TraceError(UsageError):
    """A recording to replay can't be used. The text names the file and the line."""


class TargetRefusedError(UsageError):
    """The target is there and refuses us: a wrong key (401, 403) or a model it does not serve."""


class TargetUnreachableError(LoadgenError):
    """No connection to the target could be made, or nothing but connect failures came back."""

    exit_code = ExitCode.TARGET_UNREACHABLE
