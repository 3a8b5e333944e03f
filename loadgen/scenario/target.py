"""The `target` block: who is asked, by which client, and how long an answer may take."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loadgen.scenario.fields import PositiveSeconds, Problem, Text, refuse
from loadgen.scenario.sizes import Part

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # only asked for: a wrong port raises
    except ValueError as error:
        # Python's words may quote a part of a password; these are known not to.
        why = f" ({error})" if "out of range" in str(error) else ""
        raise ValueError(f"not a URL{why}; accepted: http://HOST:PORT/v1 or https://...") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a base URL; accepted: http://HOST:PORT/v1 or https://...")
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no ?query and no #fragment; accepted: http://HOST:PORT/v1")
    path = parts.path.rstrip("/") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _proxy(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("no URL of a proxy; accepted: http://[USER:PASSWORD@]HOST:PORT or https://...")
    return url


def _headers(headers: dict[str, str]) -> dict[str, str]:
    # Values are secrets more often than not, so they are never shown.
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header name; accepted: letters, digits and -")
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the value of header {name!r} has a line break; accepted: one line of text")
    return headers


def _as_total(value: Any) -> Any:
    return value if isinstance(value, Mapping | Part) else {"total": value}


class Timeouts(Part):
    """When a turn is given up. One duration in the file is the whole turn's.

    connect_s: for the connection, TLS included. first_output_s: from the send to the first output. idle_s: between
    two reads of a stream. total_s: for the whole turn. None: not limited by itself.
    """

    connect_s: PositiveSeconds = Field(default=10.0, alias="connect")
    first_output_s: PositiveSeconds | None = Field(default=None, alias="first_output")
    idle_s: PositiveSeconds | None = Field(default=None, alias="idle")
    total_s: PositiveSeconds = Field(default=600.0, alias="total")


class Target(Part):
    """Who is asked, and by which client. Without a base URL, the embedded simulator.

    transport: auto takes http11, and aiohttp where there is a proxy, which http11 can't go through.
    """

    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(default=None, repr=False)
    model: Text = "auto"
    dialect: Literal["auto", "openai", "deepseek", "vllm", "sglang", "llamacpp"] = "auto"
    api_key_env: Text = "OPENAI_API_KEY"
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict, repr=False)
    timeout: Annotated[Timeouts, BeforeValidator(_as_total)] = Field(default_factory=Timeouts)
    ca_file: Text | None = None
    transport: Literal["auto", "http11", "aiohttp"] = "auto"
    proxy: Annotated[str, AfterValidator(_proxy)] | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _consistent(self) -> "Target":
        if self.proxy is not None and self.transport == "http11":
            what = "http11 goes through no proxy; accepted: auto, aiohttp"
            refuse("target", [Problem(("transport",), what)])
        return self

    @property
    def measured_by(self) -> Literal["http11", "aiohttp"]:
        """The transport that `transport` comes to."""
        if self.transport == "auto":
            return "http11" if self.proxy is None else "aiohttp"
        return self.transport
