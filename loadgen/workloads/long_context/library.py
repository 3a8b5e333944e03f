"""A corpus cut into passages, as retrieval systems keep it: stretches of one size, cut wherever the size ends.

Built once per worker. Every passage is kept with its header as escaped JSON, so that a prompt of a thousand passages is
a join. Knows nothing of questions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from zlib import crc32

from msgspec import Struct

from loadgen.workloads.corpus import Document
from loadgen.workloads.fragments import escape_text

WORD = re.compile(r"\w+")
# A passage with such a line could not be told from the prompt around it.
_LIKE_A_PROMPT = re.compile(r"(?m)^(\[\d+\] .*, \d{4}-\d\d-\d\d$|Question: )")
_FIRST_DATE = date(2023, 1, 1)
_DAYS = 700


class Passage(Struct, frozen=True):
    """A stretch of a document: `text` is that of the document from character `start` to `end`."""

    number: int
    document: int
    start: int
    end: int
    text: str


class Library:
    """The passages of a corpus. `bodies`: each passage's header, without its number, and text, escaped."""

    def __init__(self, name: str, documents: Sequence[Document], passage_chars: int) -> None:
        self.name = name
        self.sources = [_one_line(document.source) for document in documents]
        self.dates = [_date_of(source) for source in self.sources]
        self.passages: list[Passage] = []
        self._first_of: list[int] = []
        for number, document in enumerate(documents):
            self._first_of.append(len(self.passages))
            self.passages += _passages(document.text, number, len(self.passages), passage_chars)
        self._first_of.append(len(self.passages))
        self.bodies = [self.body(passage, passage.text) for passage in self.passages]
        self.chars = sum(self.size(passage) for passage in self.passages)

    def body(self, passage: Passage, text: str, on: date | None = None) -> bytes:
        """A passage's header behind its number, and `text`; dated as its document unless `on` says otherwise."""
        head = f"{self.sources[passage.document]}, {on or self.dates[passage.document]}\n"
        return escape_text(f"{head}{text}\n\n")

    def size(self, passage: Passage) -> int:
        """Characters of a passage in a prompt, header and all."""
        return len(self.sources[passage.document]) + len(passage.text) + 22

    def around(self, document: int, start: int, end: int) -> Passage | None:
        """The passage of a document that holds all of this stretch, which no cut goes through; None for none."""
        for number in range(self._first_of[document], self._first_of[document + 1]):
            passage = self.passages[number]
            if passage.start <= start and end <= passage.end:
                return passage
        return None


class WordIndex:
    """In which passages a word stands: whole, in this case, in the text as it is sent."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        found: dict[str, list[int]] = {}
        for passage in passages:
            for word in dict.fromkeys(WORD.findall(passage.text)):
                found.setdefault(word, []).append(passage.number)
        self._found: Mapping[str, list[int]] = found

    def passages(self, *words: str) -> frozenset[int]:
        """The numbers of the passages that have all of these words."""
        shortest, *others = sorted((self._found.get(word, []) for word in words), key=len)
        return frozenset(shortest).intersection(*others)

    def items(self) -> Iterator[tuple[str, list[int]]]:
        """Every word with the numbers of its passages."""
        return iter(self._found.items())


def _passages(text: str, document: int, first: int, chars: int) -> list[Passage]:
    """A document's passages. A rest of less than half a passage is left out: it would tell too little."""
    found: list[Passage] = []
    for at in range(0, len(text), chars):
        raw = text[at : at + chars]
        cut = raw.strip("\n")
        start = at + len(raw) - len(raw.lstrip("\n"))
        if len(raw) < chars // 2 and found:
            break
        if cut.strip() and not _LIKE_A_PROMPT.search(cut):
            found.append(Passage(first + len(found), document, start, start + len(cut), cut))
    return found


def _one_line(source: str) -> str:
    return " ".join(source.split())


def _date_of(source: str) -> date:
    """The same for a source in every process."""
    return _FIRST_DATE + timedelta(days=crc32(source.encode()) % _DAYS)
