"""What is counted rather than distributed: outcomes, tokens, chunks, by stage and workload.

Filled by the recorder, carried by snapshots, summed by the aggregate. A token count a server did not give is counted
as an unknown part and never as 0.
"""

import msgspec

from loadgen.marks import Marks
from loadgen.metrics.turn import CALL_OUTCOMES

# The order of every per-kind list of token counts.
TOKEN_KINDS = ("input", "output", "cached_input", "reasoning")


def _zeros() -> list[int]:
    return [0] * len(TOKEN_KINDS)


class Counters(msgspec.Struct):
    """Counts of one (stage, workload).

    Turns count in the stage of their intended time; `window_*` in the stage during which they happened, whichever
    stage their turn belongs to.

    calls: tool calls that a workload has judged, by CALL_OUTCOMES; tool_calls less these are unjudged.
    failures: failed turns by outcome class. tokens and unknown_tokens: per TOKEN_KINDS, what is known and the number
    of turns whose count is not. chunks and reads: output chunks, and the socket reads that carried them.
    sessions: sessions whose first turn was sent; a sub-agent is part of its session.
    window_ok: ok turns that ended there. window_input and window_output: tokens in proportion to the chunks
    stamped there; window_*_unknown: turns with a share there of unknown size. retries: attempts beyond a turn's first.

    *_asked and *_got: tokens of the ok turns that asked for a size and whose size is known. cost_low and cost_high: the
    bounds of what is known of the cost; cost_unknown: turns whose cost is not, and what they may have cost at most.

    good: ok turns that met every limit of the plan; good_unknown: ok turns that could not be held against one.
    window_good and window_good_unknown: those that ended there. slo_good: per limit of the plan, the ok turns that met
    it; empty for none.
    """

    stage: int
    workload: int
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    dropped: int = 0
    reconnects: int = 0
    retries: int = 0
    tool_calls: int = 0
    sessions: int = 0
    chunks: int = 0
    reads: int = 0
    window_ok: int = 0
    window_chunks: int = 0
    window_input: float = 0.0
    window_output: float = 0.0
    window_input_unknown: int = 0
    window_output_unknown: int = 0
    calls: dict[str, int] = msgspec.field(default_factory=dict)
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    tokens: list[int] = msgspec.field(default_factory=_zeros)
    unknown_tokens: list[int] = msgspec.field(default_factory=_zeros)
    input_asked: int = 0
    input_got: int = 0
    output_asked: int = 0
    output_got: int = 0
    cost_low: float = 0.0
    cost_high: float = 0.0
    cost_unknown: int = 0
    cost_unknown_reserved: float = 0.0
    good: int = 0
    good_unknown: int = 0
    window_good: int = 0
    window_good_unknown: int = 0
    slo_good: list[int] = msgspec.field(default_factory=list)

    def add(self, other: "Counters") -> None:
        """Add the other's counts; its stage and workload do not matter (a total has none of its own)."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for outcome, count in other.failures.items():
            self.failures[outcome] = self.failures.get(outcome, 0) + count
        for outcome, count in other.calls.items():
            self.calls[outcome] = self.calls.get(outcome, 0) + count
        for kind in range(len(TOKEN_KINDS)):
            self.tokens[kind] += other.tokens[kind]
            self.unknown_tokens[kind] += other.unknown_tokens[kind]
        if other.slo_good:
            if not self.slo_good:
                self.slo_good = [0] * len(other.slo_good)
            for index, count in enumerate(other.slo_good):
                self.slo_good[index] += count

    def count_calls(self, marks: Marks) -> None:
        """Count the tool calls of an answer by what its workload has found of them."""
        for outcome in CALL_OUTCOMES:
            count = marks.get(f"call_{outcome}")
            if isinstance(count, int):
                self.calls[outcome] = self.calls.get(outcome, 0) + count

    @property
    def sent(self) -> int:
        """Turns taken up, whatever became of them."""
        return self.ok + self.failed + self.cancelled

    @property
    def chunks_per_read(self) -> float | None:
        """Output chunks to a socket read; None without reads."""
        return self.chunks / self.reads if self.reads else None


_SUMMED = tuple(
    name
    for name in Counters.__struct_fields__
    if name not in ("stage", "workload", "calls", "failures", "tokens", "unknown_tokens", "slo_good")
)
