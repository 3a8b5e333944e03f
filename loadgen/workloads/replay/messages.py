"""Reads conversations that stand whole in one record each: OpenAI message lists and ShareGPT.

    openai    {"messages": [{"role": "user", "content": "..."}, ...], "tools": [...]}        JSON lines
    sharegpt  {"conversations": [{"from": "human", "value": "..."}, ...]}                    a JSON array, or JSON lines

There is one request for each answer, and one more where the last message is not an answer. Neither format has a clock,
pauses or token counts. Answers before the first message of a person are dropped (ShareGPT cuts long conversations into
pieces, so many begin with one); a record in which nobody asks anything is counted as empty.
"""

import mmap
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import TraceError
from loadgen.workloads.fragments import assistant_message, encode_json, escape_text, text_message
from loadgen.workloads.replay.records import (
    MistakeError,
    Mistakes,
    RowTable,
    SpanFile,
    decode_line,
    lines_of,
    unreadable,
)
from loadgen.workloads.replay.script import Draft, Entry, Script, checked_calls

# What chat completions take in a message; recordings of replies have more (refusal, annotations, reasoning), and
# servers refuse what they don't know.
_SENT_KEYS = ("role", "name", "content", "tool_calls", "tool_call_id")
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
}
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_FORGET_EVERY_BYTES = 16 * 2**20


class _OpenAI(msgspec.Struct):
    messages: list[msgspec.Raw]
    tools: list[dict[str, Any]] | None = None


class _Said(msgspec.Struct):
    from_: str = msgspec.field(name="from")
    value: str


class _ShareGPT(msgspec.Struct):
    conversations: list[_Said]


_OPENAI = msgspec.json.Decoder(_OpenAI)
_SHAREGPT = msgspec.json.Decoder(_ShareGPT)
_MESSAGE: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class MessageRecording:
    """One recording of this family, indexed. Session k is the k-th record in which something is asked."""

    def __init__(self, path: Path, format_name: str, mistakes: Mistakes) -> None:
        """Read and check every record; raises TraceError. Takes about 20 ms a megabyte."""
        self.format = format_name
        self.path = path
        self.mistakes = mistakes
        self._file = SpanFile(path)
        self._rows = RowTable()
        for place, offset, data in self._records():
            draft = Draft(keep=False)
            try:
                for entry in self._entries(data):
                    draft.add(entry)
            except MistakeError as mistake:
                mistakes.at(place, mistake)
                continue
            if draft.steps or draft.unanswered:
                self._rows.append(offset, len(data), 0.0)
            else:
                mistakes.empty += 1
        if not len(self._rows):
            raise mistakes.nothing_left(path, "conversations", f"format {format_name}")

    def __len__(self) -> int:
        return len(self._rows)

    def script(self, session: int) -> Script:
        """See TextRecording."""
        row = self._rows[session]
        return Script(self._entries(self._file.read(row.offset, row.size)), asks_last=True)

    def starts(self) -> None:
        """None: these formats have no clock."""
        return

    def _records(self) -> Iterator[tuple[str, int, bytes]]:
        """Every record: how to name it in a message, where it lies, and its bytes."""
        if self.format == "sharegpt" and _begins_with_bracket(self.path):
            for number, (offset, data) in enumerate(array_elements(self.path), start=1):
                yield f"{self.path}: record {number}", offset, data
        else:
            for line, offset, data in lines_of(self.path, self.mistakes):
                yield f"{self.path}:{line}", offset, data

    def _entries(self, data: bytes) -> Iterator[Entry]:
        return _openai_entries(data) if self.format == "openai" else _sharegpt_entries(data)


def array_elements(path: Path) -> Iterator[tuple[int, bytes]]:
    """The objects of a file that is one JSON array, with their offsets, without reading all of it into memory.

    Raises TraceError where brackets don't match up.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            depth, start, forgotten = 0, 0, 0
            for found in _STRUCTURE.finditer(view):
                token = found.group()
                if token in b"[{":
                    if depth == 1:
                        start = found.start()
                    depth += 1
                elif token in b"]}":
                    depth -= 1
                    if depth == 1:
                        yield start, view[start : found.end()]
                        if start - forgotten > _FORGET_EVERY_BYTES:
                            view.madvise(mmap.MADV_DONTNEED)
                            forgotten = start
            if depth:
                raise TraceError(f"{path}: ends inside of its JSON array; was it cut off?")
    except OSError as error:
        raise unreadable(path, error) from error


def _begins_with_bracket(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    except OSError as error:
        raise unreadable(path, error) from error


def _openai_entries(data: bytes) -> Iterator[Entry]:
    record = decode_line(_OPENAI.decode, data)
    tools = encode_json(record.tools) if record.tools else None
    asked = False
    decoded = (_message(raw) for raw in record.messages)
    for role, group in groupby(decoded, key=lambda message: _ROLES[message["role"]]):
        if role == "tool":
            yield _tool_entry(list(group))
            continue
        for message in group:
            asked = asked or role == "user"
            if role == "assistant":
                if asked:
                    yield _assistant_entry(message)
            else:
                yield Entry("user" if role == "user" else "system", (encode_json(message),), tools=tools)


def _message(raw: msgspec.Raw) -> dict[str, Any]:
    """A message with the keys that are sent. Raises MistakeError where it is none."""
    message = decode_line(_MESSAGE.decode, bytes(raw))
    role = message.get("role")
    if role not in _ROLES:
        raise MistakeError(f"a message of role {role!r}; expected {', '.join(_ROLES)}")
    if role != "assistant" and not isinstance(message.get("content"), str | list):
        raise MistakeError(f"a message of role {role} needs `content`")
    return {key: message[key] for key in _SENT_KEYS if message.get(key) is not None}


def _assistant_entry(message: dict[str, Any]) -> Entry:
    calls: list[tuple[str, str, str]] = []
    try:
        for call in message.get("tool_calls", ()):
            calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))
    except (TypeError, KeyError) as error:
        raise MistakeError(f"`tool_calls` holds no call of a function with id, name and arguments: {error}") from None
    ids = checked_calls(calls)
    message.setdefault("content", "")
    return Entry("assistant", (encode_json(message),), calls=ids)


def _tool_entry(messages: list[dict[str, Any]]) -> Entry:
    results: dict[str, tuple[bytes, bytes]] = {}
    for message in messages:
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str) or call_id in results:
            raise MistakeError("a message of role tool needs a `tool_call_id` of its own")
        results[call_id] = (escape_text(_text(message["content"])), encode_json(message))
    return Entry("tool", results=results)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content if isinstance(part, dict))


def _sharegpt_entries(data: bytes) -> Iterator[Entry]:
    asked = False
    for said in decode_line(_SHAREGPT.decode, data).conversations:
        role = _SHAREGPT_ROLES.get(said.from_)
        if role is None:
            raise MistakeError(f"said by {said.from_[:40]!r}; expected {', '.join(_SHAREGPT_ROLES)}")
        asked = asked or role == "user"
        if role == "assistant":
            if asked:
                yield Entry("assistant", (assistant_message(said.value),))
        elif role == "user":
            yield Entry("user", (text_message("user", escape_text(said.value)),))
        else:
            yield Entry("system", (text_message("system", escape_text(said.value)),))
