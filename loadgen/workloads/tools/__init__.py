"""Agents that call tools, and single function-calling questions: what the `tools` kind of a scenario sends.

`build_tools` is called by `build_workload`; everything below it is pure data and functions of the session's own state.
"""

from loadgen.workloads.tools.workload import build_tools

__all__ = ["build_tools"]
