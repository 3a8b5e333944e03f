"""Search-and-replace as agents edit with it: one exact match or none, and words that help where it is not one.

On the event loop: what is compared is bounded, so that a failed edit of 200 lines takes a few tenths of a millisecond,
of 2,000 lines and more 2 ms.
"""

import re
from collections import Counter
from difflib import SequenceMatcher
from heapq import nlargest, nsmallest
from typing import Final

_WORD = re.compile(r"\w+")
# Lines that hold most of its longest words are compared letter by letter, and no more than these.
_COMPARED: Final = 6
_WORDS: Final = 4
_MOST_LINES: Final = 2000
_LINE_CHARS: Final = 160
_CONTEXT: Final = 2
_MOST_PLACES: Final = 8


class EditError(Exception):
    """An edit that can't be made; the message goes back to the model."""


def replace_once(path: str, text: str, search: str, replacement: str) -> str:
    """The text with the one place of `search` replaced. Raises EditError where there is not just one."""
    if not search:
        raise EditError("the text to search for is empty; to make a file use create_file")
    if search == replacement:
        raise EditError("the replacement is the same as what it replaces, so nothing would change")
    at = text.find(search)
    if at < 0:
        raise EditError(f"the text to search for is not in {path}.{_help(text, search)}")
    places = [at]
    while (at := text.find(search, at + 1)) >= 0 and len(places) < _MOST_PLACES:
        places.append(at)
    if len(places) > 1:
        lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in places)
        more = " and more" if at >= 0 else ""
        raise EditError(
            f"the text to search for stands in {path} more than once, at lines {lines}{more}; "
            "take in more lines around it, so that it is unique"
        )
    return text[: places[0]] + replacement + text[places[0] + len(search) :]


def _help(text: str, search: str) -> str:
    """The lines that come nearest to what was searched for, with their numbers."""
    lines = text.split("\n")[:_MOST_LINES]
    wanted = next((line for line in search.split("\n") if line.strip()), "")[:_LINE_CHARS]
    place = _nearest(lines, wanted)
    if place is None:
        return " No line of it is like its first line."
    exact = lines[place].split() == wanted.split()
    first = max(0, place - _CONTEXT)
    last = min(len(lines), place + search.count("\n") + 1 + _CONTEXT)
    shown = "\n".join(f"{number + 1}: {lines[number][:_LINE_CHARS]}" for number in range(first, min(last, first + 30)))
    why = f" Line {place + 1} differs from its first line in white space only." if exact else ""
    return f"{why} The nearest lines are:\n{shown}"


def _nearest(lines: list[str], wanted: str) -> int | None:
    """The index of the line most like this one; None where none has a word in common with it."""
    held = Counter[int]()
    # By substring, which is ten times as fast as taking every line's words apart.
    for word in nlargest(_WORDS, set(_WORD.findall(wanted)), key=len):
        held.update([number for number, line in enumerate(lines) if word in line])
    # Of lines that hold as many, the first come first.
    likely = nsmallest(_COMPARED, held, key=lambda number: (-held[number], number))
    if not likely:
        return None
    matcher = SequenceMatcher(None, "", wanted.strip(), autojunk=False)

    def likeness(number: int) -> float:
        matcher.set_seq1(lines[number].strip()[:_LINE_CHARS])
        return matcher.ratio()

    return max(sorted(likely), key=likeness)
