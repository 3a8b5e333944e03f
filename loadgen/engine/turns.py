"""One turn, from the workload's wish to the recorder's measurement.

The only place where a Turn becomes bytes and an Exchange becomes a TurnMeasurement.
"""

from loadgen.client.dialects import CHAT_PATH, BodyTemplate
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted
from loadgen.metrics.turn import TurnMeasurement
from loadgen.workloads.base import Turn


class TurnMaker:
    """Encodes turns for one target and one scenario's request options."""

    def __init__(self, template: BodyTemplate, limits: Limits, *, stream: bool) -> None:
        """stream: whether the template asks for a stream."""
        self._template = template
        self._limits = limits
        self.stream = stream

    def exchange(self, turn: Turn) -> Exchange:
        """The turn, ready to send. Done ahead of its due time: encoding is not latency of the target."""
        body = self._template.fragments(turn.messages, max_tokens=turn.output_tokens, tools=turn.tools)
        return Exchange(CHAT_PATH, body, self._limits)


def measure(
    turn: Turn,
    exchange: Exchange,
    seen: Interpreted,
    *,
    stream_asked: bool,
    session: str,
    number: int,
    workload: str,
    stage: int,
    intended_ns: int,
    taken_ns: int,
    end_ns: int,
) -> TurnMeasurement:
    """What the recorder gets of one turn; number counts the session's turns from 0. All stamps in monotonic ns."""
    timeline = exchange.timeline
    usage = seen.reply.usage
    return TurnMeasurement(
        session=session,
        turn=number,
        workload=workload,
        stage=stage,
        intended_ns=intended_ns,
        taken_ns=taken_ns,
        end_ns=end_ns,
        outcome=seen.outcome,
        # Where nothing has come yet, what was asked for: its time to first output is to be known as censored.
        streamed=timeline.streaming if exchange.status is not None else stream_asked,
        sent_ns=exchange.sent_ns,
        connect_ns=exchange.connect_ns,
        first_output_ns=timeline.first_output_ns,
        first_answer_ns=timeline.first_answer_ns,
        chunk_stamps=timeline.chunk_stamps,
        reads=timeline.reads,
        input_tokens_asked=turn.input_tokens,
        output_tokens_asked=turn.output_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        reasoning_streamed=timeline.reasoning_streamed,
        finish_reason=timeline.finish_reason,
        status=exchange.status,
        error=seen.error,
        tool_calls=len(seen.reply.tool_calls),
        tool_wait_ns=round(turn.delay_s * 1e9) if number and turn.waits_for == "tool" else None,
        reconnects=exchange.reconnects,
    )
