"""What the simulator writes: the SSE events of a streamed answer and the body of a whole one, in every dialect.

Called by server.py. What stands before and after a token's text is encoded once for each part of an answer, so that a
token costs two concatenations. Knows nothing of the engine or of sockets.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from loadgen.simulator.answers import Answer
from loadgen.simulator.dialects import Dialect, RefusedError, error_object

_DONE = b"data: [DONE]\n\n"
_HERE = "@token@"
KEEPALIVE = b": keep-alive\n\n"
MALFORMED = b'data: {"id":"malformed","choices":[{"index":0,"del\n\n'
Usage = Callable[[int], dict[str, object]]


class Writer:
    """The bytes of one answer. usage: of so many tokens of output."""

    def __init__(self, dialect: Dialect, answer: Answer, completion_id: str, model: str, *, chat: bool) -> None:
        self._dialect = dialect
        self._answer = answer
        self._chat = chat
        self.completion_id = completion_id
        self._model = model

    def whole(self, usage: dict[str, object], timings: dict[str, object]) -> bytes:
        """The body of an answer that is not streamed."""
        answer = self._answer
        choice: dict[str, object] = {"index": 0, "finish_reason": answer.reason}
        if self._chat:
            choice["message"] = self._message()
        else:
            choice["text"] = answer.text
        body = self._base("chat.completion" if self._chat else "text_completion")
        body |= {"choices": [choice], "usage": usage}
        if self._dialect.name == "llamacpp":
            body["timings"] = timings
        return msgspec.json.encode(body)

    def stream(self, *, with_usage: bool, throughout: Usage | None = None) -> "Stream":
        """The events of a streamed one. throughout: usage for every event, where the request asks for that."""
        base = self._base("chat.completion.chunk" if self._chat else "text_completion")
        return Stream(self._dialect, self._answer, base, chat=self._chat, with_usage=with_usage, throughout=throughout)

    def _base(self, kind: str) -> dict[str, object]:
        return {"id": self.completion_id, "object": kind, "created": int(time.time()), "model": self._model}

    def _message(self) -> dict[str, object]:
        answer = self._answer
        message: dict[str, object] = {"role": "assistant", "content": answer.text or None}
        if not answer.calls:
            message["content"] = answer.text
        if answer.reasoning_tokens and self._dialect.reasoning_key:
            message[self._dialect.reasoning_key] = answer.reasoning
        if answer.calls and answer.reason == "tool_calls":
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in answer.calls
            ]
        return message


class Stream:
    """The events of one streamed answer: `opening`, `tokens` in order, `ending`. Make one with `Writer.stream`."""

    __slots__ = (
        "_after",
        "_answer",
        "_base",
        "_before",
        "_chat",
        "_dialect",
        "_end",
        "_held",
        "_parts",
        "_pieces",
        "_throughout",
        "_with_usage",
    )

    def __init__(
        self,
        dialect: Dialect,
        answer: Answer,
        base: dict[str, object],
        *,
        chat: bool,
        with_usage: bool,
        throughout: Usage | None,
    ) -> None:
        self._dialect = dialect
        self._answer = answer
        self._base = base
        self._chat = chat
        self._with_usage = with_usage or dialect.usage_always
        self._throughout = throughout
        # An answer out of a passage may hold quotes.
        self._pieces = [msgspec.json.encode(piece)[1:-1] for piece in answer.pieces]
        if dialect.reasoning_key is None:
            self._pieces[: answer.reasoning_tokens] = [b""] * answer.reasoning_tokens
        # vLLM's last token rides on the finish event; a tool call's does not.
        self._held = b""
        text_end = answer.reasoning_tokens + answer.text_tokens
        held = dialect.finish_with_last and answer.reason == "length" and text_end == len(self._pieces)
        if held:
            self._held, self._pieces[-1] = answer.pieces[-1].encode(), b""
        if text_end < len(self._pieces):
            self._pieces[text_end:] = self._call_events(answer.pieces[text_end:])
        self._parts = self._lay_out(answer.reasoning_tokens, text_end - held)
        self._end, self._before, self._after = self._parts.pop()

    def opening(self) -> bytes:
        """The event that opens a chat: a role, no output."""
        if not self._chat:
            return b""
        delta: dict[str, object] = {"role": "assistant", "content": ""}
        if self._dialect.name == "llamacpp":
            delta["content"] = None
        elif self._dialect.name == "sglang":
            delta |= {"reasoning_content": None, "tool_calls": None}
        elif self._dialect.name == "deepseek" and self._answer.reasoning_tokens:
            delta |= {"content": None, "reasoning_content": ""}
        return self._event(delta)

    def tokens(self, start: int, stop: int) -> bytes:
        """The events of the tokens from `start` to before `stop`; called in order."""
        if stop > self._end or self._throughout is not None:
            return self._across(start, stop)
        before, after = self._before, self._after
        if stop - start == 1:
            return before + self._pieces[start] + after
        return b"".join([before + piece + after for piece in self._pieces[start:stop]])

    def ending(self, usage: dict[str, object], timings: dict[str, object]) -> bytes:
        """The finish event, the usage event where there is one, and `[DONE]`."""
        dialect = self._dialect
        more: dict[str, object] = {}
        own_chunk = self._with_usage and dialect.usage_at == "own_chunk"
        if self._with_usage and not own_chunk:
            more["usage"] = usage
        timed: dict[str, object] = {"timings": timings} if dialect.name == "llamacpp" else {}
        end = self._event(self._last_delta(), self._answer.reason, more | ({} if own_chunk else timed))
        if own_chunk:
            end += _data(self._base | {"choices": [], "usage": usage} | timed)
        return end + _DONE

    def error(self, error: RefusedError) -> bytes:
        """An error inside the stream, and `[DONE]` after it, as vLLM does."""
        return _data({"error": error_object(self._dialect, error)}) + _DONE

    def _last_delta(self) -> dict[str, object]:
        held = self._held.decode()
        if not self._chat:
            return {"content": held}
        if held:
            thought = self._answer.reasoning_tokens == len(self._pieces)
            return {self._dialect.reasoning_key if thought and self._dialect.reasoning_key else "content": held}
        return {"content": "", "reasoning_content": None} if self._dialect.name == "deepseek" else {}

    def _lay_out(self, thought_end: int, text_end: int) -> list[tuple[int, bytes, bytes]]:
        """The answer's parts, the first one last: where each ends, what stands before and after its tokens' text."""
        silent = (len(self._pieces), b"", b"")
        parts = [silent]
        if text_end > thought_end:
            parts.append((text_end, *self._frame("content")))
        if thought_end:
            key = self._dialect.reasoning_key
            parts.append((min(thought_end, text_end), *(self._frame(key) if key else (b"", b""))))
        return parts

    def _frame(self, key: str) -> tuple[bytes, bytes]:
        delta: dict[str, object] = {key: _HERE}
        if self._dialect.name in ("sglang", "deepseek"):
            delta = {"content": None, "reasoning_content": None} | delta
        before, _, after = self._event(delta).rpartition(_HERE.encode())
        return before, after

    def _across(self, start: int, stop: int) -> bytes:
        """As `tokens`, from one part of the answer into the next."""
        events = []
        for index in range(start, stop):
            while index >= self._end:
                self._end, self._before, self._after = self._parts.pop()
            event = self._before + self._pieces[index] + self._after
            if self._throughout is not None and self._before:
                event = _with_member(event, "usage", self._throughout(index + 1))
            events.append(event)
        return b"".join(events)

    def _call_events(self, pieces: list[str]) -> list[bytes]:
        """For each token of the tool calls its event: nothing up to a name's end, then the name, then arguments."""
        spans, at = [], 0
        for index, call in enumerate(self._answer.calls):
            end = at + len(call.text)
            spans.append((index, call, end - len(call.arguments), end))
            at = end
        events, at = [], 0
        for piece in pieces:
            events.append(b"".join(self._call_event(span, at, at + len(piece), piece) for span in spans))
            at += len(piece)
        return events

    def _call_event(self, span: tuple[int, Any, int, int], start: int, stop: int, piece: str) -> bytes:
        index, call, named, end = span
        event = b""
        if start < named <= stop:
            head = {"index": index, "id": call.id, "type": "function"}
            event = self._event({"tool_calls": [head | {"function": {"name": call.name, "arguments": ""}}]})
        text = piece[max(named - start, 0) : max(end - start, 0)]
        if text:
            event += self._event({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
        return event

    def _event(
        self, delta: dict[str, object], reason: str | None = None, more: dict[str, object] | None = None
    ) -> bytes:
        choice: dict[str, object] = {"index": 0, "delta": delta} if self._chat else {"index": 0, "text": ""}
        if not self._chat:
            choice["text"] = next(iter(delta.values()))
        choice["finish_reason"] = reason
        event = self._base | {"choices": [choice]}
        if self._with_usage and self._dialect.usage_null:
            event["usage"] = None
        return _data(event | (more or {}))


def _data(event: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


def _with_member(event: bytes, name: str, value: object) -> bytes:
    """The event with one member more."""
    return event[: -len(b"}\n\n")] + b"," + msgspec.json.encode(name) + b":" + msgspec.json.encode(value) + b"}\n\n"
