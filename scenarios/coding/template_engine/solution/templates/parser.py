"""From pieces to a tree."""

import re
from collections.abc import Mapping

from templates.errors import TemplateError
from templates.filters import FILTERS, Filter, read
from templates.nodes import Block, Condition, Loop, Node, Path, Text, Value
from templates.pieces import Piece, pieces

_PATH = re.compile(r"[A-Za-z]\w*(?:\.\w+)*")
_IF = re.compile(r"if\s+(?P<not>not\s+)?(?P<path>\S+)")
_FOR = re.compile(r"for\s+(?P<name>[A-Za-z]\w*)\s+in\s+(?P<path>\S+)")


def parse(source: str, filters: Mapping[str, Filter] = FILTERS) -> Block:
    """The tree of a template. Raises TemplateError with the line."""
    parser = _Parser(list(pieces(source)), filters)
    block, ending = parser.block()
    if ending is not None:
        raise TemplateError(f"{ending.inside} without a beginning", ending.line)
    return block


def path(text: str, line: int) -> Path:
    """A path. Raises TemplateError for a text that is none."""
    if _PATH.fullmatch(text) is None:
        raise TemplateError(f"not a path: {text!r}", line)
    return Path(text, line)


class _Parser:
    def __init__(self, found: list[Piece], filters: Mapping[str, Filter]) -> None:
        self._pieces = found
        self._filters = filters
        self._next = 0

    def block(self) -> tuple[Block, Piece | None]:
        """What stands before the next end or else, and that; None at the end of the template."""
        parts: list[Node] = []
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            if piece.kind == "tag" and piece.inside in ("end", "else"):
                return Block(tuple(parts)), piece
            parts.append(self._node(piece))
        return Block(tuple(parts)), None

    def _node(self, piece: Piece) -> Node:
        if piece.kind == "text":
            return Text(piece.inside)
        if piece.kind == "value":
            return Value(*read(piece.inside, piece.line, self._filters))
        if found := _IF.fullmatch(piece.inside):
            then, otherwise = self._branches(piece)
            return Condition(path(found["path"], piece.line), found["not"] is not None, then, otherwise)
        if found := _FOR.fullmatch(piece.inside):
            body, otherwise = self._branches(piece)
            return Loop(found["name"], path(found["path"], piece.line), body, otherwise)
        raise TemplateError(f"unknown tag {piece.inside!r}", piece.line)

    def _branches(self, opening: Piece) -> tuple[Block, Block]:
        then, ending = self.block()
        if ending is None or ending.inside == "end":
            self._expect_end(opening, ending)
            return then, Block(())
        otherwise, ending = self.block()
        self._expect_end(opening, ending)
        return then, otherwise

    def _expect_end(self, opening: Piece, ending: Piece | None) -> None:
        if ending is None:
            raise TemplateError(f"{opening.inside!r} has no end", opening.line)
        if ending.inside != "end":
            raise TemplateError(f"expected end, not {ending.inside}", ending.line)
