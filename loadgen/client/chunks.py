"""The JSON of a chat completion, streamed or whole, as typed structs: the one place that knows these shapes.

Unknown keys are skipped, known ones may be null, empty or absent. Decoding is batched: all payloads of a piece
of stream are joined to one JSON array, which costs half of decoding them one by one.
"""

from typing import Any

import msgspec
from msgspec import Struct

from loadgen.client.reply import Usage


class FunctionPart(Struct, gc=False):
    """Name and argument text of a tool call, or a piece of it. Some servers send arguments as an object."""

    name: str | None = None
    arguments: Any = None


class ToolCallPart(Struct, gc=False):
    """A tool call, or a piece of one: id and name come once, the argument text in pieces, bucketed by index."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None


class Message(Struct, gc=False):
    """A `delta` of a stream or the `message` of a whole reply."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPart] | None = None
    function_call: FunctionPart | None = None


class Choice(Struct, gc=False):
    """One choice; `text` is that of /v1/completions."""

    delta: Message | None = None
    message: Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class PromptDetails(Struct, gc=False):
    """`usage.prompt_tokens_details`."""

    cached_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    """`usage.completion_tokens_details`."""

    reasoning_tokens: int | None = None


class WireUsage(Struct, gc=False):
    """`usage` in all its spellings."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_cache_miss_tokens: int | None = None
    reasoning_tokens: int | None = None

    def read(self) -> Usage | None:
        """Token counts by our names, None is unknown; None for a block that says nothing."""
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        reasoning = self.completion_tokens_details.reasoning_tokens if self.completion_tokens_details else None
        if cached is None:
            cached = self._cached_by_deepseek()
        if reasoning is None:
            reasoning = self.reasoning_tokens
        if self.prompt_tokens is None and self.completion_tokens is None and cached is None and reasoning is None:
            return None
        return Usage(self.prompt_tokens, self.completion_tokens, cached, reasoning)

    def _cached_by_deepseek(self) -> int | None:
        hit, miss = self.prompt_cache_hit_tokens, self.prompt_cache_miss_tokens
        if hit is None and miss is not None and self.prompt_tokens is not None:
            return self.prompt_tokens - miss
        return hit


class Chunk(Struct, gc=False):
    """A chunk of a stream, or a whole reply.

    `error` is OpenAI's place for one; vLLM and SGLang have had its members at the top, and FastAPI says `detail`.
    """

    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    message: Any = None
    type: Any = None
    code: Any = None
    detail: Any = None

    @property
    def complaint(self) -> str | None:
        """What is wrong, by the server's own words; None for a chunk that says nothing of the kind."""
        if self.error:
            return error_message(self.error)
        if self.choices is not None:
            return None
        if self.message:
            return error_message({"message": self.message, "type": self.type, "code": self.code})
        return detail_message(self.detail) if self.detail else None


_one = msgspec.json.Decoder(Chunk)
_many = msgspec.json.Decoder(list[Chunk])


class MalformedChunkError(Exception):
    """A payload that is not the JSON of a chunk; `index` counts from the batch's first."""

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(detail)
        self.index = index
        self.detail = detail


def decode_chunk(payload: bytes) -> Chunk:
    """One payload. Raises MalformedChunkError."""
    try:
        return _one.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedChunkError(0, str(error)) from None


def decode_chunks(payloads: list[bytes]) -> tuple[list[Chunk], MalformedChunkError | None]:
    """The chunks in front of the first malformed payload, and that one's error (None if all are well-formed)."""
    try:
        chunks = _many.decode(b"[" + b",".join(payloads) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        chunks = []
    if len(chunks) == len(payloads):
        return chunks, None
    chunks = []
    for index, payload in enumerate(payloads):
        try:
            chunks.append(_one.decode(payload))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return chunks, MalformedChunkError(index, str(error))
    return chunks, None


def detail_message(detail: Any) -> str:
    """What FastAPI's `detail` says: a text, or a list of the fields that are wrong."""
    if not isinstance(detail, list):
        return str(detail)
    said = []
    for problem in detail:
        if not isinstance(problem, dict):
            return str(detail)
        where = ".".join(str(step) for step in problem.get("loc") or ())
        said.append(f"{where}: {problem.get('msg')}" if where else str(problem.get("msg")))
    return "; ".join(said)


def error_message(error: Any) -> str:
    """What an `error` member says, whatever its shape."""
    if isinstance(error, dict):
        message = error.get("message")
        kind = error.get("type") or error.get("code")
        if message:
            return f"{kind}: {message}" if kind else str(message)
    return str(error)
