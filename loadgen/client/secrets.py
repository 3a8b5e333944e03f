"""What must never be shown, taken out of what a server says: some quote the key they refuse in their error text.

Made with the endpoint, used by `interpret` and the preflight before anything is shortened: half a key is a leak too.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
# Shorter values are words that a text has of itself (`1`, `true`, `gpt-4`), and hiding them would spoil it.
_SHORTEST = 6
# Of a longer text nothing is looked at, nor kept.
_LOOKED_AT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values to hide, longest first, so that one within another hides the whole."""

    values: tuple[str, ...] = field(default=(), repr=False)

    def hide(self, text: str) -> str:
        """The text's first 16 KiB without any of the values."""
        text = text[:_LOOKED_AT]
        for value in self.values:
            if value in text:
                text = text.replace(value, HIDDEN)
        return text

    def with_url(self, url: str | None) -> "Secrets":
        """These, and those of a URL's user part."""
        return secrets_of((*self.values, *_user_part(url or "")))


def secrets_of(values: Iterable[str]) -> Secrets:
    """From header values and keys: also what stands behind a scheme (`Bearer KEY`) and inside of Basic."""
    found: set[str] = set()
    for value in values:
        scheme, _, credentials = value.partition(" ")
        found |= {value, credentials.strip()}
        if scheme.lower() == "basic":
            found |= _inside(credentials.strip())
    return Secrets(tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)))


def _inside(credentials: str) -> set[str]:
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        return set()
    return {pair, pair.partition(":")[2]}


def _user_part(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    if parts.username is None:
        return ()
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return (pair, parts.netloc.rpartition("@")[0], unquote(parts.password or ""))
