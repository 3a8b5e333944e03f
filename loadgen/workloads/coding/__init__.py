"""Agents that work on real repositories until their tests pass: what the `coding` kind of a scenario sends.

    task.py       a task as it lies on disk, without its solution, which nothing here reads
    checkout.py   one agent's copy of a repository, in memory
    edits.py      search-and-replace, and what to say where nothing matches
    toolbox.py    the tools, and what each call does
    bench.py      test runs and the judging of what came out, both in the sandbox
    agent.py      the session

`build_workload` calls `CodingWorkload`.
"""

from loadgen.workloads.coding.workload import CodingWorkload

__all__ = ["CodingWorkload"]
