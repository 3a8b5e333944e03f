"""What the simulator reads: the bodies of /v1/chat/completions and /v1/completions, as far as they change an answer.

Called by server.py and answers.py. Members that change nothing here are ignored, as servers do.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from loadgen.simulator.bodies import LARGE_BODY_BYTES, take_out
from loadgen.simulator.dialects import RefusedError
from loadgen.simulator.pauses import Pausing, run_through

_T = TypeVar("_T")
Limit = Annotated[int, msgspec.Meta(ge=1)]


class ContentPart(msgspec.Struct):
    """A part of a message's content; only text counts as tokens here."""

    type: str
    text: str = ""


class CalledFunction(msgspec.Struct):
    """Name and argument text of a tool call of an earlier turn."""

    name: str | None = None
    arguments: Any = None

    @property
    def argument_text(self) -> str:
        """The arguments as JSON text, which some clients send decoded."""
        arguments = self.arguments
        if isinstance(arguments, str):
            return arguments
        return "" if arguments is None else msgspec.json.encode(arguments).decode()


class ToolCall(msgspec.Struct):
    """A tool call of an earlier turn."""

    function: CalledFunction | None = None
    id: str | None = None

    @property
    def text(self) -> str:
        """The call as it was generated: so that a conversation sent back is the prefix that the cache knows."""
        function = self.function
        return "" if function is None else called(function.name or "", function.argument_text)


def called(name: str, arguments: str) -> str:
    """A tool call as the model writes it."""
    return f"<|call|>{name}{arguments}"


class Message(msgspec.Struct):
    """One chat message, as far as it makes a prompt."""

    role: str
    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """All the text of the message that a chat template would put into the prompt."""
        content = self.content
        if isinstance(content, list):
            content = "".join(part.text for part in content)
        calls = "".join(call.text for call in self.tool_calls or ())
        return f"{self.reasoning_content or self.reasoning or ''}{content or ''}{calls}"


def calls_with_results(messages: Iterable[Message]) -> Iterator[tuple[str, str, str]]:
    """Each call that has a result, in the order of the results: its name, its arguments, and what it gave back."""
    called: dict[str, tuple[str, str]] = {}
    for message in messages:
        for call in message.tool_calls or ():
            if call.id is not None and call.function is not None:
                called[call.id] = (call.function.name or "", call.function.argument_text)
        if message.role == "tool" and message.tool_call_id in called:
            yield (*called.pop(message.tool_call_id), message.text)


class StreamOptions(msgspec.Struct):
    """OpenAI's `stream_options`, and vLLM's addition to it."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class Function(msgspec.Struct):
    """A tool's function; parameters: its JSON schema."""

    name: str
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool that may be called; other kinds than functions are not."""

    type: str = "function"
    function: Function | None = None


class Thinking(msgspec.Struct):
    """DeepSeek's switch."""

    type: str = "enabled"


class AnswerRequest(msgspec.Struct, kw_only=True):
    """What both kinds of request have."""

    model: str
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    ignore_eos: bool = False
    n: Annotated[int, msgspec.Meta(ge=1, le=1)] | None = 1
    user_id: str | None = None
    cache_salt: str | None = None
    loadgen_fault: str | None = None

    @property
    def with_usage(self) -> bool:
        """Whether a stream is to report usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def with_usage_throughout(self) -> bool:
        """Whether every chunk is to report it."""
        return self.with_usage and self.stream_options is not None and self.stream_options.continuous_usage_stats

    @property
    def salt(self) -> str:
        """Keeps the caches of different users apart: DeepSeek's and vLLM's way."""
        return self.user_id or self.cache_salt or ""


class ChatRequest(AnswerRequest, kw_only=True):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    max_completion_tokens: Limit | None = None
    tools: msgspec.Raw = msgspec.Raw()
    tool_choice: Any = None
    parallel_tool_calls: bool | None = True
    thinking: Thinking | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    @property
    def limit(self) -> int | None:
        """How long the answer may be."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def thinks(self) -> bool:
        """Whether the model may think: unless DeepSeek's switch or the chat template's is off."""
        template = self.chat_template_kwargs or {}
        off = template.get("enable_thinking") is False or template.get("thinking") is False
        return not off and (self.thinking is None or self.thinking.type != "disabled")

    def rendered(self) -> list[tuple[str, str]]:
        """The prompt as (role, text), the tools first, as chat templates have them."""
        pairs = [(message.role, message.text) for message in self.messages]
        tools = bytes(self.tools)
        return pairs if tools in (b"", b"null") else [("tools", tools.decode("utf-8", "replace")), *pairs]

    def functions(self) -> list[Function]:
        """The functions that may be called: none where tool_choice is `none`, the one that it names."""
        tools = bytes(self.tools)
        if tools in (b"", b"null") or self.tool_choice == "none":
            return []
        found = [tool.function for tool in _decode(_tools, tools, "tools") if tool.function is not None]
        named = self.tool_choice.get("function", {}).get("name") if isinstance(self.tool_choice, dict) else None
        return [function for function in found if named in (None, function.name)]

    @property
    def must_call(self) -> bool:
        """Whether a tool has to be called."""
        return self.tool_choice == "required" or isinstance(self.tool_choice, dict)


class CompletionRequest(AnswerRequest, kw_only=True):
    """The body of POST /v1/completions. prompt: text, or token ids, or a list of one of them."""

    prompt: str | list[str | int | list[int]]

    @property
    def limit(self) -> int | None:
        """How long the answer may be."""
        return self.max_tokens

    @property
    def single(self) -> str | Sequence[int]:
        """The one prompt. Raises RefusedError for none or several."""
        prompt = self.prompt
        if isinstance(prompt, str):
            return prompt
        ids = [part for part in prompt if isinstance(part, int)]
        if ids and len(ids) == len(prompt):
            return ids
        if len(prompt) == 1 and not isinstance(prompt[0], int):
            return prompt[0]
        raise RefusedError(400, "Expected exactly one prompt", code="invalid_value", param="prompt")


_chat = msgspec.json.Decoder(ChatRequest)
_completion = msgspec.json.Decoder(CompletionRequest)
_tools = msgspec.json.Decoder(list[Tool])


def read_chat(body: bytes) -> ChatRequest:
    """The chat request in `body`. Raises RefusedError (400) that names the member which is wrong."""
    return run_through(reading_chat(body))


def reading_chat(body: bytes) -> Pausing[ChatRequest]:
    """As `read_chat`, with pauses where the body is large."""
    if len(body) < LARGE_BODY_BYTES:
        return _decode(_chat, body)
    try:
        small, texts = yield from take_out(body)
    except msgspec.DecodeError:
        small, texts = body, {}  # the decoder says what is wrong with it
    chat = _decode(_chat, small)
    for message in chat.messages:
        content = message.content
        if isinstance(content, str):
            message.content = texts.get(content, content)
        for part in content if isinstance(content, list) else ():
            part.text = texts.get(part.text, part.text)
    return chat


def read_completion(body: bytes) -> CompletionRequest:
    """The completion request in `body`. Raises RefusedError as `read_chat` does."""
    return _decode(_completion, body)


def _decode(decoder: "msgspec.json.Decoder[_T]", body: bytes, inside: str = "") -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = ".".join(filter(None, (inside, where.strip("`.")))) or None
        raise RefusedError(400, what, code="invalid_value", param=param) from error
    except msgspec.DecodeError as error:
        raise RefusedError(400, f"The body is not JSON: {error}", code="invalid_json") from error
