"""Questions about any text: what stands at a gap in a sentence, and in how many sources a word occurs.

A sentence is asked about only if no other passage has all of its words but the one that is left out ("and then added
together" stands beside "and then multiplied together"), and if one of its words is in no other passage at all: then no
copy of it is elsewhere, whole or cut.
"""

import re
from collections.abc import Iterator
from itertools import islice
from zlib import crc32

from loadgen.workloads.long_context.facts import Fact
from loadgen.workloads.long_context.library import WORD, Library, Passage, WordIndex

_OTHERS = 4
# Plain prose: no code, no lists, no quotes that would end the question's own, and what ends it is followed by a space.
_SENTENCE = re.compile(r"(?:(?<=\s)|(?<=^))[A-Z][\w ,;:'()\n\t-]{38,280}[.!](?=\s)")
_NUMBER = re.compile(r"(?<![\w.,:-])\d{2,}(?:,\d{3})*(?![\w:-]|[.,]\d)")
_WORD = re.compile(r"(?<![\w'-])[a-z]{6,}(?![\w'-])")
_FEWEST_WORDS = 7
_GAP = "____"
_FEWEST_SOURCES, _MOST_SOURCES = 2, 6


def sentence_facts(library: Library, index: WordIndex, most: int) -> list[Fact]:
    """Up to `most` gaps in sentences, one a passage, in a fixed order that mixes the sources."""
    gaps: list[tuple[Passage, re.Match[str], tuple[int, int]]] = []
    for passage in sorted(library.passages, key=_mixed):
        found = next(_gaps(passage, index), None)
        if found is not None:
            gaps.append((passage, *found))
        if len(gaps) == most:
            break
    words = [answer for passage, _, gap in gaps if (answer := passage.text[slice(*gap)]).isalpha()]
    facts: list[Fact] = []
    for number, (passage, sentence, gap) in enumerate(gaps):
        answer = passage.text[slice(*gap)]
        others = _other_words(words, number, passage.text) if answer.isalpha() else _other_numbers(answer, passage.text)
        if len(others) == _OTHERS:
            facts.append(_fact(passage, sentence, gap, others, library.sources[passage.document]))
    return facts


def _fact(
    passage: Passage, sentence: re.Match[str], gap: tuple[int, int], others: tuple[str, ...], source: str
) -> Fact:
    start, end = gap
    shown = f"{passage.text[sentence.start() : start]}{_GAP}{passage.text[end : sentence.end()]}"
    question = f'Which word or number stands at {_GAP} in this sentence of {source}: "{" ".join(shown.split())}"?'
    return Fact("fact", question, passage.text[start:end], passage.number, start, end, others)


def _gaps(passage: Passage, index: WordIndex) -> Iterator[tuple[re.Match[str], tuple[int, int]]]:
    """Sentences of a passage that are nowhere else, each with what is left out of it: a number, else a rare word."""
    for sentence in _SENTENCE.finditer(passage.text):
        text = sentence[0]
        if "\n\n" in text or "\n " in text.replace("\n    ", "\n") or len(text.split()) < _FEWEST_WORDS:
            continue
        rare = [match for match in _WORD.finditer(text) if len(index.passages(match[0])) == 1]
        number = _NUMBER.search(text)
        if number is not None and rare:
            found = number
        elif len(rare) >= 1 and rare[0].start() > 0:
            found = rare[0]
        else:
            continue
        start, end = sentence.start() + found.start(), sentence.start() + found.end()
        if _is_unique(passage, sentence, start, end, index):
            yield sentence, (start, end)


def _is_unique(passage: Passage, sentence: re.Match[str], start: int, end: int, index: WordIndex) -> bool:
    """Whether the sentence with this gap is in the corpus once, and what was in the gap once in the passage."""
    text, answer = passage.text, passage.text[start:end]
    before, after = text[sentence.start() : start], text[end : sentence.end()]
    if index.passages(*WORD.findall(before), *WORD.findall(after)) != {passage.number}:
        return False
    parts = (r"\s+".join(map(re.escape, part.split())) for part in (before, after))
    alike = re.findall(r"\s*[\w,-]+\s*".join(parts), text)
    return len(alike) == 1 and len(re.findall(rf"\b{re.escape(answer)}\b", text)) == 1


def _other_words(words: list[str], number: int, text: str) -> tuple[str, ...]:
    at = number % max(1, len(words))
    others = dict.fromkeys(word for word in (*words[at:], *words[:at]) if word not in text)
    return tuple(others)[:_OTHERS]


def _other_numbers(answer: str, text: str) -> tuple[str, ...]:
    """Numbers of the same form that the passage does not have."""
    value = int(answer.replace(",", ""))
    shape = "{:,}" if "," in answer else f"{{:0{len(answer)}}}"
    step = max(3, value // 7)
    others = (shape.format(value + step * factor) for factor in range(1, 40))
    return tuple(dict.fromkeys(other for other in others if other not in text))[:_OTHERS]


def count_facts(library: Library, index: WordIndex, most: int, around: str) -> list[Fact]:
    """Up to `most` words with the number of sources they occur in, each of these numbers as often as the others.

    Only words that are part of no other and that nobody writes with a capital: whoever counts `gateway` might count
    `Gateway` and `gateways` too. around: what may stand in a prompt beside the passages.
    """
    said = "\n".join((*(word for word, _ in index.items()), around)).lower()
    by_count: dict[int, list[tuple[str, list[int]]]] = {}
    for word, passages in index.items():
        if not _FEWEST_SOURCES <= len(passages) <= _MOST_SOURCES or not _WORD.fullmatch(word):
            continue
        if len({library.passages[number].document for number in passages}) == len(passages):
            by_count.setdefault(len(passages), []).append((word, passages))
    facts: list[Fact] = []
    for count, words in by_count.items():
        words.sort(key=lambda found: crc32(found[0].encode()))
        clear = (found for found in words if said.count(found[0]) == 1)
        for word, passages in islice(clear, max(1, most // len(by_count))):
            question = f"In how many different sources does the word '{word}' occur?"
            facts.append(Fact("count", question, str(count), passages[0], also=tuple(passages[1:]), word=word))
    return facts


def _mixed(passage: Passage) -> int:
    return crc32(b"%d" % passage.number)
