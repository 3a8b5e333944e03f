"""From tokens to a tree, by recursive descent: one method for each level of precedence."""

from formula.errors import FormulaError
from formula.nodes import Binary, Call, Name, Negative, Node, Number
from formula.tokens import Token, tokens


def parse(text: str) -> Node:
    """The tree of a formula.

    Raises FormulaError, with the position, for what is no formula.
    """
    parser = _Parser(tokens(text))
    tree = parser.expression()
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0

    def expression(self) -> Node:
        return self._sum()

    def expect_end(self) -> None:
        token = self._peek()
        if token.kind != "end":
            raise FormulaError(f"unexpected {token.text!r}", token.position)

    def _sum(self) -> Node:
        left = self._product()
        while self._at("+", "-"):
            left = Binary(self._take().text, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._at("*", "/"):
            left = Binary(self._take().text, left, self._unary())
        return left

    def _unary(self) -> Node:
        if self._at("-"):
            self._take()
            return Negative(self._unary())
        return self._power()

    def _power(self) -> Node:
        base = self._atom()
        if self._at("^"):
            self._take()
            return Binary("^", base, self._unary())
        return base

    def _atom(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name":
            return self._call(token) if self._at("(") else Name(token.text)
        if token.text == "(":
            inside = self.expression()
            self._expect(")")
            return inside
        raise FormulaError(f"unexpected {token.text!r}" if token.text else "unexpected end", token.position)

    def _call(self, name: Token) -> Node:
        self._expect("(")
        arguments = [] if self._at(")") else [self.expression()]
        while self._at(","):
            self._take()
            arguments.append(self.expression())
        self._expect(")")
        return Call(name.text, tuple(arguments))

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _at(self, *texts: str) -> bool:
        token = self._peek()
        return token.kind == "symbol" and token.text in texts

    def _take(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._next += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            raise FormulaError(f"expected {text!r}", token.position)
