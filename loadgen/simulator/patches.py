"""Search-and-replace from one text to another, as a coding model writes it: the next patch, unique in what is there."""

from difflib import SequenceMatcher

# Changes that lie closer together than this become one patch, with as many lines around them.
_AROUND = 2


def next_patch(current: str, wanted: str) -> tuple[str, str]:
    """The first change from `current` to `wanted`: a text that the former holds exactly once, and what replaces it.

    current: not empty, and not `wanted`.
    """
    before, after = current.splitlines(keepends=True), wanted.splitlines(keepends=True)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    group = next(iter(matcher.get_grouped_opcodes(_AROUND)))
    first, last = group[0], group[-1]
    start, end = first[1], last[2]
    replacement = "".join(after[first[3] : last[4]])
    while True:
        search = "".join(before[start:end])
        if search and current.count(search) == 1 and _is_single(current, search):
            return search, replacement
        if start > 0:
            start -= 1
            replacement = before[start] + replacement
        if end < len(before):
            replacement += before[end]
            end += 1


def _is_single(text: str, search: str) -> bool:
    """Whether it stands there once even where occurrences overlap."""
    return text.find(search, text.find(search) + 1) < 0
