"""What the engine measured on one turn: raw stamps and counts, the recorder's only input.

Every stamp is `time.monotonic_ns()` of the worker. Derived figures (TTFT, TPOT, ...) are the recorder's business,
so that each is computed in one place.
"""

from typing import Final, Literal

from msgspec import Struct, field

from loadgen.marks import Marks

Outcome = Literal[
    "ok",
    "timeout",
    "connect",
    "tls",
    "http_4xx",
    "http_429",
    "http_5xx",
    "stream_error",
    "truncated",
    "invalid_response",
    "cancelled",
]

# What a workload may find of a tool call, in the order of what can go wrong first; in its marks they are call_NAME.
CALL_OUTCOMES: Final = (
    "cut_off",
    "malformed",
    "unknown_tool",
    "invalid",
    "wrong_tool",
    "repeated",
    "extra",
    "wrong_arguments",
    "right",
    "valid",
)


class TurnMeasurement(Struct):
    """One turn that was taken up by the engine. Dropped arrivals never get one.

    stage: index of the stage of its intended time. sent_ns is None where no byte was handed to a socket.
    connect_ns: duration of making the connection this turn was sent on, None on a reused one.
    first_output_ns: first chunk of any kind; first_answer_ns: first content or tool-call chunk.
    first_call_ns, last_call_ns: first and last tool-call chunk; None where there is none or nothing was streamed.
    chunk_stamps: one stamp an output chunk, ascending; events of one read share it. Empty if not streamed.
    reads: socket reads that carried body bytes.
    attempts: how often it was sent, retries included; the stamps are the last attempt's, intended and taken the turn's.
    reasoning_streamed: reasoning came as chunks (else reasoning tokens are taken off for TPOT).
    reserved: what the turn may have cost at most by its plan, where there are prices.
    marks: what its workload found of the answer; None where it does not score.
    """

    session: str
    turn: int
    workload: str
    stage: int
    intended_ns: int
    taken_ns: int
    end_ns: int
    outcome: Outcome
    streamed: bool
    sent_ns: int | None = None
    connect_ns: int | None = None
    first_output_ns: int | None = None
    first_answer_ns: int | None = None
    first_call_ns: int | None = None
    last_call_ns: int | None = None
    chunk_stamps: list[int] = field(default_factory=list)
    reads: int = 0
    input_tokens_asked: int | None = None
    output_tokens_asked: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    reasoning_streamed: bool = False
    finish_reason: str | None = None
    status: int | None = None
    error: str | None = None
    tool_calls: int = 0
    tool_wait_ns: int | None = None
    reserved: float = 0.0
    reconnects: int = 0
    attempts: int = 1
    marks: Marks | None = None
