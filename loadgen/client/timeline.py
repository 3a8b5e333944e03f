"""The body of one response as it came: bytes and the time of each read, digested in bounded pieces.

A transport appends reads (`add`, the hot path: three list operations); every 16 KiB, and at the end, they are split
into events and decoded. So parsing costs no time between a read and its stamp, a stream of hundreds of megabytes
takes bounded memory, and a long stream's text is available to whoever watches it live.
"""

import re
from dataclasses import dataclass, field

import msgspec

from loadgen.client.body import MAX_BODY_BYTES, MAX_EVENT_BYTES, BodyTooLargeError, Inflater
from loadgen.client.chunks import Chunk, MalformedChunkError, ToolCallPart, decode_chunks
from loadgen.client.reply import ToolCall, Usage
from loadgen.client.sse import EventSplitter

# Some 60 to 80 chunks: digesting them takes about 60 µs, which delays no other stream noticeably.
DIGEST_BYTES = 16 * 1024
# Of an error reply only this much is kept: enough for its message, whatever its length.
ERROR_KEPT_BYTES = 16 * 1024
# Of a malformed payload: far more than a record keeps, for secrets in it are hidden before it is shortened.
_SHOWN_BYTES = 8 * 1024
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")


@dataclass(slots=True)
class _Call:
    """A tool call in the making: its argument text comes in pieces."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Timeline:
    """Reads of one response body, and what they say so far. Not thread-safe; belongs to one exchange."""

    __slots__ = (
        "_calls",
        "_digest_at",
        "_dropped_bytes",
        "_inflater",
        "_is_error",
        "_pending_bytes",
        "_pieces",
        "_reads",
        "_reasoning",
        "_splitter",
        "_stamps",
        "_text",
        "chunk_stamps",
        "done",
        "error",
        "finish_reason",
        "first_answer_ns",
        "first_call_ns",
        "first_output_ns",
        "last_call_ns",
        "malformed",
        "reasoning_streamed",
        "streaming",
        "usage",
    )

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._stamps: list[int] = []
        self._pending_bytes = 0
        self._digest_at = DIGEST_BYTES
        self._splitter = EventSplitter()
        self._inflater: Inflater | None = None
        self._is_error = False
        self._dropped_bytes = 0
        self._reads = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self.streaming = False
        self.chunk_stamps: list[int] = []
        self.first_output_ns: int | None = None
        self.first_answer_ns: int | None = None
        self.first_call_ns: int | None = None
        self.last_call_ns: int | None = None
        self.reasoning_streamed = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.error: str | None = None
        self.malformed: str | None = None
        self.done = False

    def begin(self, *, streaming: bool, compressed: bool, is_error: bool = False) -> None:
        """The response's headers are in. streaming: it is an event stream; compressed: gzip or deflate."""
        self.streaming = streaming
        self._is_error = is_error
        if compressed:
            self._inflater = Inflater()

    def add(self, stamp_ns: int, piece: bytes) -> None:
        """A read's body bytes. Raises BodyTooLargeError, CorruptBodyError."""
        self._pieces.append(piece)
        self._stamps.append(stamp_ns)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= self._digest_at:
            self._overflow()

    @property
    def reads(self) -> int:
        """Reads that carried body bytes."""
        return self._reads + len(self._stamps)

    def _overflow(self) -> None:
        if self._is_error:
            self._drop_surplus()
            return
        if not self.streaming and self._inflater is None:
            self._look_for_events()
        if self.streaming:
            self.digest()
            # An event that grows and grows is looked at only when it has doubled, or the work would be quadratic.
            carried = self._splitter.carried_bytes
            self._digest_at = max(DIGEST_BYTES, carried)
            too_large = carried >= MAX_EVENT_BYTES
        else:
            self._digest_at = min(2 * self._pending_bytes, MAX_BODY_BYTES)
            too_large = self._pending_bytes >= MAX_BODY_BYTES
        if too_large:
            raise BodyTooLargeError

    def _drop_surplus(self) -> None:
        kept = b"".join(self._pieces)[:ERROR_KEPT_BYTES]
        self._dropped_bytes += self._pending_bytes - len(kept)
        self._reads += len(self._stamps)
        self._pieces, self._stamps, self._pending_bytes = [kept], [], len(kept)
        self._digest_at = ERROR_KEPT_BYTES + DIGEST_BYTES
        if self._dropped_bytes >= MAX_BODY_BYTES:
            raise BodyTooLargeError

    def body(self) -> bytes:
        """An unstreamed body, whole; of an error the start. Raises BodyTooLargeError, CorruptBodyError."""
        self._inflate_pending()
        return b"".join(self._pieces)

    def is_event_stream(self) -> bool:
        """Whether the finished body is one: servers mislabel it. Raises BodyTooLargeError, CorruptBodyError."""
        if not self.streaming:
            self._inflate_pending()
            self._look_for_events()
        return self.streaming

    def _look_for_events(self) -> None:
        start = b"".join(piece[:1024] for piece in self._pieces[:64])
        self.streaming = _EVENTS.match(start) is not None

    def _inflate_pending(self) -> None:
        if self._inflater is not None:
            self._pieces = self._inflater.feed(self._pieces, MAX_BODY_BYTES)
            self._inflater = None

    def digest(self, *, final: bool = False) -> None:
        """Parse the reads that came since the last time. Raises BodyTooLargeError, CorruptBodyError."""
        pieces, stamps = self._pieces, self._stamps
        self._pieces, self._stamps, self._pending_bytes = [], [], 0
        self._reads += len(stamps)
        if self._inflater is not None:
            # A read unfolds to a thousand times its size at most, and a stream's are digested every few.
            pieces = self._inflater.feed(pieces, MAX_EVENT_BYTES)
        payloads, events = self._splitter.feed(pieces, stamps, final=final)
        half_said = self._splitter.cut_short and payloads[-1:] != [b"[DONE]"]
        if b"[DONE]" in payloads:
            self.done = True
            kept = [at for at, payload in enumerate(payloads) if payload != b"[DONE]"]
            payloads, events = [payloads[at] for at in kept], [events[at] for at in kept]
        if not payloads or self.malformed is not None:
            return
        chunks, problem = decode_chunks(payloads)
        if problem is not None and not (half_said and problem.index == len(payloads) - 1):
            self.malformed = _describe(problem, payloads[problem.index])
        for chunk, stamp in zip(chunks, events, strict=False):
            self._take(chunk, stamp)

    def take_whole(self, reply: Chunk, stamp_ns: int) -> None:
        """A reply that was not streamed: its text and counts, and no output stamps."""
        before = len(self.chunk_stamps)
        self._take(reply, stamp_ns)
        del self.chunk_stamps[before:]
        self.first_output_ns = self.first_answer_ns = self.first_call_ns = self.last_call_ns = None
        self.reasoning_streamed = False

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning text so far."""
        return "".join(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far, by index."""
        if not self._calls:
            return ()
        calls = (self._calls[index] for index in sorted(self._calls))
        return tuple(ToolCall(call.id, call.name, "".join(call.arguments)) for call in calls)

    def _take(self, chunk: Chunk, stamp: int) -> None:
        if chunk.usage is not None:
            self.usage = chunk.usage.read() or self.usage
        if self.error is None and (chunk.error or chunk.choices is None):
            self.error = chunk.complaint
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason
        delta = choice.delta or choice.message
        answered = reasoned = False
        if delta is not None:
            if delta.content:
                self._text.append(delta.content)
                answered = True
            thought = delta.reasoning_content or delta.reasoning
            if thought:
                self._reasoning.append(thought)
                reasoned = self.reasoning_streamed = True
            if delta.refusal:
                self._text.append(delta.refusal)
                answered = True
            if delta.tool_calls or delta.function_call:
                parts = delta.tool_calls or [ToolCallPart(index=0, function=delta.function_call)]
                if self._take_calls(parts):
                    answered = True
                    self.first_call_ns = self.first_call_ns or stamp
                    self.last_call_ns = stamp
        elif choice.text:
            self._text.append(choice.text)
            answered = True
        if answered or reasoned:
            self.chunk_stamps.append(stamp)
            if self.first_output_ns is None:
                self.first_output_ns = stamp
            if answered and self.first_answer_ns is None:
                self.first_answer_ns = stamp

    def _take_calls(self, parts: list[ToolCallPart]) -> bool:
        """Whether any of the pieces said anything."""
        said = False
        for position, part in enumerate(parts):
            call = self._calls.setdefault(position if part.index is None else part.index, _Call())
            call.id = call.id or part.id or ""
            function = part.function
            if function is None:
                continue
            if function.name:
                call.name = call.name or function.name
                said = True
            if function.arguments not in (None, ""):
                call.arguments.append(_argument_text(function.arguments))
                said = True
        return said


def _argument_text(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    return msgspec.json.encode(arguments).decode()


def _describe(problem: MalformedChunkError, payload: bytes) -> str:
    shown = payload[:_SHOWN_BYTES].decode("utf-8", "replace")
    return f"{problem.detail}: {shown!r}"
