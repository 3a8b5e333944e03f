"""The text formats: Prometheus' own for a scrape, OpenMetrics for a file with timestamps.

https://prometheus.io/docs/instrumenting/exposition_formats, and the OpenMetrics specification. Samples are kept as
lines without a timestamp, which both formats spell alike; only the heads differ, and what follows a value.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

SCRAPE_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "loadgen_"


class Family(NamedTuple):
    """All series of one name (without the prefix; of a counter without `_total`). blocks: UTF-8 lines, each with its
    end; kept as bytes, for encoding 5 MB anew each second takes 10 ms."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    blocks: list[bytes]


def labels(pairs: Mapping[str, str]) -> str:
    """The pairs as they stand between braces."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def sample(name: str, inside: str, value: float) -> bytes:
    """One line; name without the prefix, inside as `labels` gives it."""
    return f"{_PREFIX}{name}{{{inside}}} {number(value)}\n".encode()


def number(value: float) -> str:
    """A value as both formats take it; a count stays one."""
    return str(value) if isinstance(value, int) else repr(value)


def bucket_heads(name: str, inside: str, bounds: Iterable[float]) -> list[str]:
    """The lines of a histogram but for their values: its buckets, the last one, its sum and its count."""
    ends = [*map(repr, bounds), "+Inf"]
    heads = [f'{_PREFIX}{name}_bucket{{{inside},le="{end}"}} ' for end in ends]
    return [*heads, f"{_PREFIX}{name}_sum{{{inside}}} ", f"{_PREFIX}{name}_count{{{inside}}} "]


def to_scrape(families: Iterable[Family]) -> bytes:
    """The text that a scrape returns."""
    parts: list[bytes] = []
    for family in families:
        if family.blocks:
            name = f"{_PREFIX}{family.name}" + ("_total" if family.kind == "counter" else "")
            parts.append(f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n".encode())
            parts += family.blocks
    return b"".join(parts)


def to_openmetrics(families: Iterable[Family], at_s: float) -> bytes:
    """The same as OpenMetrics, every sample stamped with this Unix time: what promtool makes blocks from."""
    ending = f" {at_s:.3f}\n".encode()
    parts: list[bytes] = []
    for family in families:
        if family.blocks:
            name = f"{_PREFIX}{family.name}"
            parts.append(f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n".encode())
            parts += [block.replace(b"\n", ending) for block in family.blocks]
    return b"".join(parts) + b"# EOF\n"
