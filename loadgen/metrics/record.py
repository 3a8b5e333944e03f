"""One line of records.jsonl: everything measured on one turn, in seconds from the run's start.

Made by the recorder. The field names are a contract with the tools that read the file (docs/metrics.md).
"""

import msgspec


# Holds nothing that could refer back to it, so the garbage collector need not look at it.
class Record(msgspec.Struct, frozen=True, gc=False):
    """One turn. *_s are seconds; intended_s to end_s are offsets from the run's start, the others durations.

    A None was not measured. Gap quantiles are nearest rank over this turn's gaps, None below 2 (p50) or 100 (p99);
    of a reply of over 4,096 chunks within 0.1 %.
    """

    run: str
    session: str
    turn: int
    workload: str
    stage: str
    worker: str
    intended_s: float
    taken_s: float
    send_s: float | None
    first_output_s: float | None
    end_s: float
    connect_s: float | None
    ttft_s: float | None
    ttfo_s: float | None
    tpot_s: float | None
    e2e_s: float
    service_ttft_s: float | None
    service_e2e_s: float | None
    chunks: int
    itl_p50_s: float | None
    itl_p99_s: float | None
    itl_max_s: float | None
    reads: int
    input_tokens_asked: int | None
    input_tokens: int | None
    output_tokens_asked: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    finish_reason: str | None
    outcome: str
    status: int | None
    error: str | None
    tool_calls: int
    tool_wait_s: float | None
    reconnects: int
    attempts: int
    cost: float | None
