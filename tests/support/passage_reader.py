"""An honest reader of long-context prompts, for tests: it knows the words of the page docs/long-context.md, no more.

It answers by looking the question up in the passages, so where it is right on every prompt, every prompt says its
answer and no other.
"""

import re
from dataclasses import dataclass

_HEADER = re.compile(r"(?m)^\[(\d+)\] (.*), (\d{4}-\d\d-\d\d)$")


@dataclass(frozen=True)
class Read:
    """A passage as a reader sees it."""

    source: str
    date: str
    text: str


def passages_of(content: str) -> list[Read]:
    """The passages of a first user message, in order. Their numbers must be 1, 2, 3 and so on."""
    body = content[: content.rindex("\nQuestion: ")]
    headers = list(_HEADER.finditer(body))
    assert [int(header[1]) for header in headers] == list(range(1, len(headers) + 1))
    ends = [header.start() for header in headers[1:]] + [len(body)]
    return [
        Read(header[2], header[3], body[header.end() + 1 : end].rstrip("\n"))
        for header, end in zip(headers, ends, strict=True)
    ]


def question_of(content: str) -> str:
    """The question of a user message."""
    found = re.findall(r"(?m)^Question: (.*)$", content)
    assert len(found) >= 1
    return str(found[-1])


def look_up(question: str, passages: list[Read]) -> str:
    """What the passages say, of copies the newest; NOT FOUND where they say nothing."""
    if match := re.fullmatch(r"In how many different sources does the word '(\w+)' occur\?", question):
        word = re.compile(rf"(?<!\w){match[1]}(?!\w)")
        return str(len({passage.source for passage in passages if word.search(passage.text)}))
    if match := re.fullmatch(r"What is the base class of the base class of class '(\w+)' in (.*)\?", question):
        return _base(_base(match[1], match[2], passages).rpartition(".")[2], None, passages)
    if match := re.fullmatch(r"What is the base class of class '(\w+)' in (.*)\?", question):
        return _base(match[1], match[2], passages)
    if match := re.fullmatch(r"Which exception does function '(\w+)' in (.*) raise\?", question):
        return _newest(rf"def {match[1]}\([\s\S]*?\n\s*raise ([\w.]+)", match[2], passages)
    if match := re.fullmatch(r"What is the default value of parameter '(\w+)' of function '(\w+)' in (.*)\?", question):
        value = r"('[^']*'|\"[^\"]*\"|[\w.-]+)"
        return _newest(rf"def {match[2]}\([^)]*?\b{match[1]}(?:: *[^=,]+)? *= *{value}", match[3], passages)
    match = re.fullmatch(r'Which word or number stands at ____ in this sentence of (.*?): "(.*)"\?', question)
    assert match is not None, question
    before, after = (r"\s+".join(map(re.escape, part.split())) for part in match[2].split("____"))
    gap = r"([\w,]+?)"
    loose = rf"{before}\s*{gap}\s*{after}" if before else rf"{gap}\s*{after}"
    return _newest(loose, match[1], passages)


def _base(name: str, source: str | None, passages: list[Read]) -> str:
    return _newest(rf"class {name}\(([\w.]+)\):", source, passages)


def _newest(pattern: str, source: str | None, passages: list[Read]) -> str:
    found = [
        (passage.date, match[1])
        for passage in passages
        if (source is None or passage.source == source) and (match := re.search(pattern, passage.text))
    ]
    return max(found)[1] if found else "NOT FOUND"
