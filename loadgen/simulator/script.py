"""What the scripted server answers and when: a script, and the bytes it makes. Pure data, no sockets.

Called by scripted.py for each request; a script's payloads are built once and shared by all its streams.
"""

import json
from dataclasses import dataclass, fields
from functools import lru_cache

MODEL = b"scripted"
_ID = "chatcmpl-scripted"
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_USAGE = (
    b'data: {"id":"chatcmpl-scripted","object":"chat.completion.chunk","created":0,"model":"scripted",'
    b'"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}\n\n'
)
_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_KEY = b'"x_script"'
# A script is a handful of numbers; what follows it in the body is never looked at.
_LONGEST_SCRIPT_BYTES = 1024
_TEXT = " token"


@dataclass(frozen=True, slots=True)
class Script:
    """One reply's timing. The first write is due `ttft_ms` after the request's last byte was read, the others
    follow every `interval_ms` on absolute due times.

    chunks: output chunks (and completion tokens) of the reply. coalesce: chunks a write, each its own SSE event
    and HTTP chunk. one_write: the whole reply in a single write at `ttft_ms`.
    """

    ttft_ms: float = 50.0
    interval_ms: float = 20.0
    chunks: int = 200
    coalesce: int = 1
    one_write: bool = False

    @property
    def writes(self) -> int:
        """Writes the reply takes, at least 1: a reply without output still has its end."""
        if self.one_write:
            return 1
        return max(1, -(-self.chunks // self.coalesce))


@dataclass(frozen=True, slots=True)
class Payloads:
    """The bytes of a script's writes, without the usage event that ends the last one.

    first: head, role event and the first group; middle: every group between; last: the last group and the
    finish event. A script of one write uses `only`.
    """

    first: bytes
    middle: bytes
    last: bytes
    only: bytes


def find_script(body: bytearray, searched: int) -> int:
    """Where the value of `x_script` begins in `body` (just behind the key), or -1.

    `searched` bytes of the body were searched before, so that a big body costs each byte one look. A quote
    inside a JSON string is escaped, so the key is never found in a prompt's text.
    """
    found = body.find(_KEY, max(0, searched - len(_KEY)))
    return found + len(_KEY) if found >= 0 else -1


def override(base: Script, body: bytearray, at: int) -> Script:
    """`base` with what the JSON object behind position `at` sets.

    Raises ValueError, with the accepted keys, for anything else.
    """
    text = body[at : at + _LONGEST_SCRIPT_BYTES].decode("utf-8", "replace").lstrip().removeprefix(":").lstrip()
    values, _ = json.JSONDecoder().raw_decode(text)
    known = {item.name: getattr(base, item.name) for item in fields(Script)}
    if not isinstance(values, dict) or not values.keys() <= known.keys():
        raise ValueError(f"x_script must be an object with keys among {', '.join(known)}")
    return checked(Script(**(known | values)))


def checked(script: Script) -> Script:
    """`script` itself; raises ValueError where a number is out of its range."""
    if min(script.ttft_ms, script.interval_ms, script.chunks) < 0 or script.coalesce < 1:
        raise ValueError("a script needs ttft_ms, interval_ms and chunks >= 0, and coalesce >= 1")
    return script


@lru_cache(maxsize=256)
def payloads(script: Script) -> Payloads:
    """The bytes that every stream of this script sends."""
    chunk = _event({"content": _TEXT})
    head = _HEAD + _event({"role": "assistant", "content": ""})
    rest = script.chunks - (script.writes - 1) * script.coalesce
    finish = _event({}, finish_reason="length")
    return Payloads(
        first=head + chunk * script.coalesce,
        middle=chunk * script.coalesce,
        last=chunk * rest + finish,
        only=head + chunk * script.chunks + finish,
    )


def ending(prompt_tokens: int, chunks: int) -> bytes:
    """The usage event, `[DONE]` and the end of the body: rides on the last write."""
    return _framed(_USAGE % (prompt_tokens, chunks, prompt_tokens + chunks)) + _END


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {"id": _ID, "object": "chat.completion.chunk", "created": 0, "model": MODEL.decode()}
    text = json.dumps(body | {"choices": [choice]}, separators=(",", ":"))
    return _framed(f"data: {text}\n\n".encode())
