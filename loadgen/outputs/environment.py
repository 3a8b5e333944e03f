"""environment.json: where and with what a run was made, and what the preflight found.

Called by the supervisor at the start. Must never hold a secret: the command line is redacted, and the environment's
variables are not read.
"""

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import msgspec

from loadgen.outputs.run_folder import RunFolder

HIDDEN = "***"
_PACKAGES = ("loadgen", "locust", "gevent", "uvloop", "httptools", "aiohttp", "numpy", "hdrhistogram", "msgspec")
# To the last @: a password may hold others.
_USER_PART = re.compile(r"(?<=://)[^/\s]+(?=@)")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+\S+")
_KEY = re.compile(r"\b(?:sk|pk|hf|key)[-_][A-Za-z0-9_-]{12,}")
# A word that names a secret, as the last part of a flag or a path; `api_key_env` names only a variable.
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[-_.])(?:api[-_]?key|token|secret|password|passwd|authorization)$|(?:^|\.)headers\b"
)


def redact(text: str) -> str:
    """The text without a URL's user part, bearer tokens and what looks like an API key; `${NAME}` stays."""
    return _KEY.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", _USER_PART.sub(HIDDEN, text)))


def redact_command(arguments: Sequence[str]) -> list[str]:
    """The command line without secrets: values of arguments that name one are hidden, the rest as in `redact`."""
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        shown.append(HIDDEN if hide_next else _redact_argument(argument))
        hide_next = argument.startswith("-") and "=" not in argument and bool(_SECRET_NAME.search(argument))
    return shown


def _redact_argument(argument: str) -> str:
    """One argument; `--set=path=value` names what it sets before its second equals sign."""
    for at, sign in enumerate(argument):
        name, value = argument[:at], argument[at + 1 :]
        names_secret = _SECRET_NAME.search(name.rpartition("=")[2]) or "headers:" in value
        if sign == "=" and names_secret and not value.startswith("${"):
            return f"{name}={HIDDEN}"
    return redact(argument)


def environment(
    command: Sequence[str], preflight: Mapping[str, Any] | None, *, base_url: str | None = None
) -> dict[str, Any]:
    """The facts of this process and machine, ready for JSON.

    preflight: what it found, None where it was skipped. base_url: how the scenario writes the one in there, where it
    does so with variables.
    """
    if preflight is not None and base_url is not None:
        preflight = _with_texts(preflight, str(preflight["base_url"]), base_url)
    return {
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        # not platform.platform(): it forks a process, which takes 10 ms and is no business of a live master
        "platform": " ".join((os.uname().sysname, os.uname().release)),
        "machine": os.uname().machine,
        "cpu_count": os.cpu_count(),
        "cpu_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "command": redact_command(command),
        "preflight": None if preflight is None else _redacted(preflight),
    }


def write_environment(folder: RunFolder, facts: Mapping[str, Any]) -> bool:
    """Write environment.json; False where the disk would not take it."""
    return folder.write_bytes("environment.json", msgspec.json.format(msgspec.json.encode(facts)) + b"\n")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _with_texts(value: Any, found: str, written: str) -> Any:
    """The same with this text replaced wherever it stands."""
    if isinstance(value, str):
        return value.replace(found, written)
    if isinstance(value, Mapping):
        return {key: _with_texts(item, found, written) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(item, found, written) for item in value]
    return value


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if _SECRET_NAME.search(str(key)) else _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
