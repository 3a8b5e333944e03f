"""The verdict's part in a run: keeps the turns as columns while it lasts, looks for objectives that end it, judges it.

Only where the scenario states objectives: what judges needs scipy, which no worker should load.
"""

from loadgen.engine.ahead import Ahead
from loadgen.metrics.summary import Summary
from loadgen.metrics.turn_table import TurnTableBuilder
from loadgen.scenario.model import Scenario
from loadgen.swarm.conductor import Conductor
from loadgen.verdict.failure import Failure


class Judging:
    """One a run, on the master."""

    def __init__(self, scenario: Scenario) -> None:
        self._slos = scenario.objectives
        self.failure: Failure | None = None
        if not self._slos:
            return
        # Here and not above: plain Locust's workers load this module too, and must not load scipy with it.
        from loadgen.verdict.looks import Watch

        self._builder = TurnTableBuilder()
        self._watch = Watch(self._slos)

    def add(self, records: bytes) -> None:
        """Take in a report's record lines: one complete gzip member, or nothing."""
        if self._slos and records:
            self._builder.add_member(records)

    def failed(self, conductor: Conductor) -> bool:
        """Whether an objective that ends the run is known to have failed."""
        if self._slos and self.failure is None:
            self.failure = self._watch.look(self._builder, conductor.aggregate, conductor.elapsed_s)
        return self.failure is not None

    def judge(self, summary: Summary, conductor: Conductor, ahead: Ahead) -> Summary:
        """The summary with its verdict."""
        if not self._slos:
            return summary
        from loadgen.verdict.evidence import Evidence
        from loadgen.verdict.judge import judge

        table = self._builder.table()
        evidence = Evidence(
            conductor.aggregate,
            table if len(table) else None,
            conductor.load_ended_s,
            ahead.basis,
            {name: part.quality for name, part in summary.workloads.items()},
        )
        return judge(summary, self._slos, evidence, conductor.schedule, self.failure)
