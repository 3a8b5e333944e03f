"""What differs between two texts."""

from difflib import SequenceMatcher

from patching.hunks import Hunk


def diff(before: str, after: str, context: int = 3) -> list[Hunk]:
    """The hunks that lead from one text to another, each with so many lines of context around it."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if context:
        return [_hunk(group, old, new) for group in matcher.get_grouped_opcodes(context)]
    return [_hunk([code], old, new) for code in matcher.get_opcodes() if code[0] != "equal"]


def _hunk(group: list[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> Hunk:
    lines: list[str] = []
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            lines += [f" {line}" for line in old[old_from:old_to]]
            continue
        lines += [f"-{line}" for line in old[old_from:old_to]]
        lines += [f"+{line}" for line in new[new_from:new_to]]
    return Hunk(group[0][1], group[0][3], tuple(lines))
