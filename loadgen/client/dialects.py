"""The one place that knows how requests are spelled for a server: paths, request members, the order of things.

What does not change from turn to turn is encoded once into a template; a turn's body is then a join of fragments that
were escaped beforehand, so that a prompt of a million tokens costs no encoding on the event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

CHAT_PATH = "/chat/completions"


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """A chat request's constant part. Make one with `body_template`."""

    opening: bytes
    max_tokens: int | None

    def fragments(
        self, messages: tuple[bytes, ...], *, max_tokens: int | None = None, tools: bytes | None = None
    ) -> list[bytes]:
        """The body of one turn in fragments, not joined: JSON-encoded messages, a limit and tool definitions.

        max_tokens: the turn's own limit; where it is None, the template's counts; where that is None, none is sent.

        Raises ValueError for no messages: no server takes that.
        """
        if not messages:
            raise ValueError("a chat request needs at least one message")
        limit = self.max_tokens if max_tokens is None else max_tokens
        opening = self.opening
        if limit is not None:
            opening += b'"max_tokens":%d,' % limit
        if tools is not None:
            opening += b'"tools":' + tools + b","
        parts = [opening + b'"messages":[']
        for message in messages:
            parts += (message, b",")
        parts[-1] = b"]}"
        return parts


def body_template(
    *,
    model: str,
    stream: bool,
    max_tokens: int | None = None,
    temperature: float | None = None,
    extra_body: Mapping[str, Any] | None = None,
) -> BodyTemplate:
    """Encode what all requests of a run share. `extra_body` goes in last and so overrides what stands before it."""
    members: dict[str, Any] = {"model": model, "stream": stream}
    if stream:
        members["stream_options"] = {"include_usage": True}
    if temperature is not None:
        members["temperature"] = temperature
    extra = dict(extra_body or {})
    limit = extra.pop("max_tokens", max_tokens)
    members |= extra
    return BodyTemplate(msgspec.json.encode(members)[:-1] + b",", limit)
