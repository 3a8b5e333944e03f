"""What a tool's run gives back to the model: its result, or a fault on purpose.

A call that was hit has had no effect, so that calling again is right; but for a flood, which is the right result with
far too much behind it.
"""

from collections.abc import Sequence
from typing import Final

from loadgen.workloads.fragments import encode_json, escape_text
from loadgen.workloads.tools.tool import Arguments

FLOOD_BYTES: Final = 100_000
_LINE = "2026-01-01T00:00:00Z INFO worker {number:05d}: heartbeat, nothing to report, queue empty, retry in 5 s\n"
EFFECTIVE: Final = frozenset({None, "flood"})


def _filler() -> bytes:
    lines = (_LINE.format(number=number) for number in range(FLOOD_BYTES // len(_LINE.format(number=0)) + 1))
    return escape_text("\n" + "".join(lines))[:FLOOD_BYTES].rpartition(b"\\n")[0]


# Escaped once: a flooded result is a join of bytes.
_FILLER: Final = _filler()


def draw_fault(shares: Sequence[tuple[str, float]], draw: float) -> str | None:
    """The fault that hits a call, if any. draw: uniform in [0, 1)."""
    for name, share in shares:
        if draw < share:
            return name
        draw -= share
    return None


def escaped_output(result: Arguments, fault: str | None) -> bytes:
    """The text of a tool message, escaped for JSON. result: what the call gives, or would have given."""
    match fault:
        case "timeout":
            return error_output("the tool did not answer in time")
        case "error":
            return error_output("the tool failed with status 500: internal error")
        case "empty":
            return b""
    whole = encode_json(result).decode()
    if fault == "malformed":
        return escape_text(whole[: max(1, len(whole) // 2)])
    return escape_text(whole) + _FILLER if fault == "flood" else escape_text(whole)


def error_output(told: str) -> bytes:
    """The text of a tool message that says what went wrong, escaped for JSON."""
    return escape_text(encode_json({"error": told}).decode("utf-8", "replace"))
