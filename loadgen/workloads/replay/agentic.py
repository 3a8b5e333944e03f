"""Reads recordings of agents: JSON lines, one message a line, as MLPerf's agentic coding example publishes them.

    {"conversation_id": "a", "turn": 1, "role": "user", "content": "...", "system": "...", "tools": [...]}
    {"conversation_id": "a", "turn": 2, "role": "assistant", "content": "...", "tool_calls": [...]}
    {"conversation_id": "a", "turn": 3, "role": "tool", "delay_seconds": 0.4,
     "tool_results": [{"tool_call_id": "...", "content": "..."}]}

Every line is checked while the workload is built, so that playing it back can't fail and never sends a history that a
server must refuse. Conversations may be interleaved in the file; each one's lines are in order. Messages after a
conversation's last answer are dropped: nothing was asked with them. A delay that was not recorded is taken as none;
reasoning is not sent back (see `assistant_message`).

A conversation's first line may say when it began, `"start_seconds": 12.5`, on any clock: where all of them do,
`arrivals: trace` can start the sessions as they were recorded. The published file does not.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadgen.errors import TraceError
from loadgen.workloads.fragments import assistant_message, encode_json, escape_text, text_message, tool_message
from loadgen.workloads.replay.records import MistakeError, Mistakes, SpanFile, decode_line, lines_of
from loadgen.workloads.replay.script import Draft, Entry, Script, checked_calls

# Messages of the recording kept encoded, so that sessions that play the same conversation share them.
_CACHED_BYTES = 64 * 2**20


class _Function(msgspec.Struct):
    name: str
    arguments: str


class _ToolCall(msgspec.Struct):
    id: str
    function: _Function
    type: Literal["function"] = "function"


class _ToolResult(msgspec.Struct):
    tool_call_id: str
    content: str


class _ToolFunction(msgspec.Struct):
    name: str


class _ToolDefinition(msgspec.Struct):
    function: _ToolFunction
    type: Literal["function"]


class _Line(msgspec.Struct):
    conversation_id: str
    turn: int
    role: Literal["user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_results: list[_ToolResult] | None = None
    delay_seconds: float | None = None
    start_seconds: float | None = None
    system: str | None = None
    tools: list[dict[str, Any]] | None = None


_LINE = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class _Conversation:
    """Where a conversation's lines lie: (offset, size) of each, flat. last_turn and draft only while it is indexed."""

    id: str
    first_line: int
    start_s: float | None = None
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    closed: bool = False
    last_turn: int | None = None
    draft: Draft = field(default_factory=lambda: Draft(keep=False))


class AgenticRecording:
    """One recording, indexed. Session k is conversation k, in the order of their first lines or their starts."""

    format = "agentic"

    def __init__(self, path: Path, mistakes: Mistakes) -> None:
        """Read and check every line. Raises TraceError, naming file, line and what is wrong. About 20 ms a megabyte."""
        self.path = path
        self.mistakes = mistakes
        self._file = SpanFile(path)
        self._cache: OrderedDict[int, Entry] = OrderedDict()
        self._cached_bytes = 0
        self._conversations = self._index()

    def __len__(self) -> int:
        return len(self._conversations)

    def conversation_id(self, session: int) -> str:
        """What the recording calls this conversation."""
        return self._conversations[session].id

    def script(self, session: int) -> Script:
        """See TextRecording."""
        return Script(self._entries(self._conversations[session].lines), asks_last=False)

    def starts(self) -> Iterator[float] | None:
        """See TextRecording."""
        starts = [conversation.start_s for conversation in self._conversations]
        known = [start for start in starts if start is not None]
        return iter(known) if len(known) == len(starts) else None

    def _entries(self, lines: "array[int]") -> Iterator[Entry]:
        for at in range(0, len(lines), 2):
            offset, size = lines[at], lines[at + 1]
            entry = self._cache.get(offset)
            if entry is None:
                entry = _entry(decode_line(_LINE.decode, self._file.read(offset, size)))
                self._remember(offset, entry)
            else:
                self._cache.move_to_end(offset)
            yield entry

    def _remember(self, offset: int, entry: Entry) -> None:
        self._cache[offset] = entry
        self._cached_bytes += entry.size_bytes
        while self._cached_bytes > _CACHED_BYTES:
            _, old = self._cache.popitem(last=False)
            self._cached_bytes -= old.size_bytes

    def _index(self) -> list[_Conversation]:
        found: dict[str, _Conversation] = {}
        for number, offset, data in lines_of(self.path, self.mistakes):
            conversation = None
            try:
                line = decode_line(_LINE.decode, data)
                conversation = found.setdefault(line.conversation_id, _Conversation(line.conversation_id, number))
                if not conversation.closed:
                    self._add(conversation, line, offset, len(data))
            except MistakeError as mistake:
                left_out = ""
                if conversation is not None:
                    conversation.closed = True
                    left_out = f"; the rest of conversation {conversation.id!r} is left out"
                stops = self.mistakes.on_bad_line == "stop"
                self.mistakes.at(f"{self.path}:{number}", f"{mistake}{'' if stops else left_out}")
        if not found and not self.mistakes.skipped:
            raise TraceError(f"{self.path}: holds no messages; expected one JSON object a line")
        return self._playable(found)

    def _add(self, conversation: _Conversation, line: _Line, offset: int, size: int) -> None:
        _check_place(conversation, line)
        entry = _entry(line)
        conversation.draft.add(entry)
        if conversation.last_turn is None:
            conversation.start_s = line.start_seconds
        conversation.last_turn = line.turn
        conversation.lines.extend((offset, size))
        if self._cached_bytes + entry.size_bytes <= _CACHED_BYTES:
            self._remember(offset, entry)

    def _playable(self, found: dict[str, _Conversation]) -> list[_Conversation]:
        playable: list[_Conversation] = []
        for conversation in found.values():
            if conversation.draft.steps:
                playable.append(conversation)
            elif not conversation.closed:
                self.mistakes.at(
                    f"{self.path}:{conversation.first_line}",
                    f"conversation {conversation.id!r} has no line of role assistant, "
                    "so there is no request to replay; remove it or record its answers",
                )
            conversation.draft = Draft(keep=False)
        if not playable:
            raise TraceError(f"{self.path}: no conversation is left to replay; {' '.join(self.mistakes.notes)}")
        if all(conversation.start_s is not None for conversation in playable):
            playable.sort(key=lambda conversation: conversation.start_s or 0.0)
        return playable


def _check_place(conversation: _Conversation, line: _Line) -> None:
    if conversation.last_turn is None:
        if line.role != "user":
            raise MistakeError(f"conversation {conversation.id!r} begins with role {line.role}; expected user")
        return
    if line.turn <= conversation.last_turn:
        raise MistakeError(
            f"turn {line.turn} of conversation {conversation.id!r} comes after turn {conversation.last_turn}"
        )
    if line.system is not None or line.tools is not None or line.start_seconds is not None:
        raise MistakeError(
            f"`system`, `tools` and `start_seconds` belong on the first line of conversation {conversation.id!r}"
        )
    delay_s = line.delay_seconds
    if delay_s is not None and not 0 <= delay_s < float("inf"):
        raise MistakeError(f"`delay_seconds` is {delay_s}; expected a number of seconds, 0 or more")


def _entry(line: _Line) -> Entry:
    """A line, encoded. Raises MistakeError for what is wrong with it whatever stands around it."""
    messages: tuple[bytes, ...] = ()
    calls: tuple[str, ...] = ()
    results: dict[str, tuple[bytes, bytes]] = {}
    match line.role:
        case "user":
            if line.content is None:
                raise MistakeError("a line of role user needs `content`")
            messages = (text_message("user", escape_text(line.content)),)
            if line.system:
                messages = (text_message("system", escape_text(line.system)), *messages)
        case "assistant":
            recorded = [(call.id, call.function.name, call.function.arguments) for call in line.tool_calls or []]
            calls = checked_calls(recorded)
            messages = (assistant_message(line.content or "", recorded),)
        case "tool":
            results = _results(line.tool_results or [])
    size_bytes = sum(map(len, messages)) + sum(len(text) + len(message) for text, message in results.values())
    return Entry(
        role=line.role,
        messages=messages,
        calls=calls,
        results=results,
        delay_s=line.delay_seconds or 0.0,
        tools=_tools(line.tools),
        size_bytes=size_bytes + 200,
    )


def _results(recorded: list[_ToolResult]) -> dict[str, tuple[bytes, bytes]]:
    results: dict[str, tuple[bytes, bytes]] = {}
    for result in recorded:
        if result.tool_call_id in results:
            raise MistakeError(f"two results for call {result.tool_call_id!r}; expected one result each")
        escaped = escape_text(result.content)
        results[result.tool_call_id] = (escaped, tool_message(result.tool_call_id, escaped))
    return results


def _tools(definitions: list[dict[str, Any]] | None) -> bytes | None:
    # An empty list is refused by several servers; leaving the key out means the same.
    if not definitions:
        return None
    try:
        msgspec.convert(definitions, list[_ToolDefinition])
    except msgspec.ValidationError as error:
        raise MistakeError(f"`tools` holds no tool definition of type function: {error}") from None
    return encode_json(definitions)
