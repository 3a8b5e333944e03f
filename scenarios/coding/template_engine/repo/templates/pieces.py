"""Cutting a template into pieces: text, {{ values }}, {% tags %}; {# comments #} are dropped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from templates.errors import TemplateError

_MARK = re.compile(r"\{\{(?P<value>.*?)\}\}|\{%(?P<tag>.*?)%\}|\{#(?P<comment>.*?)#\}", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A stretch of a template: its kind (text, value or tag), what is inside, and its line."""

    kind: str
    inside: str
    line: int


def pieces(source: str) -> Iterator[Piece]:
    """The pieces of a template in their order. Raises TemplateError for a mark that is not closed."""
    position, line = 0, 1
    for mark in _MARK.finditer(source):
        yield from _text(source[position : mark.start()], line)
        line += source.count("\n", position, mark.start())
        if mark["value"] is not None:
            yield Piece("value", mark["value"].strip(), line)
        elif mark["tag"] is not None:
            yield Piece("tag", mark["tag"].strip(), line)
        line += mark.group().count("\n")
        position = mark.end()
    yield from _text(source[position:], line)


def _text(text: str, line: int) -> Iterator[Piece]:
    opened = re.search(r"\{[{%#]", text)
    if opened is not None:
        raise TemplateError(f"{opened.group()} is not closed", line + text.count("\n", 0, opened.start()))
    if text:
        yield Piece("text", text, line)
