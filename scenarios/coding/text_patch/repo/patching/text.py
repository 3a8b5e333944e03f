"""Hunks as text and back."""

import re
from collections.abc import Iterable

from patching.errors import Malformed
from patching.hunks import Hunk

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*")


def write(hunks: Iterable[Hunk], name: str = "file") -> str:
    """The text of a patch for a file; an empty one for no hunks."""
    lines: list[str] = []
    for hunk in hunks:
        if not lines:
            lines += [f"--- a/{name}", f"+++ b/{name}"]
        lines.append(f"@@ -{_range(hunk.old_start, hunk.old)} +{_range(hunk.new_start, hunk.new)} @@")
        lines += hunk.lines
    return "".join(f"{line}\n" for line in lines)


def _range(start: int, lines: list[str]) -> str:
    return str(start + 1) if len(lines) == 1 else f"{start + 1},{len(lines)}"


def read(text: str) -> list[Hunk]:
    """The hunks of a patch for one file. Raises Malformed."""
    hunks: list[Hunk] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        header = _HEADER.fullmatch(lines[at])
        if header is None:
            if hunks or not lines[at].startswith(("---", "+++", "diff ", "index ")):
                raise Malformed(at + 1, f"expected a hunk, not {lines[at]!r}")
            at += 1
            continue
        old_start, old_count, new_start, new_count = (int(part) if part else 1 for part in header.groups())
        at, body = _body(lines, at + 1, old_count, new_count)
        hunks.append(Hunk(max(old_start - 1, 0), max(new_start - 1, 0), body))
    return hunks


def _body(lines: list[str], at: int, old_count: int, new_count: int) -> tuple[int, tuple[str, ...]]:
    """The lines of a hunk from a place on, as many as its header tells, and the place after them."""
    body: list[str] = []
    while old_count > 0 or new_count > 0:
        line = lines[at] if at < len(lines) else "?"
        if line == "":
            line = " "
        if line[0] not in " -+":
            raise Malformed(at + 1, "the hunk is shorter than its header says")
        old_count -= line[0] in " -"
        new_count -= line[0] in " +"
        body.append(line)
        at += 1
    if old_count or new_count:
        raise Malformed(at, "the hunk is longer than its header says")
    return at, tuple(body)
