"""The typed models of suite.json, schema `loadgen.suite/1`: the tables and reports of a suite read it from here.

Plain data, no behaviour. Seconds as plain numbers; None is not known and never 0.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "loadgen.suite/1"

# cut: it did not come to its end (interrupted, target lost, bad input); not_run: the suite ended before it.
PartOutcome = Literal["pass", "fail", "inconclusive", "invalid", "none", "cut", "not_run"]
Outcome = Literal["pass", "fail", "inconclusive", "invalid", "none", "cut"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part. scenario: its scenario's name. folder: where its own results are, beside suite.json, once it has begun.

    reason: the outcome in words. exit_code: of its own command; None where it was not run. model: as the target names
    it.
    """

    name: str
    kind: Literal["run", "soak"]
    scenario: str
    folder: str | None = None
    outcome: PartOutcome = "not_run"
    reason: str = "not run"
    exit_code: int | None = None
    model: str | None = None
    started_at: str | None = None
    duration_s: float | None = None


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """A whole suite. target: without the URL's user part; None for the embedded simulator.

    outcome and exit_code: the worst of the parts', by the order of exit codes (docs/ci.md); reason: in words.
    """

    schema: Literal["loadgen.suite/1"] = SCHEMA
    name: str
    description: str
    started_at: str
    version: str
    target: str | None
    model: str
    parts: list[Part]
    duration_s: float | None = None
    outcome: Outcome = "none"
    exit_code: int = 0
    reason: str = ""
    notes: list[str] = []

    @property
    def served(self) -> str:
        """The model that was measured, or as it was asked for where no part got so far."""
        return ", ".join(dict.fromkeys(part.model for part in self.parts if part.model is not None)) or self.model
