"""Chat messages as JSON bytes: the one place where workloads turn text into fragments of a request body.

Called by the workloads when they build their texts and when a reply goes into the history. A fragment is encoded
once and then only joined; nothing here may be called again for text that was encoded before.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Literal

import msgspec

from loadgen.client.dialects import Message

Role = Literal["system", "user", "assistant"]

_OPENINGS: dict[str, bytes] = {
    role: b'{"role":"' + role.encode() + b'","content":"' for role in ("system", "user", "assistant")
}
_encode = msgspec.json.Encoder().encode
# Joined in 50 µs.
_STEP_BYTES = 64 * 1024


def encode_json(value: Any) -> bytes:
    """Any JSON value as UTF-8 bytes without spaces."""
    return _encode(value)


def escape_text(text: str) -> bytes:
    """`text` as the inside of a JSON string, without the quotes, in UTF-8.

    Half of a surrogate pair, which a model can emit and UTF-8 can't hold, becomes a question mark.
    """
    try:
        return _encode(text)[1:-1]
    except UnicodeEncodeError:
        return _encode(text.encode("utf-8", "replace").decode())[1:-1]


def text_message(role: Role, *escaped: bytes) -> bytes:
    """One message whose content is the pieces of escaped text, joined."""
    return b"".join((_OPENINGS[role], *escaped, b'"}'))


def text_message_in_steps(role: Role, escaped: Iterable[bytes]) -> Generator[None, None, Message]:
    """As `text_message`, but pauses where it yields, and leaves a long message in pieces: 4 MB joined at once take 1 to
    5 ms, most of it for memory that is new."""
    done: list[bytes] = []
    step, size = [_OPENINGS[role]], 0
    for piece in escaped:
        step.append(piece)
        size += len(piece)
        if size >= _STEP_BYTES:
            done.append(b"".join(step))
            step, size = [], 0
            yield
    done.append(b"".join((*step, b'"}')))
    return tuple(done) if len(done) > 1 else done[0]


def assistant_message(
    text: str, tool_calls: Sequence[tuple[str, str, str]] = (), *, reasoning: str | None = None
) -> bytes:
    """An assistant message for a history; `tool_calls` holds (id, name, arguments as JSON text).

    Beside tool calls, absent text is sent as `""` and not as null: both are legal, but several chat templates render
    null as the word "None". reasoning: a reply's `reasoning_back`, sent where it is not None, even empty: OpenAI
    refuses unknown keys in a message, DeepSeek refuses tool calls without their reasoning.
    """
    if not tool_calls and reasoning is None:
        return text_message("assistant", escape_text(text))
    thought = b"" if reasoning is None else b'"reasoning_content":"%b",' % escape_text(reasoning)
    calls = b",".join(
        b'{"id":"%b","type":"function","function":{"name":"%b","arguments":"%b"}}'
        % (escape_text(call_id), escape_text(name), escape_text(arguments))
        for call_id, name, arguments in tool_calls
    )
    called = b',"tool_calls":[%b]' % calls if calls else b""
    return b'{"role":"assistant",%b"content":"%b"%b}' % (thought, escape_text(text), called)


def tool_message(call_id: str, escaped: bytes) -> bytes:
    """The result of one tool call, its text escaped already."""
    return b'{"role":"tool","tool_call_id":"%b","content":"%b"}' % (escape_text(call_id), escaped)
