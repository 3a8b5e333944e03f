"""Faults on demand: what can go wrong with a reply, how to ask for it, and which request it strikes.

Asked for on the command line (`--fault NAME:key=value,...`), or for one request by the header `X-Loadgen-Fault` or
the body's member `loadgen_fault`, with the same words. Called by server.py, which carries them out. Deterministic
from the seed and the order of requests, but for what is asked for by time.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from loadgen.errors import UsageError

# Name: what it does, in the words of `loadgen simulate --help` and docs/simulator.md.
FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "429": "too many requests, with Retry-After",
        "500": "an internal error",
        "503": "overloaded, with Retry-After",
        "402": "no balance",
        "error_event": "an error inside the stream, then [DONE]",
        "truncate": "a clean end without a finish reason",
        "cut": "the connection closed in mid-body",
        "reset": "the connection reset (RST) in mid-body",
        "stall": "no bytes for `seconds`, or for ever",
        "slow_first_byte": "not even headers for `seconds`",
        "malformed": "an event that is not JSON",
        "keepalive": "`count` comments over `seconds` before any output",
        "die": "the whole process is gone",
        "engine_dead": "from then on 500 for everything and 503 from /health, as a vLLM whose engine has died",
    }
)
STATUS_FAULTS: Mapping[str, int] = MappingProxyType({"429": 429, "500": 500, "503": 503, "402": 402})

_ALIASES = {"http_429": "429", "http_500": "500", "http_503": "503", "http_402": "402"}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)?")
_UNIT_S = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_SECONDS = {"slow_first_byte": 2.0, "keepalive": 1.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault and whom it strikes.

    rate: share of the requests. after_s, for_s: only in this stretch of time since the server's start. skip: so many
    requests are spared first. times: at most so often, None without limit. at: after so many tokens of output.
    seconds: how long, math.inf for ever. retry_after: the header's value, None for none. count: of comments.
    """

    name: str
    rate: float = 1.0
    after_s: float = 0.0
    for_s: float = math.inf
    skip: int = 0
    times: int | None = None
    at: int = 3
    seconds: float = math.inf
    retry_after: str | None = "1"
    count: int = 3


def parse_fault(text: str) -> Fault:
    """A fault from `NAME[:key=value,...]`. Raises UsageError with the accepted names or keys."""
    name, _, rest = text.strip().partition(":")
    name = _ALIASES.get(name, name)
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"There is no fault {name!r}.{hint} Choose one of {', '.join(FAULTS)}.")
    fault = Fault(name, seconds=_DEFAULT_SECONDS.get(name, math.inf))
    for part in filter(None, rest.split(",")):
        fault = _with(fault, part.strip())
    return fault


def _with(fault: Fault, part: str) -> Fault:
    key, _, value = part.partition("=")
    try:
        match key:
            case "rate":
                return replace(fault, rate=_share(value))
            case "after":
                return replace(fault, after_s=_seconds(value))
            case "for":
                return replace(fault, for_s=_seconds(value))
            case "seconds":
                return replace(fault, seconds=_seconds(value))
            case "skip":
                return replace(fault, skip=_whole(value))
            case "times":
                return replace(fault, times=_whole(value))
            case "at":
                return replace(fault, at=_whole(value))
            case "count":
                return replace(fault, count=_whole(value))
            case "retry_after":
                return replace(fault, retry_after=value or None)
    except ValueError:
        raise UsageError(f"fault {fault.name}: {part!r} can't be read; {_KEYS}") from None
    raise UsageError(f"fault {fault.name}: there is no key {key!r}; {_KEYS}")


_KEYS = (
    "keys: rate=0.01 (a share), after=30s and for=10s (times), skip=20 and times=1 (requests), at=3 (tokens of output),"
    " seconds=2s, retry_after=1, count=3"
)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(text)
    return share


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) * _UNIT_S[match[2]]


class FaultPlan:
    """Which request is struck by what. `strike` is asked once a request, in the order of their arrival."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._faults = [_Count(fault) for fault in faults]
        self._rng = Random(seed ^ 0xFA017)

    def strike(self, elapsed_s: float) -> Fault | None:
        """The fault for the next request, the first of those that apply; elapsed_s since the server's start."""
        struck = None
        for count in self._faults:
            # Every fault sees every request, so that one's rate does not depend on what stands before it.
            if count.applies(elapsed_s, self._rng) and struck is None:
                count.struck += 1
                struck = count.fault
        return struck


class _Count:
    """A fault and how often it was asked for and has struck."""

    __slots__ = ("fault", "seen", "struck")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0

    def applies(self, elapsed_s: float, rng: Random) -> bool:
        fault = self.fault
        self.seen += 1
        chosen = fault.rate >= 1 or rng.random() < fault.rate
        in_time = fault.after_s <= elapsed_s < fault.after_s + fault.for_s
        left = fault.times is None or self.struck < fault.times
        return chosen and in_time and left and self.seen > fault.skip
