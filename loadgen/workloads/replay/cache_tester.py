"""Recordings of coding assistants as kv-cache-tester publishes them: one JSON file a session, or a folder of them.

    {"id": "...", "block_size": 64, "hash_id_scope": "local", "tool_tokens": n, "system_tokens": n,
     "requests": [{"t": s, "type": "n", "in": n, "out": n, "hash_ids": [...], "api_time": s, "stop": "tool_use"},
                  {"t": s, "type": "subagent", "requests": [{"t": 0.0, ...}]}]}

`type` is n (not streamed), s (streamed) or subagent; both kinds of request are sent as the scenario says. A sub-agent
is a session of its own beside its parent: it starts after the request that stands before it, at its own recorded time,
with its own context, and its requests' times count from there. Its parent goes on when it went on in the recording,
whether or not the sub-agent has ended. `hash_ids` cover tools and system prompt, and are unique within a file
(`hash_id_scope: local`); what is beyond the last full block was shared with nothing.

The wait before a request is the time since the answer before it ended; where `api_time` is not recorded that end is
unknown, and only the recorded time holds the request back. `think_time` is not read: it counts from the last *known*
end.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from loadgen.errors import TraceError
from loadgen.workloads.replay.records import (
    Beside,
    MistakeError,
    Mistakes,
    Request,
    SpanFile,
    check_lengths,
    decode_line,
    unreadable,
)

_LARGEST_BLOCK_TOKENS = 1 << 16


class _Document(msgspec.Struct):
    block_size: int
    requests: list[msgspec.Raw]
    hash_id_scope: str = "local"


class _Subagent(msgspec.Struct):
    t: float
    requests: list[msgspec.Raw]


class _Kind(msgspec.Struct):
    type: Literal["n", "s", "subagent"]


class _Request(msgspec.Struct, rename={"input_tokens": "in", "output_tokens": "out"}):
    t: float
    input_tokens: int
    output_tokens: int
    hash_ids: list[int] = []
    api_time: float | None = None
    stop: str | None = None


_DOCUMENT = msgspec.json.Decoder(_Document)
_SUBAGENT = msgspec.json.Decoder(_Subagent)
_KIND = msgspec.json.Decoder(_Kind)
_REQUEST = msgspec.json.Decoder(_Request)


@dataclass(slots=True)
class _Agent:
    """Where the requests of one context lie: (offset, size) of each, flat.

    at_s: when it started on its parent's clock. beside: its sub-agents, by the number of the request they follow.
    own: a number that no other context of the recording has.
    """

    own: int
    at_s: float = 0.0
    spans: "array[int]" = field(default_factory=lambda: array("q"))
    beside: "dict[int, list[_Agent]]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Session:
    path: Path
    scope: int
    agent: _Agent


class CacheTesterRecording:
    """One file or folder, indexed. Session k is the k-th file by name."""

    format = "kv_cache_tester"

    def __init__(self, path: Path, mistakes: Mistakes) -> None:
        """Read and check every request; raises TraceError. One file at a time is in memory. 10 ms a megabyte."""
        self.path = path
        self.mistakes = mistakes
        self.block_tokens = 0
        self._contexts = 0
        self._sessions: list[_Session] = []
        for number, file in enumerate(_files(path), start=1):
            try:
                session = self._read(file, number)
            except MistakeError as mistake:
                mistakes.at(str(file), mistake)
                continue
            if session.agent.spans:
                self._sessions.append(session)
            else:
                mistakes.empty += 1
        if not self._sessions:
            raise mistakes.nothing_left(path, "requests", "JSON files with `block_size` and `requests`")

    def __len__(self) -> int:
        return len(self._sessions)

    def requests(self, session: int) -> Iterator[Request]:
        """The requests of a session, each read when it is asked for."""
        found = self._sessions[session]
        return _played(SpanFile(found.path), found.scope, found.agent)

    def starts(self) -> None:
        """None: every file has a clock of its own."""
        return

    def _read(self, path: Path, number: int) -> _Session:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
        document = decode_line(_DOCUMENT.decode, data)
        size = self.block_tokens or document.block_size
        if document.block_size != size or not 16 <= size <= _LARGEST_BLOCK_TOKENS:
            expected = f"{self.block_tokens} as in the files before" if self.block_tokens else "16 to 65,536"
            raise MistakeError(f"`block_size` is {document.block_size}; expected {expected}")
        self.block_tokens = size
        agent = self._index(path, data, 0, document.requests, at_s=0.0)
        return _Session(path, 0 if document.hash_id_scope == "global" else number, agent)

    def _index(self, path: Path, data: bytes, position: int, requests: list[msgspec.Raw], *, at_s: float) -> _Agent:
        """Where each of these requests lies in `data`; they begin at or after `position`, in this order."""
        self._contexts += 1
        agent = _Agent(own=self._contexts, at_s=at_s)
        early: list[_Agent] = []
        for number, raw in enumerate(requests, start=1):
            text = bytes(raw)
            position = data.index(text, position)
            try:
                if decode_line(_KIND.decode, text).type == "subagent":
                    started = decode_line(_SUBAGENT.decode, text)
                    child = self._index(path, data, position, started.requests, at_s=started.t)
                    if child.spans:
                        before = len(agent.spans) // 2 - 1
                        (agent.beside.setdefault(before, []) if before >= 0 else early).append(child)
                else:
                    self._check(decode_line(_REQUEST.decode, text))
                    agent.spans.extend((position, len(text)))
            except MistakeError as mistake:
                self.mistakes.at(f"{path}: request {number}", mistake)
            position += len(text)
        if early and agent.spans:
            # Nothing comes before them that they could follow.
            agent.beside[0] = early + agent.beside.get(0, [])
        return agent

    def _check(self, request: _Request) -> None:
        check_lengths(request.input_tokens, request.output_tokens)
        if not abs(request.t) < 1e15 or not 0 <= (request.api_time or 0.0) < 1e15:
            raise MistakeError(f"`t` is {request.t} and `api_time` {request.api_time}; expected seconds, 0 or more")
        if (len(request.hash_ids) - 1) * self.block_tokens >= max(1, request.input_tokens):
            raise MistakeError(
                f"{len(request.hash_ids)} `hash_ids` for {request.input_tokens} tokens; "
                f"one stands for {self.block_tokens} tokens"
            )


def _played(file: SpanFile, scope: int, agent: _Agent) -> Iterator[Request]:
    stop: str | None = None
    for at in range(0, len(agent.spans), 2):
        request = decode_line(_REQUEST.decode, file.read(agent.spans[at], agent.spans[at + 1]))
        children = agent.beside.get(at // 2, ())
        yield Request(
            input_tokens=max(1, request.input_tokens),
            output_tokens=max(1, request.output_tokens),
            at_s=request.t,
            # Of its own: this request's number within this context, so that no two tails are alike.
            own=(agent.own << 24) + at // 2,
            hash_ids=request.hash_ids,
            scope=scope,
            busy_s=request.api_time,
            waits_for="tool" if stop == "tool_use" else "think",
            beside=tuple(Beside(child.at_s, _played(file, scope, child)) for child in children),
        )
        stop = request.stop


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.json"))
    if not files:
        raise TraceError(f"{path}: no JSON files in this folder; expected one a session")
    return files
