"""Where requests go: a base URL taken apart once, and the request heads that do not change from turn to turn.

The API key lives in the head's bytes and nowhere else; the repr shows neither.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from loadgen import __version__
from loadgen.client.secrets import Secrets, secrets_of
from loadgen.errors import UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What the transport writes itself: a second one would contradict it, and a server must refuse such a request.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
# Everything that may stand in a path; anything else is percent-encoded.
_SAFE = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A target's address. path_prefix: what stands in front of `/chat/completions`, without a trailing slash."""

    scheme: str
    host: str
    port: int
    path_prefix: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: Secrets = field(default_factory=Secrets, repr=False)

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """host[:port] as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.tls else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL without any user part: safe to show."""
        return f"{self.scheme}://{self.authority}{self.path_prefix}"

    def head(self, method: str, path: str) -> bytes:
        """Request line and headers, without Content-Length and the closing empty line."""
        lines = [f"{method} {self.path_prefix}{path} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in self.headers):
            lines.append(f"Host: {self.authority}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def endpoint_of(base_url: str, *, headers: Mapping[str, str] | None = None, api_key: str | None = None) -> Endpoint:
    """Take a base URL apart. A URL without a path gets `/v1`. Raises UsageError for one that can't be used."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        # Python's words may quote a part of a password; these are known not to.
        why = f": {error}" if "out of range" in str(error) else ""
        raise UsageError(f"target: the base URL can't be taken apart{why}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"target {parts.hostname or 'without a host'!r}: a base URL is http://host[:port][/path] or https://..."
        )
    if parts.query or parts.fragment:
        raise UsageError(f"target {parts.hostname!r}: a base URL has no ?query and no #fragment")
    host = _ascii_host(parts.hostname)
    prefix = quote(parts.path.rstrip("/"), safe=_SAFE) or "/v1"
    merged = _merge_headers(parts, headers or {}, api_key)
    default = 443 if parts.scheme == "https" else 80
    # Every header that the user gave may hold a secret; of ours only the one that was made of them.
    private = [value for name, value in merged if name == "Authorization" or name in (headers or {})]
    secrets = secrets_of(private).with_url(base_url)
    return Endpoint(parts.scheme, host, port or default, prefix, merged, secrets)


def _ascii_host(host: str) -> str:
    """The host as it goes on the wire. Raises UsageError for what is no host name."""
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[0-9A-Za-z._~:%-]+", name):
        raise UsageError(f"target {host!r}: not a host name or an IP address")
    return name


def _merge_headers(parts: SplitResult, headers: Mapping[str, str], api_key: str | None) -> tuple[tuple[str, str], ...]:
    """What every request carries; the user's own take the place of ours. Raises UsageError for one that can't be."""
    sent = {
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": f"loadgen/{__version__}",
    }
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        sent["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    if api_key:
        sent["Authorization"] = f"Bearer {api_key}"
    given = {name.lower() for name in headers}
    merged = [(name, value) for name, value in sent.items() if name.lower() not in given]
    merged += headers.items()
    for name, value in merged:
        _check_header(name, value)
    return tuple(merged)


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"target header {name!r}: a name has letters, digits and any of !#$%&'*+-.^_`|~ only")
    if name.lower() in _FRAMING:
        raise UsageError(f"target header {name!r}: the transport sets it; leave it out")
    if any(c in value for c in "\r\n\0"):
        raise UsageError(f"target header {name!r}: a line break or a NUL in a header can't be sent")
    if not _latin1(value):
        raise UsageError(f"target header {name!r}: a character outside Latin-1 can't be sent in a header")


def _latin1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
