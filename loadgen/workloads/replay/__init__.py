"""Recordings, played back: what the `replay` kind of a scenario sends.

`formats` finds the reader of a recording: of text (`agentic`, `messages`, by way of `script`) or of lengths (`flat`,
`cache_tester`). `workload` and `lengths` play them; `survey` looks at one before it is played.
"""

from loadgen.workloads.replay.workload import ReplayWorkload

__all__ = ["ReplayWorkload"]
