"""Quantities as people write them: `250ms`, `10s`, `7d`, `4k`, `1M`. Read by the scenario model and the command line.

Knows nothing of YAML or pydantic; a mistake is a ValueError whose text says what is accepted.
"""

import math
import re
from collections.abc import Mapping

# Below a second the unit divides, so that `3ms` is the double nearest to 0.003 and prints as it was written.
_PARTS_OF_A_SECOND = {"us": 1_000_000, "ms": 1_000}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_COUNTS = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000}

_BYTES = {"": 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ]*)\s*")

_DURATIONS = "a duration such as 250ms, 10s, 5m, 1h or 7d; a plain number is seconds"
_TOKENS = "a whole number such as 200, 4k or 1M"
_NUMBER = "a number"
_SIZES = "a size such as 500kB, 100MB or 2GB; a plain number is bytes"


def parse_duration(value: object) -> float:
    """Seconds in `value`: a number (seconds), or text with one of the units us, ms, s, m, h, d.

    Raises ValueError for anything else, negative and infinite durations included.
    """
    number, unit = _split(value, _DURATIONS)
    if unit in _PARTS_OF_A_SECOND:
        seconds = number / _PARTS_OF_A_SECOND[unit]
    elif unit == "" or unit in _SECONDS:
        seconds = number * _SECONDS.get(unit, 1)
    else:
        raise ValueError(f"unknown unit {unit!r} in {value!r}; accepted: us, ms, s, m, h, d")
    if seconds < 0:
        raise ValueError(f"a duration can't be negative: {value!r}; accepted: {_DURATIONS}")
    return seconds


def parse_count(value: object) -> int:
    """The whole number in `value`: a number, or text with one of the suffixes k (1,000), M and G.

    Raises ValueError for anything else, fractions and negative numbers included.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        # Past 2**53 a double would change it, and a seed must stay the one that was written.
        return value
    number, unit = _split(value, _TOKENS)
    if unit not in _COUNTS and unit != "":
        nearest = unit.swapcase()
        hint = f"; did you mean {nearest!r}?" if nearest in _COUNTS else ""
        raise ValueError(f"unknown suffix {unit!r} in {value!r}; accepted: k, M, G{hint}")
    count = number * _COUNTS.get(unit, 1)
    rounded = round(count)
    # 0.1M is a whole number to its reader; its product in doubles need not be.
    if not math.isclose(count, rounded, rel_tol=1e-12) or count < 0:
        raise ValueError(f"{value!r} is not a whole number of 0 or more; accepted: {_TOKENS}")
    return rounded


def parse_bytes(value: object) -> int:
    """Bytes in `value`: a number (bytes), or text with one of the units kB, MB, GB, TB (powers of 1,000).

    Raises ValueError for anything else, negative sizes included.
    """
    number, unit = _split(value, _SIZES)
    if unit not in _BYTES:
        raise ValueError(f"unknown unit {unit!r} in {value!r}; accepted: kB, MB, GB, TB")
    if number < 0:
        raise ValueError(f"a size can't be negative: {value!r}; accepted: {_SIZES}")
    return round(number * _BYTES[unit])


def parse_number(value: object) -> float:
    """The finite number in `value`, given as a number or (from the environment) as text. Raises ValueError."""
    number, unit = _split(value, _NUMBER)
    if unit:
        raise ValueError(f"{value!r} has a unit, and none is expected here; accepted: {_NUMBER}")
    return number


def parse_flag(value: object) -> bool:
    """Whether `value` is true: a YAML boolean, or (from the environment) its name as text. Raises ValueError."""
    # pydantic would also take 1, "on" and "y", which a reader of the file can't tell from a number or a name.
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false; accepted: true, false")
    return value


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as exactly `seconds`."""
    for unit, size in reversed(_SECONDS.items()):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    for unit, parts in reversed(_PARTS_OF_A_SECOND.items()):
        count = round(seconds * parts)
        if 0 < count < 1_000 and count / parts == seconds:
            return f"{count}{unit}"
    return f"{float(seconds)!r}".removesuffix(".0") + "s"


def format_count(count: int) -> str:
    """The shortest text that `parse_count` reads back as `count`."""
    for suffix, size in reversed(_COUNTS.items()):
        if count and count % size == 0:
            return f"{count // size}{suffix}"
    return str(count)


def _split(value: object, accepted: str) -> tuple[float, str]:
    """Number and unit; ValueError where `value` has no finite number at its front or something else behind it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{shown(value)} is no number; accepted: {accepted}")
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise ValueError(f"can't read {value!r}; accepted: {accepted}")
        number, unit = float(match[1]), match[2].replace("µ", "u")
    else:
        try:
            number, unit = float(value), ""
        except OverflowError:
            number, unit = math.inf, ""
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not finite; accepted: {accepted}")
    return number, unit


def shown(value: object) -> str:
    """A value as its author knows it, for messages: `true`, 'text', a list."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value) if isinstance(value, str | int | float) else str(value)
