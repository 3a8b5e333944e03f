"""From a workload's part of the scenario to the workload: the one place that knows the kinds.

Called once per worker before the load starts, and by the supervisor to find mistakes before anything is sent.
"""

from collections.abc import Iterable, Sequence

from loadgen.errors import UsageError
from loadgen.scenario.coding import CodingSpec
from loadgen.scenario.long_context import LongContextSpec
from loadgen.scenario.model import ChatSpec, ReplaySpec
from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.base import Workload
from loadgen.workloads.chat import ChatWorkload
from loadgen.workloads.coding import CodingWorkload
from loadgen.workloads.corpus import load_corpus
from loadgen.workloads.long_context import LongContextWorkload
from loadgen.workloads.reasoning import ReasoningWorkload
from loadgen.workloads.replay import ReplayWorkload
from loadgen.workloads.sizing import TextSizer
from loadgen.workloads.tools import build_tools


def build_workload(
    spec: ChatSpec | ReplaySpec | LongContextSpec | ToolsSpec | CodingSpec | ReasoningSpec, *, seed: int
) -> Workload:
    """Build the workload that `spec` describes; reads and checks every file it needs.

    `seed` is the scenario's. Takes 10 ms for a chat over python-docs, about 20 ms a megabyte of recording.
    Raises UsageError for a corpus or a file of tools, TraceError for a recording that can't be used, naming file and
    line.
    """
    match spec:
        case ChatSpec():
            return ChatWorkload(spec, load_corpus(spec.corpus), TextSizer(), seed=seed)
        case ReplaySpec():
            return ReplayWorkload(spec, seed=seed)
        case ToolsSpec():
            return build_tools(spec, seed=seed)
        case CodingSpec():
            return CodingWorkload(spec, seed=seed)
        case ReasoningSpec():
            return ReasoningWorkload(spec, seed=seed)
        case LongContextSpec():
            return LongContextWorkload(spec, TextSizer(), seed=seed)


def recorded_starts(arrivals: str, workloads: Sequence[Workload]) -> Iterable[float] | None:
    """For `arrivals: trace`: when each session starts, in seconds, ascending; None for any other arrivals.

    Raises UsageError where that is not recorded, or where several workloads would each have a clock of their own.
    """
    if arrivals != "trace":
        return None
    if len(workloads) > 1:
        raise UsageError("arrivals: trace replays one recording's own clock, so it takes exactly one workload")
    starts = workloads[0].start_times()
    if starts is None:
        raise UsageError(
            f"workload {workloads[0].name!r}: its recording has no start times; "
            "use arrivals: closed, constant, poisson or gamma"
        )
    return starts
