"""Which files a pattern means: relative posix paths, `*` and `?` within a name, `**` over any depth.

The standard library's own reading of `**` changed from version to version, and which files of an agent's count must
not depend on that.
"""

import re
from collections.abc import Iterable
from functools import cache


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns means this path."""
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


def is_inside(path: str) -> bool:
    """Whether a relative posix path stays in its tree: no `..`, not absolute, no empty part."""
    return bool(path) and "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    pieces = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        pieces.append({"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)))
    return re.compile("".join(pieces), re.DOTALL)
