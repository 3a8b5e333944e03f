"""Recorded agent conversations, played back: what the `replay` kind of a scenario sends.

`agentic` reads the recording, `workload` plays it with the recorded answers or with the model's own (`live`).
"""

from loadgen.workloads.replay.agentic import Conversation, Step, load_agentic
from loadgen.workloads.replay.workload import ReplayWorkload

__all__ = ["Conversation", "ReplayWorkload", "Step", "load_agentic"]
