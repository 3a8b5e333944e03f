"""Writing a tree as text that parses back to the same tree, with no parentheses that are not needed."""

from formula.nodes import Binary, Call, Conditional, Name, Negative, Node, Number

_COMPARISON = 3
_LEVELS = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARISON),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "^": 7,
}
_NEGATIVE = 6
_ATOM = 8


def show(tree: Node) -> str:
    """The formula of a tree."""
    match tree:
        case Number(value):
            return str(int(value)) if value == int(value) else repr(value)
        case Name(name):
            return name
        case Negative(operand):
            return "-" + _within(operand, _NEGATIVE)
        case Binary("^", left, right):
            return f"{_within(left, _ATOM)} ^ {_within(right, _NEGATIVE)}"
        case Binary(symbol, left, right):
            level = _LEVELS[symbol]
            # Comparisons do not chain: on neither side may another one stand bare.
            before = level + 1 if level == _COMPARISON else level
            return f"{_within(left, before)} {symbol} {_within(right, level + 1)}"
        case Call(function, arguments):
            return f"{function}({', '.join(map(show, arguments))})"
        case Conditional(condition, then, otherwise):
            return f"{_within(condition, 1)} ? {show(then)} : {show(otherwise)}"


def _level(tree: Node) -> int:
    match tree:
        case Negative():
            return _NEGATIVE
        case Binary(symbol):
            return _LEVELS[symbol]
        case Conditional():
            return 0
        case _:
            return _ATOM


def _within(tree: Node, level: int) -> str:
    """A part of a formula, in parentheses if it binds looser than its place asks for."""
    return show(tree) if _level(tree) >= level else f"({show(tree)})"
