"""The body of one response as it came: bytes and the time of each read, digested in bounded pieces.

A transport appends reads (`add`, the hot path: three list operations); every 16 KiB, and at the end, they are split
into events and decoded. So parsing costs no time between a read and its stamp, a stream of hundreds of megabytes
takes bounded memory, and a long stream's text is available to whoever watches it live.
"""

import zlib

import msgspec

from loadgen.client.chunks import Chunk, MalformedChunkError, ToolCallPart, decode_chunks, error_message
from loadgen.client.reply import ToolCall, Usage
from loadgen.client.sse import EventSplitter

# Some 60 to 80 chunks: digesting them takes about 60 µs, which delays no other stream noticeably.
DIGEST_BYTES = 16 * 1024
# A single event or a reply that is not streamed may be this long; beyond it the turn fails with bounded memory.
MAX_PENDING_BYTES = 64 * 1024 * 1024


class BodyTooLargeError(Exception):
    """A single event or an unstreamed body is larger than MAX_PENDING_BYTES."""


class CorruptBodyError(Exception):
    """A compressed body that can't be decompressed."""


class Timeline:
    """Reads of one response body, and what they say so far. Not thread-safe; belongs to one exchange."""

    __slots__ = (
        "_calls",
        "_digest_at",
        "_inflate",
        "_pending_bytes",
        "_pieces",
        "_reasoning",
        "_splitter",
        "_stamps",
        "_text",
        "chunk_stamps",
        "done",
        "error",
        "finish_reason",
        "first_answer_ns",
        "first_output_ns",
        "malformed",
        "reads",
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
        self._inflate: zlib._Decompress | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self.streaming = False
        self.reads = 0
        self.chunk_stamps: list[int] = []
        self.first_output_ns: int | None = None
        self.first_answer_ns: int | None = None
        self.reasoning_streamed = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.error: str | None = None
        self.malformed: str | None = None
        self.done = False

    def begin(self, *, streaming: bool, compressed: bool) -> None:
        """The response's headers are in. streaming: it is an event stream; compressed: gzip or deflate."""
        self.streaming = streaming
        if compressed:
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def add(self, stamp_ns: int, piece: bytes) -> None:
        """A read's body bytes. Raises BodyTooLargeError, CorruptBodyError."""
        self._pieces.append(piece)
        self._stamps.append(stamp_ns)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= self._digest_at:
            self._overflow()

    def _overflow(self) -> None:
        if self.streaming:
            self.digest()
            # An event that grows and grows is looked at only when it has doubled, or the work would be quadratic.
            carried = self._splitter.carried_bytes
            self._digest_at = max(DIGEST_BYTES, carried)
        else:
            carried = self._pending_bytes
            self._digest_at = min(2 * carried, MAX_PENDING_BYTES)
        if carried >= MAX_PENDING_BYTES:
            raise BodyTooLargeError

    def body(self) -> bytes:
        """An unstreamed body, whole. Raises BodyTooLargeError, CorruptBodyError."""
        self.reads += len(set(self._stamps))
        return b"".join(self._inflated(self._pieces))

    def looks_like_events(self) -> bool:
        """Whether the body so far reads like an event stream, for servers that mislabel it."""
        start = b"".join(self._pieces[:4]).lstrip()[:6]
        return start.startswith((b"data:", b":", b"event:"))

    def digest(self, *, final: bool = False) -> None:
        """Parse the reads that came since the last time. Raises BodyTooLargeError, CorruptBodyError."""
        pieces, stamps = self._pieces, self._stamps
        self._pieces, self._stamps, self._pending_bytes = [], [], 0
        self.reads += len(set(stamps))
        pieces = self._inflated(pieces)
        payloads, events = self._splitter.feed(pieces, stamps, final=final)
        if b"[DONE]" in payloads:
            self.done = True
            kept = [(p, s) for p, s in zip(payloads, events, strict=True) if p != b"[DONE]"]
            payloads, events = [p for p, _ in kept], [s for _, s in kept]
        if not payloads or self.malformed is not None:
            return
        chunks, problem = decode_chunks(payloads)
        if problem is not None:
            self.malformed = _describe(problem, payloads[problem.index])
        for chunk, stamp in zip(chunks, events, strict=False):
            self._take(chunk, stamp)

    def take_whole(self, reply: Chunk, stamp_ns: int) -> None:
        """A reply that was not streamed: its text and counts, and no output stamps."""
        before = len(self.chunk_stamps)
        self._take(reply, stamp_ns)
        del self.chunk_stamps[before:]
        self.first_output_ns = self.first_answer_ns = None
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
        return tuple(ToolCall(*self._calls[index]) for index in sorted(self._calls))

    def _inflated(self, pieces: list[bytes]) -> list[bytes]:
        if self._inflate is None:
            return pieces
        inflated = []
        budget = MAX_PENDING_BYTES
        try:
            for piece in pieces:
                inflated.append(self._inflate.decompress(piece, budget))
                budget -= len(inflated[-1])
                if self._inflate.unconsumed_tail or budget <= 0:
                    raise BodyTooLargeError
        except zlib.error as error:
            raise CorruptBodyError(str(error)) from None
        return inflated

    def _take(self, chunk: Chunk, stamp: int) -> None:
        if chunk.usage is not None:
            self.usage = chunk.usage.read()
        if chunk.error is not None and self.error is None:
            self.error = error_message(chunk.error)
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
                answered = self._take_calls(parts) or answered
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
            call = self._calls.setdefault(position if part.index is None else part.index, ["", "", ""])
            if part.id and not call[0]:
                call[0] = part.id
            if part.function is None:
                continue
            if part.function.name:
                call[1] = call[1] or part.function.name
                said = True
            if part.function.arguments:
                call[2] += _argument_text(part.function.arguments)
                said = True
        return said


def _argument_text(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    return msgspec.json.encode(arguments).decode()


def _describe(problem: MalformedChunkError, payload: bytes) -> str:
    shown = payload[:80].decode("utf-8", "replace")
    return f"{problem.detail}: {shown!r}"
