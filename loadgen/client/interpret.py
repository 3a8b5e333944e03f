"""What became of an exchange: its outcome class and its reply, judged once the response is over.

Called by the engine after a transport has finished (or given up on) an Exchange. The rules are the design's: a 2xx
that is complete, with a finish reason that is not a failure, is ok; an error inside the stream, a cut-off stream
or an unreadable one is not, whatever the status line said.
"""

from msgspec import Struct

from loadgen.client.body import BodyTooLargeError, CorruptBodyError
from loadgen.client.chunks import Chunk, MalformedChunkError, decode_chunk
from loadgen.client.exchange import Exchange, Failure
from loadgen.client.reply import Reply, Usage
from loadgen.metrics.turn import Outcome

_COMPLETE = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})
_NO_USAGE = Usage()
# Characters of an error's text that a record keeps.
_SHORT = 300
# Bytes of a body that are kept until secrets are hidden, which may be long: cut through, they would not be found.
_LOOKED_AT = 8 * 1024


class Interpreted(Struct, frozen=True):
    """outcome: the class that is counted. error: a short text for the record, None where ok."""

    outcome: Outcome
    error: str | None
    reply: Reply


def interpret(exchange: Exchange) -> Interpreted:
    """Judge a finished exchange. Digests what is left of its body."""
    try:
        failure = _decide(exchange, _read_body(exchange))
    except BodyTooLargeError as error:
        failure = _unreadable(exchange, str(error))
    except CorruptBodyError as error:
        failure = _unreadable(exchange, f"corrupt compressed body: {error}")
    timeline = exchange.timeline
    reply = Reply(
        ok=failure is None,
        text=timeline.text,
        reasoning=timeline.reasoning,
        tool_calls=timeline.tool_calls,
        finish_reason=_finish_reason(exchange),
        usage=timeline.usage or _NO_USAGE,
    )
    if failure is None:
        return Interpreted("ok", None, reply)
    return Interpreted(failure.outcome, _short(exchange.secrets.hide(failure.message)), reply)


def _finish_reason(exchange: Exchange) -> str | None:
    """As the server has it; what is none of the known ones is its own words."""
    reason = exchange.timeline.finish_reason
    return reason if reason is None or reason in _COMPLETE else _short(exchange.secrets.hide(reason))


def _unreadable(exchange: Exchange, what: str) -> Failure:
    """A body that can't be read was so before it was cut off: as if the transport had looked at it in time."""
    met = exchange.failure
    return Failure("invalid_response", what) if met is None or met.outcome == "truncated" else met


def _decide(exchange: Exchange, found: Failure | None) -> Failure | None:
    """Between what the transport met and what the response itself says.

    A response that was cut off or unreadable has nevertheless said what is wrong if it carried an error status or an
    error event, and has said everything if `[DONE]` came.
    """
    met = exchange.failure
    if met is None or met.outcome not in ("truncated", "invalid_response"):
        return met or found
    if found is None:
        complete = met.outcome == "truncated" and exchange.status is not None and exchange.timeline.done
        return None if complete else met
    said = found.outcome not in ("truncated", "invalid_response")
    return found if said else met


def _read_body(exchange: Exchange) -> Failure | None:
    """What is wrong with the response as a response, None if nothing is."""
    status = exchange.status
    if status is None:
        return None
    timeline = exchange.timeline
    if not 200 <= status < 300:
        return Failure(_status_outcome(status), f"HTTP {status}: {_error_text(exchange)}")
    if timeline.is_event_stream():
        timeline.digest(final=True)
        return _judge_stream(exchange)
    return _read_whole(exchange)


def _judge_stream(exchange: Exchange) -> Failure | None:
    timeline = exchange.timeline
    if timeline.error is not None:
        return Failure("stream_error", timeline.error)
    if timeline.malformed is not None:
        return Failure("invalid_response", f"malformed chunk: {timeline.malformed}")
    return _judge_finish(timeline.finish_reason)


def _judge_finish(reason: str | None) -> Failure | None:
    if reason is None:
        return Failure("truncated", "the reply ended without a finish reason")
    if reason not in _COMPLETE:
        return Failure("stream_error", f"finish reason {reason}")
    return None


def _read_whole(exchange: Exchange) -> Failure | None:
    timeline = exchange.timeline
    if exchange.failure is not None:
        return None
    body = timeline.body()
    try:
        reply = decode_chunk(body)
    except MalformedChunkError as error:
        shown = body[:_LOOKED_AT].decode("utf-8", "replace")
        return Failure("invalid_response", f"the reply is not a chat completion: {error.detail}: {shown!r}")
    complaint = reply.complaint
    if complaint is not None:
        return Failure("stream_error", complaint)
    if not reply.choices:
        return Failure("invalid_response", "the reply has no choices")
    timeline.take_whole(reply, exchange.end_ns or 0)
    return _judge_finish(timeline.finish_reason)


def _status_outcome(status: int) -> Outcome:
    if status == 429:
        return "http_429"
    if 400 <= status < 500:
        return "http_4xx"
    if status >= 500:
        return "http_5xx"
    return "invalid_response"


def _error_text(exchange: Exchange) -> str:
    """The server's own words for an error status."""
    try:
        body = exchange.timeline.body()
    except (BodyTooLargeError, CorruptBodyError):
        return "its text can't be read"
    try:
        chunk: Chunk | None = decode_chunk(body)
    except MalformedChunkError:
        chunk = None
    complaint = chunk.complaint if chunk is not None else None
    return complaint or body[:_LOOKED_AT].decode("utf-8", "replace").strip() or "no body"


def _short(text: str) -> str:
    """One line of bounded length, whatever a server sent."""
    line = " ".join(text[: 2 * _SHORT].split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"
