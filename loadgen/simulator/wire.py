"""What the simulator reads and writes: the request body's shape, OpenAI's error shape, and the reply's bytes.

Called by server.py. The constant parts of a stream's events are encoded once a request, so that a token costs two
concatenations. Knows nothing of the engine.
"""

import time
from typing import Annotated

import msgspec


class ContentPart(msgspec.Struct):
    """A part of a message's content; only text counts as tokens here."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One chat message, as far as it makes a prompt."""

    role: str
    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """All the text of the message that a chat template would put into the prompt."""
        content = self.content
        if isinstance(content, list):
            content = "".join(part.text for part in content)
        calls = bytes(self.tool_calls).decode("utf-8", "replace")
        return f"{self.reasoning_content or ''}{content or ''}{'' if calls == 'null' else calls}"


class StreamOptions(msgspec.Struct):
    """OpenAI's `stream_options`."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct):
    """The body of POST /v1/chat/completions; fields that change nothing here are ignored."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    ignore_eos: bool = False
    n: Annotated[int, msgspec.Meta(ge=1, le=1)] | None = 1
    tools: msgspec.Raw = msgspec.Raw()

    def rendered(self) -> list[tuple[str, str]]:
        """The prompt as (role, text), the tools first, as chat templates have them."""
        pairs = [(message.role, message.text) for message in self.messages]
        tools = bytes(self.tools)
        return pairs if tools in (b"", b"null") else [("tools", tools.decode("utf-8", "replace")), *pairs]


class RefusedError(Exception):
    """A request that gets an error instead of an answer; `body` is OpenAI's error object."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": param, "code": code}
        self.body = msgspec.json.encode({"error": error})


_decoder = msgspec.json.Decoder(ChatRequest)


def read_request(body: bytes) -> ChatRequest:
    """The request in `body`. Raises RefusedError (400) that names the field which is wrong."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise RefusedError(400, what, code="invalid_value", param=where.strip("`.") or None) from error
    except msgspec.DecodeError as error:
        raise RefusedError(400, f"The body is not JSON: {error}", code="invalid_json") from error


def usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> dict[str, object]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


class EventWriter:
    """The SSE events of one stream."""

    __slots__ = ("_after", "_base", "_before")

    def __init__(self, completion_id: str, model: str) -> None:
        self._base = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        head = msgspec.json.encode(self._base)[:-1]
        self._before = b"data: " + head + b',"choices":[{"index":0,"delta":{"content":"'
        self._after = b'"},"finish_reason":null}]}\n\n'

    def role(self) -> bytes:
        """The event that opens a stream: a role, no output."""
        return self._event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])

    def token(self, text: bytes) -> bytes:
        """One token, which must need no JSON escape."""
        return self._before + text + self._after

    def finish(self, reason: str, usage_block: dict[str, object] | None) -> bytes:
        """The finish event, the usage event where there is one, and `[DONE]`."""
        end = self._event([{"index": 0, "delta": {}, "finish_reason": reason}])
        if usage_block is not None:
            end += self._event([], usage_block)
        return end + b"data: [DONE]\n\n"

    def _event(self, choices: list[object], usage_block: dict[str, object] | None = None) -> bytes:
        event = self._base | {"choices": choices}
        if usage_block is not None:
            event["usage"] = usage_block
        return b"data: " + msgspec.json.encode(event) + b"\n\n"


def completion(completion_id: str, model: str, text: str, reason: str, usage_block: dict[str, object]) -> bytes:
    """The body of an answer that is not streamed."""
    message = {"role": "assistant", "content": text}
    return msgspec.json.encode(
        {
            "id": completion_id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": usage_block,
        }
    )


def model_list(model: str) -> bytes:
    """The body of GET /v1/models."""
    entry = {"id": model, "object": "model", "created": 0, "owned_by": "loadgen"}
    return msgspec.json.encode({"object": "list", "data": [entry]})
