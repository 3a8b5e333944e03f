"""Responses that nobody would write by hand, whole and broken, as hypothesis strategies."""

import gzip
import json
import os
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

_WORDS = st.text(alphabet='ab \n"\\é漢😀{}:', max_size=6)
_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
_STATUSES = {200: "OK", 400: "Bad Request", 429: "Too Many Requests", 503: "Service Unavailable"}
_FINISHES = ("stop", "stop", "length", "tool_calls", "aborted", None)


def examples(seconds_worth: int) -> int:
    """How many examples a test tries: as many as take it seconds, times FUZZ_TIMES, which `make fuzz` sets."""
    return seconds_worth * int(os.environ.get("FUZZ_TIMES", "1"))


@dataclass(frozen=True)
class Response:
    """The bytes of one response, cut into writes.

    closes: the server closes behind the last byte. framing_broken: the body's own framing is, so that where it can't be
    read on depends on the reader.
    """

    writes: tuple[bytes, ...]
    closes: bool
    framing_broken: bool

    @property
    def raw(self) -> bytes:
        """All of it."""
        return b"".join(self.writes)


@st.composite
def _deltas(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["content", "reasoning", "reasoning_content", "tool", "role", "empty"]))
    if kind == "tool":
        part: dict[str, Any] = {"index": draw(st.integers(0, 2))}
        if draw(st.booleans()):
            part |= {"id": "call", "type": "function"}
        part["function"] = {"name": draw(st.sampled_from(["f", None])), "arguments": draw(_WORDS)}
        return {"tool_calls": [part]}
    if kind in ("role", "empty"):
        return {"role": "assistant", "content": draw(st.sampled_from([None, ""]))} if kind == "role" else {}
    return {kind: draw(_WORDS)}


@st.composite
def payloads(draw: st.DrawFn) -> list[bytes]:
    """What the events of a stream say: deltas, usage in any place, a finish, an error, garbage, [DONE]."""
    usage_at = draw(st.sampled_from(["last", "finish", "every", "never", "null"]))
    chunks: list[dict[str, Any]] = [{"choices": [{"delta": delta}]} for delta in draw(st.lists(_deltas(), max_size=8))]
    finish = draw(st.sampled_from(_FINISHES))
    chunks.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    if usage_at == "every":
        chunks = [chunk | {"usage": _USAGE} for chunk in chunks]
    elif usage_at == "finish":
        chunks[-1]["usage"] = _USAGE
    elif usage_at in ("last", "null"):
        chunks.append({"choices": [], "usage": _USAGE if usage_at == "last" else None})
    said = [json.dumps(chunk, ensure_ascii=draw(st.booleans())).encode() for chunk in chunks]
    odd = draw(st.sampled_from([*[None] * 12, b'{"error":{"message":"no","type":"server"}}', b"{", b"\xff", b"[]"]))
    if odd is not None:
        said.insert(draw(st.integers(0, len(said))), odd)
    if draw(st.booleans()):
        said.append(b"[DONE]")
    return said


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An event stream in any of its legal spellings, perhaps cut off."""
    ends = draw(st.sampled_from([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n", b"\r"]]))
    end = st.sampled_from(ends)
    written = bytearray(draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b": hello\n\n"])))
    for payload in draw(payloads()):
        if draw(st.integers(0, 9)) == 0:
            written += b": keep-alive" + draw(end) * 2
        written += draw(st.sampled_from([b"data: ", b"data:"])) + payload + draw(end) + draw(end)
    cut = draw(st.one_of(*[st.none()] * 5, st.integers(0, len(written))))
    return bytes(written if cut is None else written[:cut])


def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    sizes = draw(st.lists(st.integers(1, 200), min_size=1, max_size=5))
    written = bytearray()
    at = number = 0
    while at < len(body):
        piece = body[at : at + sizes[number % len(sizes)]]
        written += b"%x\r\n%b\r\n" % (len(piece), piece)
        at, number = at + len(piece), number + 1
    return bytes(written + b"0\r\n\r\n")


def _cuts(draw: st.DrawFn, raw: bytes) -> tuple[bytes, ...]:
    at = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    return tuple(raw[start:end] for start, end in zip([0, *at], [*at, len(raw)], strict=True) if start < end)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """A whole HTTP/1.1 response to a streamed request: any framing, gzip or not, good or broken."""
    status = draw(st.sampled_from([*[200] * 9, 400, 429, 503]))
    body = draw(bodies())
    if status != 200 and draw(st.booleans()):
        body = b'{"error":{"message":"later","type":"busy"}}'
    kind = draw(st.sampled_from(["text/event-stream", "text/event-stream; charset=utf-8", "application/json", None]))
    head = [f"HTTP/1.1 {status} {_STATUSES[status]}"]
    if kind is not None:
        head.append(f"Content-Type: {kind}")
    if draw(st.integers(0, 4)) == 0:
        head.append("Content-Encoding: gzip")
        body = gzip.compress(body, mtime=0)
        if draw(st.integers(0, 3)) == 0:
            body = body[:10] + b"\x00\xff" + body[12:]
    framing = draw(st.sampled_from(["chunked", "chunked", "length", "none"]))
    if framing == "chunked":
        head.append("Transfer-Encoding: chunked")
        body = _chunked(draw, body)
    elif framing == "length":
        head.append(f"Content-Length: {len(body)}")
    damage = draw(st.sampled_from([*[None] * 5, "truncate", "truncate", "garbage"]))
    if damage == "garbage" and framing == "chunked":
        body = body.removesuffix(b"0\r\n\r\n") + b"zz\r\n" + body
    written = "\r\n".join(head).encode() + b"\r\n\r\n" + body
    if damage == "truncate":
        written = written[: draw(st.integers(1, len(written)))]
    return Response(
        _cuts(draw, written), damage == "truncate" or framing == "none", damage == "garbage" and framing == "chunked"
    )
