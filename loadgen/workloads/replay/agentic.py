"""Reads recordings of agents: JSON lines, one message a line, as MLPerf's agentic coding example publishes them.

    {"conversation_id": "a", "turn": 1, "role": "user", "content": "...", "system": "...", "tools": [...]}
    {"conversation_id": "a", "turn": 2, "role": "assistant", "content": "...", "tool_calls": [...]}
    {"conversation_id": "a", "turn": 3, "role": "tool", "delay_seconds": 0.4,
     "tool_results": [{"tool_call_id": "...", "content": "..."}]}

Called while a workload is built. Every message is encoded once and checked here, so that playing it back can't fail
and never sends a history that a server must refuse. Conversations may be interleaved in the file; each one's lines
are in order. Messages after a conversation's last answer are dropped: nothing was asked with them. A delay that was
not recorded is taken as none; reasoning is not sent back (see `assistant_message`).

A conversation's first line may say when it began, `"start_seconds": 12.5`, on any clock: where all of them do,
`arrivals: trace` can start the sessions as they were recorded. The published file does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadgen.errors import TraceError
from loadgen.workloads.fragments import assistant_message, encode_json, escape_text, text_message, tool_message


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a conversation.

    answer_at: index of the recorded answer in the conversation's messages; all messages before it are the prompt.
    new_from: index of the first message that is new since the answer before.
    delay_s: recorded pause before this request, in seconds; waits_for: who was waited for.
    tool_results: the texts of the new tool results, escaped, in the order of the calls they answer.
    """

    answer_at: int
    new_from: int
    delay_s: float
    waits_for: Literal["think", "tool"]
    tool_results: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One recorded conversation, its messages encoded; `tools` is the encoded array of tool definitions.

    start_s: when it began on the recording's clock, in seconds; None where not recorded.
    """

    id: str
    messages: tuple[bytes, ...]
    steps: tuple[Step, ...]
    tools: bytes | None
    start_s: float | None = None


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


class _LineError(Exception):
    """What is wrong with a line; becomes a TraceError where file and line are known."""


def load_agentic(path: Path) -> tuple[Conversation, ...]:
    """Read and check a recording; conversations come in the order of their first lines.

    Where all of them say when they began, they come in that order instead. Raises TraceError, naming the file, the line
    and what is wrong with it. Takes about 20 ms a megabyte.
    """
    drafts: dict[str, _Draft] = {}
    for number, data in _lines(path):
        try:
            line = _decode(data)
            draft = drafts.get(line.conversation_id)
            if draft is None:
                draft = drafts[line.conversation_id] = _Draft(line.conversation_id, first_line=number)
            draft.add(line)
        except _LineError as mistake:
            raise TraceError(f"{path}:{number}: {mistake}") from None
    if not drafts:
        raise TraceError(f"{path}: holds no messages; expected one JSON object a line")
    for draft in drafts.values():
        if not draft.steps:
            raise TraceError(
                f"{path}:{draft.first_line}: conversation {draft.id!r} has no line of role assistant, "
                "so there is no request to replay; remove it or record its answers"
            )
    conversations = tuple(draft.conversation() for draft in drafts.values())
    if any(conversation.start_s is None for conversation in conversations):
        return conversations
    return tuple(sorted(conversations, key=lambda conversation: conversation.start_s or 0.0))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, start=1):
                if data.strip():
                    yield number, data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data
    except OSError as error:
        raise TraceError(f"{path}: can't be read: {error.strerror or error}; check `path` in the scenario") from error


def _decode(data: bytes) -> _Line:
    try:
        return _LINE.decode(data)
    except msgspec.ValidationError as error:
        raise _LineError(str(error).replace("`$.", "`")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _LineError(f"not a JSON object in UTF-8: {error}") from None


@dataclass(slots=True)
class _Draft:
    """A conversation while its lines come in."""

    id: str
    first_line: int
    messages: list[bytes] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tools: bytes | None = None
    last_turn: int | None = None
    new_from: int = 0
    start_s: float | None = None
    delay_s: float = 0.0
    waits_for: Literal["think", "tool"] = "think"
    open_calls: tuple[str, ...] = ()
    results: tuple[bytes, ...] = ()

    def add(self, line: _Line) -> None:
        """Append one line, or raise _LineError."""
        self._check_place(line)
        if self.last_turn is None:
            self._begin(line)
        self.last_turn = line.turn
        match line.role:
            case "user":
                self._add_user(line)
            case "assistant":
                self._add_assistant(line)
            case "tool":
                self._add_tool(line)

    def conversation(self) -> Conversation:
        """What came in, up to the last prompt; the answer to it is never sent back."""
        end = self.steps[-1].answer_at
        return Conversation(self.id, tuple(self.messages[:end]), tuple(self.steps), self.tools, self.start_s)

    def _check_place(self, line: _Line) -> None:
        if self.last_turn is None:
            if line.role != "user":
                raise _LineError(f"conversation {self.id!r} begins with role {line.role}; expected user")
            return
        if line.turn <= self.last_turn:
            raise _LineError(f"turn {line.turn} of conversation {self.id!r} comes after turn {self.last_turn}")
        if line.system is not None or line.tools is not None or line.start_seconds is not None:
            raise _LineError(
                f"`system`, `tools` and `start_seconds` belong on the first line of conversation {self.id!r}"
            )
        if self.open_calls and line.role != "tool":
            raise _LineError(
                f"role {line.role} follows unanswered tool calls ({', '.join(self.open_calls)}); "
                "servers refuse such a history: expected role tool with their results"
            )
        delay_s = line.delay_seconds
        if delay_s is not None and not 0 <= delay_s < float("inf"):
            raise _LineError(f"`delay_seconds` is {delay_s}; expected a number of seconds, 0 or more")

    def _begin(self, line: _Line) -> None:
        self.start_s = line.start_seconds
        if line.system:
            self.messages.append(text_message("system", escape_text(line.system)))
        # An empty list is refused by several servers; leaving the key out means the same.
        if not line.tools:
            return
        try:
            msgspec.convert(line.tools, list[_ToolDefinition])
        except msgspec.ValidationError as error:
            raise _LineError(f"`tools` holds no tool definition of type function: {error}") from None
        self.tools = encode_json(line.tools)

    def _add_user(self, line: _Line) -> None:
        if line.content is None:
            raise _LineError("a line of role user needs `content`")
        self.messages.append(text_message("user", escape_text(line.content)))
        if self.steps:
            self.delay_s += line.delay_seconds or 0.0

    def _add_assistant(self, line: _Line) -> None:
        calls = line.tool_calls or []
        ids = tuple(call.id for call in calls)
        if len(set(ids)) < len(ids):
            raise _LineError(f"two tool calls of one answer share an id ({', '.join(ids)})")
        for call in calls:
            if not is_json_object(call.function.arguments):
                raise _LineError(
                    f"`arguments` of tool call {call.id!r} is not a JSON object in a string; "
                    "servers refuse such a history"
                )
        self.steps.append(Step(len(self.messages), self.new_from, self.delay_s, self.waits_for, self.results))
        recorded = [(call.id, call.function.name, call.function.arguments) for call in calls]
        self.messages.append(assistant_message(line.content or "", recorded))
        self.open_calls = ids
        self.new_from, self.delay_s, self.waits_for, self.results = len(self.messages), 0.0, "think", ()

    def _add_tool(self, line: _Line) -> None:
        by_id = {result.tool_call_id: escape_text(result.content) for result in line.tool_results or []}
        if not self.open_calls:
            raise _LineError("a line of role tool must follow an assistant line with `tool_calls`")
        if set(by_id) != set(self.open_calls) or len(by_id) < len(line.tool_results or []):
            raise _LineError(
                f"`tool_results` answers {', '.join(by_id) or 'nothing'}; "
                f"expected one result each for {', '.join(self.open_calls)}"
            )
        self.results = tuple(by_id[call_id] for call_id in self.open_calls)
        self.messages.extend(
            tool_message(call_id, text) for call_id, text in zip(self.open_calls, self.results, strict=True)
        )
        self.delay_s += line.delay_seconds or 0.0
        self.waits_for = "tool"
        self.open_calls = ()


def is_json_object(text: str) -> bool:
    """Whether the arguments of a tool call can go into a history: chat templates parse them."""
    try:
        return isinstance(_ANY.decode(text), dict)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
