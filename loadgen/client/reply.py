"""What a server's answer to one turn said, as plain data: read by workloads, which decide the next turn from it.

Knows nothing of sockets or timing. Unknown is None, never 0: a server that reports no usage has unknown
token counts.
"""

from msgspec import Struct, field


class ToolCall(Struct, frozen=True):
    """One call the model made. `arguments` is the JSON text as it came, parsed by whoever runs the tool."""

    id: str
    name: str
    arguments: str


class Usage(Struct, frozen=True):
    """Token counts as the server reports them; None where it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Reply(Struct, frozen=True):
    """The whole answer to one turn. `ok` is False for a failed or cut-off turn, whose text may be partial.

    reasoning_back: the reasoning as it goes back to this server within a history that has tools, maybe empty; None
    where the server is to get none.
    """

    ok: bool
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    reasoning_back: str | None = None
