"""Requests and responses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    url: str
    body: bytes = b""

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice does the same as sending it once."""
        return self.method.upper() in IDEMPOTENT


@dataclass(frozen=True)
class Response:
    """What comes back; names of headers in any case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """A header by its name, whatever its case."""
        for key, value in self.headers.items():
            if key.lower() == name.lower():
                return value
        return None

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks to wait; None if it does not, or not in seconds."""
        text = (self.header("Retry-After") or "").strip()
        return float(text) if text.isdecimal() else None
