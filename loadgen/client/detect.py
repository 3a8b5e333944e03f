"""Which dialect a server speaks, from what it says of itself.

Called by the preflight where the scenario leaves the dialect to us. The surest sign wins: whose API the host name is,
who owns the models by the model list, what the Server header says. Only where none of these tells is the server asked
for a page that just one kind of it has.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import msgspec

from loadgen.client.dialects import DIALECTS, OPENAI, Dialect

_HOSTS = (
    (re.compile(r"(?:^|\.)deepseek\.com$"), "deepseek"),
    (re.compile(r"(?:^|\.)openai\.(?:com|azure\.com)$"), "openai"),
)
# As /v1/models has them. `loadgen` is our own simulator in OpenAI's dress.
_OWNERS = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llamacpp",
    "deepseek": "deepseek",
    "openai": "openai",
    "openai-internal": "openai",
    "system": "openai",
    "loadgen": "openai",
}


@dataclass(frozen=True, slots=True)
class Detected:
    """A dialect and what it was told by, in words for the console."""

    dialect: Dialect
    seen: str


class _Version(msgspec.Struct):
    version: str


class _ModelInfo(msgspec.Struct):
    model_path: str
    is_generation: bool


class _Props(msgspec.Struct):
    default_generation_settings: msgspec.Raw


# A page in front of /v1, the members that its answer must have, and whose it is. SGLang before vLLM: an SGLang router
# may serve a version too.
_PAGES: tuple[tuple[str, type[msgspec.Struct], str], ...] = (
    ("/get_model_info", _ModelInfo, "sglang"),
    ("/version", _Version, "vllm"),
    ("/props", _Props, "llamacpp"),
)


def by_name(name: str) -> Detected:
    """The dialect that the scenario names."""
    return Detected(DIALECTS[name], "named by the scenario")


async def detect(
    host: str, owners: Iterable[str], server: str | None, fetch: Callable[[str], Awaitable[bytes | None]]
) -> Detected:
    """Which dialect it is; OpenAI's where nothing tells.

    owners: `owned_by` of the models listed. server: the Server header. fetch: the body of a page at the server's root,
    None where there is none; asked for only where the rest does not tell.
    """
    found = _by_what_is_said(host, owners, server)
    if found is not None:
        return found
    for path, shape, name in _PAGES:
        page = await fetch(path)
        if page is not None and _has_shape(page, shape):
            return Detected(DIALECTS[name], f"{path} answers")
    return Detected(OPENAI, "nothing says otherwise")


def _by_what_is_said(host: str, owners: Iterable[str], server: str | None) -> Detected | None:
    for pattern, name in _HOSTS:
        if pattern.search(host):
            return Detected(DIALECTS[name], f"host {host}")
    for owner in owners:
        if owner in _OWNERS:
            return Detected(DIALECTS[_OWNERS[owner]], f"owned_by {owner}")
    if server is not None and server.lower().startswith("llama.cpp"):
        return Detected(DIALECTS["llamacpp"], f"Server: {server}")
    return None


def _has_shape(page: bytes, shape: type[msgspec.Struct]) -> bool:
    try:
        msgspec.json.decode(page, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
