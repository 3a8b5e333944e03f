"""Working a tree out."""

import math
import operator
from collections.abc import Callable, Mapping

from formula.errors import FormulaError
from formula.nodes import Binary, Call, Conditional, Name, Negative, Node, Number

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "sqrt": math.sqrt,
    "round": lambda value, digits=0.0: float(round(value, int(digits))),
}


def evaluate(tree: Node, variables: Mapping[str, float] | None = None) -> float:
    """The value of a tree.

    Raises FormulaError for unknown names and for arithmetic that has no result.
    """
    known = variables or {}
    match tree:
        case Number(value):
            return value
        case Name(name):
            if name not in known:
                raise FormulaError(f"unknown name {name!r}")
            return float(known[name])
        case Negative(operand):
            return -evaluate(operand, known)
        case Binary("and", left, right):
            return float(evaluate(left, known) != 0 and evaluate(right, known) != 0)
        case Binary("or", left, right):
            return float(evaluate(left, known) != 0 or evaluate(right, known) != 0)
        case Binary(symbol, left, right):
            return float(_applied(_OPERATORS[symbol], symbol, evaluate(left, known), evaluate(right, known)))
        case Conditional(condition, then, otherwise):
            return evaluate(then if evaluate(condition, known) != 0 else otherwise, known)
        case Call(function, arguments):
            if function not in _FUNCTIONS:
                raise FormulaError(f"unknown function {function!r}")
            return _applied(_FUNCTIONS[function], function, *(evaluate(argument, known) for argument in arguments))


def _applied(function: Callable[..., float], name: str, *values: float) -> float:
    try:
        return function(*values)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise FormulaError(f"{name}: {error}") from None


def names(tree: Node) -> set[str]:
    """The variables that a tree needs."""
    match tree:
        case Name(name):
            return {name}
        case Negative(operand):
            return names(operand)
        case Binary(_, left, right):
            return names(left) | names(right)
        case Call(_, arguments):
            return set().union(*map(names, arguments))
        case Conditional(condition, then, otherwise):
            return names(condition) | names(then) | names(otherwise)
        case _:
            return set()
