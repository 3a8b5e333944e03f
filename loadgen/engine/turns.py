"""One turn, from the workload's wish to the recorder's measurement.

The only place where a Turn becomes bytes and an Exchange becomes a TurnMeasurement.
"""

from msgspec.structs import replace

from loadgen.client.dialects import BodyTemplate, Dialect, body_template
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted
from loadgen.client.reply import Reply
from loadgen.engine.attempts import Performed
from loadgen.metrics.cost import Reserve
from loadgen.metrics.turn import TurnMeasurement
from loadgen.scenario.request import RequestOptions
from loadgen.workloads.base import Turn


def request_template(request: RequestOptions, *, model: str, dialect: Dialect) -> BodyTemplate:
    """What every request of a run says, as the scenario asks and the server's dialect spells it."""
    return body_template(
        model=model,
        stream=request.stream,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        extra_body=request.extra_body,
        dialect=dialect,
        api=request.api,
        force_length=request.force_output_tokens,
        strict=request.strict_tools,
    )


def sends_reasoning(request: RequestOptions, dialect: Dialect) -> bool:
    """Whether an answer's reasoning goes back into the history of a conversation with tools."""
    if request.send_reasoning == "auto":
        return dialect.needs_reasoning
    return request.send_reasoning == "always"


class TurnMaker:
    """Encodes turns for one target and one scenario's request options."""

    def __init__(
        self,
        template: BodyTemplate,
        limits: Limits,
        *,
        stream: bool,
        sends_reasoning: bool = False,
        reserve: Reserve | None = None,
    ) -> None:
        """stream: whether the template asks for a stream. sends_reasoning: whether histories get the reasoning back.

        reserve: where there is a budget, what a turn may cost at most.
        """
        self._template = template
        self._limits = limits
        self._sends_reasoning = sends_reasoning
        self._reserve = reserve
        self.stream = stream

    def exchange(self, turn: Turn) -> Exchange:
        """The turn, ready to send. Done ahead of its due time: encoding is not latency of the target."""
        body = self._template.fragments(turn.messages, max_tokens=turn.output_tokens, tools=turn.tools)
        reserved = 0.0
        if self._reserve is not None:
            reserved = self._reserve.turn(turn.input_tokens, sum(map(len, body)), turn.output_tokens)
        return Exchange(self._template.path, body, self._limits, reserved=reserved)

    def reply(self, seen: Interpreted) -> Reply:
        """What the session gets to see: with the reasoning that its history must carry, where it must."""
        return replace(seen.reply, reasoning_back=seen.reply.reasoning) if self._sends_reasoning else seen.reply


def measure(
    turn: Turn,
    performed: Performed,
    *,
    stream_asked: bool,
    session: str,
    number: int,
    workload: str,
    stage: int,
    intended_ns: int,
    taken_ns: int,
    end_ns: int,
    worked_ns: int = 0,
) -> TurnMeasurement:
    """What the recorder gets of one turn; number counts the session's turns from 0. All stamps in monotonic ns.

    worked_ns: how long tools that really run took before it, beside its pause.
    """
    exchange, seen = performed.exchange, performed.seen
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
        first_call_ns=timeline.first_call_ns,
        last_call_ns=timeline.last_call_ns,
        chunk_stamps=timeline.chunk_stamps,
        reads=timeline.reads,
        input_tokens_asked=turn.input_tokens,
        output_tokens_asked=turn.output_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        reasoning_streamed=timeline.reasoning_streamed,
        finish_reason=seen.reply.finish_reason,
        status=exchange.status,
        error=seen.error,
        tool_calls=len(seen.reply.tool_calls),
        tool_wait_ns=worked_ns + round(turn.delay_s * 1e9) if number and turn.waits_for == "tool" else None,
        reconnects=performed.reconnects + exchange.reconnects,
        attempts=performed.attempts,
        reserved=exchange.reserved,
    )
