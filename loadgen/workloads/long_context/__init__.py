"""Questions about long, noisy contexts whose answers are known: does a model find what is there, and at what cost?"""

from loadgen.workloads.long_context.workload import LongContextWorkload

__all__ = ["LongContextWorkload"]
