"""The one place that knows how requests are spelled for a server, and what sets its dialect apart.

What does not change from turn to turn is encoded once into a template; a turn's body is then a join of fragments that
were escaped beforehand, so that a prompt of a million tokens costs no encoding on the event loop. How a reply is read
does not depend on the dialect: `chunks` knows all spellings. Which dialect a server speaks is found out by `detect`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import msgspec

CHAT_PATH = "/chat/completions"
COMPLETIONS_PATH = "/completions"

Api = Literal["chat", "completions"]
# A JSON-encoded message. One that is nothing but a long text may be left in pieces: joining a million tokens at once
# would hold up the other streams.
Message = bytes | tuple[bytes, ...]

# OpenAI's reasoning models refuse max_tokens; gpt-oss is no model of its API.
_NEEDS_MAX_COMPLETION_TOKENS = re.compile(r"^(?:openai/)?(?:o[1-9]\b|gpt-(?!oss)(?:[5-9]|\d\d))")
_LIMIT_KEYS = ("max_tokens", "max_completion_tokens")
# Fragments of messages are our own encoding, members in this order, without spaces. In a string's text a quote stands
# behind a backslash, so the members' names below can't be met inside of one.
_ASSISTANT = b'{"role":"assistant"'
_CALLS = b',"tool_calls":['
_REASONING = b',"reasoning_content":"'
_CONTENT = re.compile(rb'"content":"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NEXT_MEMBER = b'","'
_PLAIN_MESSAGE = re.compile(rb'\{"role":"[a-z]+","content":"')
# Where a JSON schema holds others: by itself or in a list, and by name.
_SCHEMAS = frozenset({"items", "anyOf", "oneOf", "allOf"})
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "definitions"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of server wants said, beside what all of them do. docs/dialects.md has the whole table.

    ignore_eos, min_tokens: the server takes these members, which force an answer's length. needs_reasoning: an
    assistant message with tool calls and without `reasoning_content` is refused, so histories carry it, even empty.
    """

    name: str
    ignore_eos: bool = False
    min_tokens: bool = False
    needs_reasoning: bool = False

    @property
    def forces_length(self) -> bool:
        """Whether an answer can be made as long as its limit."""
        return self.ignore_eos

    def limit_key(self, model: str) -> str:
        """The member that limits an answer's length."""
        if self.name == "openai" and _NEEDS_MAX_COMPLETION_TOKENS.match(model):
            return "max_completion_tokens"
        return "max_tokens"


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("openai"),
        Dialect("deepseek", needs_reasoning=True),
        Dialect("vllm", ignore_eos=True, min_tokens=True),
        Dialect("sglang", ignore_eos=True, min_tokens=True),
        Dialect("llamacpp", ignore_eos=True),
    )
}
OPENAI = DIALECTS["openai"]


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """A request's constant part. Make one with `body_template`.

    path: where the request goes, behind the base URL. limit: what opens a limit's member. forced: the members beside
    a limit that make the answer as long; min_tokens: one of them, with the limit as its value.
    """

    opening: bytes
    max_tokens: int | None
    path: str = CHAT_PATH
    limit: bytes = b'"max_tokens":'
    forced: bytes = b""
    min_tokens: bool = False
    strict_tools: bool = False
    own_tools: bool = False
    needs_reasoning: bool = False

    def fragments(
        self, messages: tuple[Message, ...], *, max_tokens: int | None = None, tools: bytes | None = None
    ) -> list[bytes]:
        """The body of one turn in fragments, not joined: JSON-encoded messages, a limit and tool definitions.

        max_tokens: the turn's own limit; where it is None, the template's counts; where that is None, none is sent.

        Raises ValueError for no messages: no server takes that.
        """
        if not messages:
            raise ValueError("a request needs at least one message")
        opening = self.opening + self._limited(self.max_tokens if max_tokens is None else max_tokens)
        if self.path == COMPLETIONS_PATH:
            return [opening + b'"prompt":"', *chain.from_iterable(map(_text_pieces, messages)), b'"}']
        if tools is not None and not self.own_tools:
            opening += b'"tools":' + (strict_tools(tools) if self.strict_tools else tools) + b","
        parts = [opening + b'"messages":[']
        for message in messages:
            if isinstance(message, tuple):
                parts += message
            else:
                parts.append(_with_reasoning(message) if self.needs_reasoning else message)
            parts.append(b",")
        parts[-1] = b"]}"
        return parts

    def _limited(self, limit: int | None) -> bytes:
        if limit is None:
            return b""
        least = b'"min_tokens":%d,' % limit if self.min_tokens else b""
        return b"%b%d,%b%b" % (self.limit, limit, self.forced, least)


def body_template(
    *,
    model: str,
    stream: bool,
    max_tokens: int | None = None,
    temperature: float | None = None,
    extra_body: Mapping[str, Any] | None = None,
    dialect: Dialect = OPENAI,
    api: Api = "chat",
    force_length: bool = False,
    strict: bool = False,
) -> BodyTemplate:
    """Encode what all requests of a run share. `extra_body` goes in last and so overrides what stands before it.

    force_length: answers as long as their limit, where the dialect can. strict: mark tool definitions as strict.
    """
    members: dict[str, Any] = {"model": model, "stream": stream}
    if stream:
        members["stream_options"] = {"include_usage": True}
    if temperature is not None:
        members["temperature"] = temperature
    extra = dict(extra_body or {})
    # A limit's name in extra_body is how this server is to be told, and its value the limit where a turn has none.
    key = next((name for name in _LIMIT_KEYS if name in extra), dialect.limit_key(model) if api == "chat" else None)
    limit = extra.pop(key, max_tokens) if key is not None else max_tokens
    members |= extra
    return BodyTemplate(
        msgspec.json.encode(members)[:-1] + b",",
        limit,
        path=CHAT_PATH if api == "chat" else COMPLETIONS_PATH,
        limit=b'"%b":' % (key or "max_tokens").encode(),
        forced=b'"ignore_eos":true,' if force_length and dialect.ignore_eos and "ignore_eos" not in extra else b"",
        min_tokens=force_length and dialect.min_tokens and "min_tokens" not in extra,
        strict_tools=strict,
        own_tools="tools" in extra,
        needs_reasoning=dialect.needs_reasoning,
    )


def _with_reasoning(message: bytes) -> bytes:
    """An assistant message with tool calls, given an empty `reasoning_content` where it has none; any other as it is.

    Recorded conversations are encoded before it is known who will read them.
    """
    if not message.startswith(_ASSISTANT) or _CALLS not in message or _REASONING in message:
        return message
    return _ASSISTANT + b',"reasoning_content":""' + message[len(_ASSISTANT) :]


def message_size(message: Message) -> int:
    """Its length in bytes."""
    return sum(map(len, message)) if isinstance(message, tuple) else len(message)


def _text_pieces(message: Message) -> Sequence[bytes]:
    """`message_text` of a message that may be in pieces."""
    if not isinstance(message, tuple):
        return (message_text(message),)
    first, *others, last = message
    opening = _PLAIN_MESSAGE.match(first)
    assert opening is not None
    return (first[opening.end() :], *others, last.removesuffix(b'"}'))


def message_text(message: bytes) -> bytes:
    """A message's text, escaped as it is, for a prompt that is the texts of all messages joined.

    Nothing stands between them: what the model wrote is found again exactly behind what it was written to. Tool calls
    have no text and are left out.
    """
    plain = _PLAIN_MESSAGE.match(message)
    if plain is not None and message.endswith(b'"}') and message.find(_NEXT_MEMBER, plain.end()) < 0:
        return message[plain.end() : -2]
    found = _CONTENT.search(message)
    if found is not None:
        return found[1]
    content = msgspec.json.decode(message).get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    return msgspec.json.encode(content or "")[1:-1]


@lru_cache(maxsize=256)
def strict_tools(tools: bytes) -> bytes:
    """Tool definitions marked `strict`, their schemas as strict decoding demands them.

    That is: no object takes further members, and all members are required. A tool that has an object of any members
    can't be made so, and is sent as it is. Cached, for the turns of a conversation share their tools.
    """
    return msgspec.json.encode([_strict_tool(tool) for tool in msgspec.json.decode(tools)])


def _strict_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    parameters = {"type": "object", "properties": {}} | (function.get("parameters") or {})
    try:
        return tool | {"function": function | {"strict": True, "parameters": _closed(parameters)}}
    except _OpenObjectError:
        return tool


class _OpenObjectError(Exception):
    """A schema has an object whose members are not all named."""


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    is_object = schema.get("type") == "object" or "properties" in schema
    if is_object and ("properties" not in schema or schema.get("additionalProperties")):
        raise _OpenObjectError
    closed = dict(schema)
    for key in _SCHEMAS & closed.keys():
        closed[key] = _closed(closed[key])
    for key in _NAMED_SCHEMAS & closed.keys():
        closed[key] = {name: _closed(part) for name, part in closed[key].items()}
    if is_object:
        closed |= {"additionalProperties": False, "required": list(closed["properties"])}
    return closed
