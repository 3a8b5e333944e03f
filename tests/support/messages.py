"""Messages of a turn, read as a server would."""

from loadgen.client.dialects import Message


def whole(message: Message) -> bytes:
    """A message in one piece."""
    return b"".join(message) if isinstance(message, tuple) else message
