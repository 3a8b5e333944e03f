"""What answers were worth: from scored turns to a workload's `quality` in summary.json.

A pure function of the records of scored turns (`Record.marks`, as the workloads wrote them), the scenario and the plan;
called by the master once the last snapshot is in. One module a workload kind. Knows nothing of HTTP or Locust.
"""

from loadgen.quality.figures import quality_of

__all__ = ["quality_of"]
