"""Reasoning tasks with exact answers, in many phrasings: does the answer depend on how one asks?"""

from loadgen.workloads.reasoning.workload import ReasoningWorkload

__all__ = ["ReasoningWorkload"]
