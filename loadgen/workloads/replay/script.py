"""A recorded conversation as it is played: entries go in one by one, requests come out, and no history is illegal.

The formats with recorded text (agentic, openai, sharegpt) make entries; the sessions ask for the next request. Reading
goes only as far as that request needs, so that a conversation of a megabyte does not hold up the event loop.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from loadgen.workloads.replay.records import MistakeError, Mistakes


@dataclass(frozen=True, slots=True)
class Entry:
    """What one recorded message (or one line with all results of an answer's calls) brings.

    messages: encoded, in order; none for tool results, which are put in the order of the calls. calls: ids of an
    assistant's tool calls. results: by call id, the escaped text and the encoded message. delay_s: recorded pause.
    size_bytes: about what it holds.
    """

    role: Literal["system", "user", "assistant", "tool"]
    messages: tuple[bytes, ...] = ()
    calls: tuple[str, ...] = ()
    results: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    delay_s: float = 0.0
    tools: bytes | None = None
    size_bytes: int = 0


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


@dataclass(slots=True)
class Draft:
    """A conversation while its entries come in. `keep` is False where it is only checked."""

    keep: bool = True
    messages: list[bytes] = field(default_factory=list)
    message_count: int = 0
    steps: int = 0
    tools: bytes | None = None
    open_calls: tuple[str, ...] = ()
    _said: bool = False
    _new_from: int = 0
    _delay_s: float = 0.0
    _waits_for: Literal["think", "tool"] = "think"
    _results: tuple[bytes, ...] = ()

    def add(self, entry: Entry) -> Step | None:
        """Append one entry; the request that it answers, if it is an answer. Raises MistakeError if it can't be."""
        if self.open_calls and entry.role != "tool":
            raise MistakeError(
                f"role {entry.role} follows unanswered tool calls ({', '.join(self.open_calls)}); "
                "servers refuse such a history: expected role tool with their results"
            )
        if entry.tools is not None:
            self.tools = entry.tools
        step = None
        if entry.role == "assistant":
            step = self.asked()
            self.steps += 1
            self.open_calls = entry.calls
        elif entry.role == "tool":
            self._answer_calls(entry)
        if entry.role in ("user", "tool"):
            self._delay_s += entry.delay_s if self.steps else 0.0
            self._said = True
        self._append(entry.messages)
        if step is not None:
            self._new_from, self._delay_s, self._waits_for, self._results = self.message_count, 0.0, "think", ()
            self._said = False
        return step

    def asked(self) -> Step:
        """The request that everything so far makes."""
        return Step(self.message_count, self._new_from, self._delay_s, self._waits_for, self._results)

    @property
    def unanswered(self) -> bool:
        """Whether something was said after the last answer, and can be sent."""
        return self._said and not self.open_calls

    def _answer_calls(self, entry: Entry) -> None:
        if not self.open_calls:
            raise MistakeError("a line of role tool must follow an assistant line with `tool_calls`")
        if set(entry.results) != set(self.open_calls):
            raise MistakeError(
                f"`tool_results` answers {', '.join(entry.results) or 'nothing'}; "
                f"expected one result each for {', '.join(self.open_calls)}"
            )
        self._results = tuple(entry.results[call_id][0] for call_id in self.open_calls)
        self._append(tuple(entry.results[call_id][1] for call_id in self.open_calls))
        self._waits_for = "tool"
        self.open_calls = ()

    def _append(self, messages: tuple[bytes, ...]) -> None:
        self.message_count += len(messages)
        if self.keep:
            self.messages.extend(messages)


class Script:
    """One conversation being played."""

    __slots__ = ("_asks_last", "_draft", "_entries")

    def __init__(self, entries: Iterator[Entry], *, asks_last: bool) -> None:
        """asks_last: whether messages after the last answer are a request too, or were never sent."""
        self._entries = entries
        self._draft = Draft()
        self._asks_last = asks_last

    @property
    def messages(self) -> list[bytes]:
        """All recorded messages read so far, encoded."""
        return self._draft.messages

    @property
    def tools(self) -> bytes | None:
        """The encoded array of tool definitions; known from the first request on."""
        return self._draft.tools

    def next_step(self) -> Step | None:
        """The next request; None after the last one."""
        for entry in self._entries:
            step = self._draft.add(entry)
            if step is not None:
                return step
        if self._asks_last and self._draft.unanswered:
            self._asks_last = False
            return self._draft.asked()
        return None


class TextRecording(Protocol):
    """A recording of which the text is known."""

    format: str
    mistakes: Mistakes

    def __len__(self) -> int:
        """How many sessions it holds."""
        ...

    def script(self, session: int) -> Script:
        """A session, to be played from its beginning."""
        ...

    def starts(self) -> Iterator[float] | None:
        """When each session began, in seconds on the recording's clock, ascending; None where any is unknown."""
        ...


def is_json_object(text: str) -> bool:
    """Whether the arguments of a tool call can go into a history: chat templates parse them."""
    try:
        return isinstance(_ANY.decode(text), dict)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


def checked_calls(calls: list[tuple[str, str, str]]) -> tuple[str, ...]:
    """The ids of an answer's calls (id, name, arguments). Raises MistakeError for what servers refuse in a history."""
    ids = tuple(call_id for call_id, _, _ in calls)
    if len(set(ids)) < len(ids):
        raise MistakeError(f"two tool calls of one answer share an id ({', '.join(ids)})")
    for call_id, _, arguments in calls:
        if not is_json_object(arguments):
            raise MistakeError(
                f"`arguments` of tool call {call_id!r} is not a JSON object in a string; servers refuse such a history"
            )
    return ids


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
