"""Looks at a run while it lasts: an objective with `abort: true` ends it as soon as it is known to have failed.

A sequential rule (`stats.sequential`): looks come at doubling numbers of sessions, each with its share of the error, so
that looking often ends no more runs wrongly than 2.5 % in all. Called by the master after each report.
"""

from collections.abc import Sequence

import numpy as np

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.cost import CostBasis
from loadgen.metrics.turn_table import TurnTable, TurnTableBuilder
from loadgen.scenario.slos import Slo
from loadgen.stats.sequential import ALPHA, look_at, look_confidence
from loadgen.verdict.evidence import Cohort
from loadgen.verdict.failure import Failure
from loadgen.verdict.figures import figure_of

# After a look that came too early, how much longer the run must have lasted for the next: the table of 400,000 turns
# takes a tenth of a second to copy, four times a second, as long as slow turns hold the look back.
_PATIENCE = 1.02


class Watch:
    """The objectives that may end this run; one a run."""

    def __init__(self, slos: Sequence[Slo]) -> None:
        self._slos = [slo for slo in slos if slo.abort]
        self._looked = 0
        self._not_before_s = 0.0

    def look(self, builder: TurnTableBuilder, aggregate: Aggregate, elapsed_s: float) -> Failure | None:
        """The first objective that has failed by now; None for none, and where it is not time for another look."""
        # Counting sessions is cheap, and their number bounds that of the ones looked at.
        if not self._slos or look_at(builder.session_count) <= self._looked or elapsed_s < self._not_before_s:
            return None
        table = cohort_of(builder.table(), elapsed_s)
        measured = [stage.name for stage in aggregate.plan.stages if stage.measure]
        sessions = len(np.unique(table.session[table.of_stage(measured)]))
        look = look_at(sessions)
        if look <= self._looked:
            self._not_before_s = elapsed_s * _PATIENCE
            return None
        self._looked = look
        confidence = look_confidence(look, ALPHA / len(self._slos))
        evidence = Cohort(aggregate, table, elapsed_s, CostBasis(), {})
        for slo in self._slos:
            figure = figure_of(slo, evidence, confidence)
            bound = figure.low if slo.is_upper else figure.high
            if (bound is not None and not slo.met_by(bound)) or (slo.is_upper and figure.beyond):
                return Failure(slo, f"known after {sessions:,} sessions, at {elapsed_s:.0f} s (look {look})")
        return None


def cohort_of(table: TurnTable, elapsed_s: float) -> TurnTable:
    """The turns that were due long enough ago that those due with them have most likely ended too.

    Whatever has ended by now is not a fair sample: failures are quick, and long answers still under way. As long ago as
    the longest turn so far took.
    """
    if not len(table):
        return table
    return table.only(table.numbers["intended_s"] <= elapsed_s - float(table.numbers["e2e_s"].max()))
