"""Bodies of chat requests, for tests that speak to the simulated model without a server."""

import json
from typing import Any


def chat_body(*messages: tuple[str, str], **members: Any) -> bytes:
    """A request with these messages, pairs of role and text, and further members."""
    said = [{"role": role, "content": text} for role, text in messages]
    return json.dumps({"model": "m", "messages": said, **members}).encode()
