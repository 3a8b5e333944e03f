"""From text to tokens."""

import re
from dataclasses import dataclass

from formula.errors import FormulaError

_PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<symbol>[-+*/^(),])"
)


@dataclass(frozen=True)
class Token:
    """A piece of a formula: its kind (number, name, symbol or end), its text and where it begins."""

    kind: str
    text: str
    position: int


def tokens(text: str) -> list[Token]:
    """The tokens of a formula, an end token last.

    Raises FormulaError for a character that no token begins with.
    """
    found = []
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise FormulaError(f"unexpected {text[position]!r}", position)
        kind = match.lastgroup or "symbol"
        if kind != "space":
            found.append(Token(kind, match.group(), position))
        position = match.end()
    found.append(Token("end", "", len(text)))
    return found
