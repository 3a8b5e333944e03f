"""Finds what a long prompt holds: its question, and the passages with their sources and dates.

Called by reading.py. Reads the form that docs/long-context.md describes, and nothing but the prompt. A prompt may be
4 MB long, so it is searched for fixed strings and never scanned by a pattern as a whole.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadgen.simulator.pauses import Pausing

_HEADER = re.compile(r"\[(\d+)\] ([^\n]*), (\d{4}-\d\d-\d\d)\n")
_BETWEEN = "\n\n["
_QUESTION = "Question: "
_ABSTAIN = "NOT FOUND"
# A question with its instruction is shorter.
_TAIL_CHARS = 4_000
# Between two pauses, for the event loop's other work: a few tenths of a millisecond.
_PASSAGES_A_PAUSE = 128


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage. date: of this copy, as text, which sorts as dates do. place: 0 for the first."""

    place: int
    source: str
    date: str
    start: int
    end: int


class Passages:
    """The passages of a prompt, and their text."""

    def __init__(self, text: str, found: Sequence[Passage]) -> None:
        self.all = found
        self._text = text
        self._starts = [passage.start for passage in found]

    def text(self, passage: Passage) -> str:
        """A passage's text, without its header."""
        return self._text[passage.start : passage.end]

    def depth(self, passage: Passage) -> float:
        """Where it stands: 0 first, 1 last."""
        return passage.place / max(1, len(self.all) - 1)

    def holding(self, word: str, source: str | None = None) -> Iterator[Passage]:
        """Those that have this word in their text, whole; each once. source: only those of this one."""
        last, at = None, self._text.find(word)
        while at >= 0:
            passage = self._at(at)
            end = at + len(word)
            if passage is not None and passage is not last and end <= passage.end and self._is_whole(at, end):
                last = passage
                if source in (None, passage.source):
                    yield passage
            at = self._text.find(word, end)

    def _at(self, position: int) -> Passage | None:
        number = bisect_right(self._starts, position) - 1
        return self.all[number] if number >= 0 else None

    def _is_whole(self, start: int, end: int) -> bool:
        around = self._text[max(0, start - 1) : start] + self._text[end : end + 1]
        return not any(sign.isalnum() or sign == "_" for sign in around)


def question_in(text: str) -> str | None:
    """The question at the end of a user message, without what opens it; None where it ends with none."""
    tail = text[-_TAIL_CHARS:]
    at = tail.rfind(f"\n{_QUESTION}") + 1
    if not tail.startswith(_QUESTION, at) or _ABSTAIN not in tail[at:]:
        return None
    return tail[at + len(_QUESTION) :].partition("\n")[0].strip()


def find_passages(text: str) -> Pausing[Passages]:
    """The passages of a prompt."""
    found: list[Passage] = []
    header = _next_header(text, 0)
    while header is not None:
        following = _next_header(text, header.end())
        end = text.rfind(f"\n{_QUESTION}", header.end()) if following is None else following.start()
        end = len(text) if end < 0 else end
        # The empty line that ends a passage is none of its text.
        while end > header.end() and text[end - 1] == "\n":
            end -= 1
        found.append(Passage(len(found), header[2], header[3], header.end(), end))
        header = following
        if len(found) % _PASSAGES_A_PAUSE == 0:
            yield
    return Passages(text, found)


def _next_header(text: str, start: int) -> re.Match[str] | None:
    """The next passage's header; an empty line and a bracket alone do not make one."""
    at = text.find(_BETWEEN, max(0, start - 1))
    while at >= 0:
        header = _HEADER.match(text, at + 2)
        if header is not None:
            return header
        at = text.find(_BETWEEN, at + 1)
    return None
