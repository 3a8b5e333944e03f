"""Arithmetic: numbers, four operations and brackets, read by a parser of their own. Nothing a model writes is run."""

import math
import operator
import re
from collections.abc import Callable

from loadgen.workloads.tools.tool import Arguments, Tool, number, taking, text
from loadgen.workloads.tools.world import RefusedCallError, World

_MOST_CHARS = 200
_TOKEN = re.compile(r"\s*(?:(\d{1,15}(?:\.\d{1,15})?)|([-+*/()]))")
_OPERATIONS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)
_FACTORS = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "cm": 0.01}


def calculate(expression: str) -> float:
    """The value of an expression. Raises RefusedCallError for what is none, and for division by zero."""
    tokens, at = [], 0
    while at < len(expression.rstrip()):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise RefusedCallError(f"no expression of numbers, + - * / and brackets: {expression[at : at + 20]!r}")
        tokens.append(found.group(1) or found.group(2))
        at = found.end()
    value, used = _sum(tokens, 0, 0)
    if used < len(tokens):
        raise RefusedCallError(f"no operator before {tokens[used]!r}")
    return value


def _sum(tokens: list[str], at: int, level: int) -> tuple[float, int]:
    """The value of a chain of operations of one level, and where it ends; level 0 binds weakest."""
    if level == len(_OPERATIONS):
        return _factor(tokens, at)
    value, at = _sum(tokens, at, level + 1)
    while at < len(tokens) and tokens[at] in _OPERATIONS[level]:
        other, after = _sum(tokens, at + 1, level + 1)
        if tokens[at] == "/" and other == 0:
            raise RefusedCallError("division by zero")
        value, at = _OPERATIONS[level][tokens[at]](value, other), after
    return value, at


def _factor(tokens: list[str], at: int) -> tuple[float, int]:
    if at >= len(tokens):
        raise RefusedCallError("the expression ends too early")
    if tokens[at] == "-":
        value, at = _factor(tokens, at + 1)
        return -value, at
    if tokens[at] == "(":
        value, at = _sum(tokens, at + 1, 0)
        if at >= len(tokens) or tokens[at] != ")":
            raise RefusedCallError("a bracket is not closed")
        return value, at + 1
    if tokens[at] in "+*/)":
        raise RefusedCallError(f"a number is missing before {tokens[at]!r}")
    return float(tokens[at]), at + 1


def _plain(value: float) -> float:
    """Without the last digits that floats get wrong; a whole number as one."""
    rounded = round(value, 6)
    if not math.isfinite(rounded):
        raise RefusedCallError("the result is too large")
    return int(rounded) if rounded == int(rounded) else rounded


def _calculate(world: World, given: Arguments) -> Arguments:
    del world
    return {"result": _plain(calculate(given["expression"]))}


def _total(world: World, given: Arguments) -> Arguments:
    del world
    return {"result": _plain(math.fsum(given["numbers"]))}


def _percent(world: World, given: Arguments) -> Arguments:
    del world
    return {"result": _plain(given["amount"] * given["percent"] / 100)}


def _convert(world: World, given: Arguments) -> Arguments:
    del world
    return {"result": _plain(given["value"] * _FACTORS[given["from_unit"]] / _FACTORS[given["to_unit"]])}


_UNIT = {"type": "string", "description": "Unit of length", "enum": list(_FACTORS)}
_NUMBERS = {
    "type": "array",
    "description": "The numbers",
    "items": {"type": "number", "minimum": -1e15, "maximum": 1e15},
    "minItems": 1,
    "maxItems": 100,
}
_ANY = {"minimum": -1e15, "maximum": 1e15}
TOOLS = (
    Tool(
        "calculate",
        "arithmetic",
        "Calculate an expression of numbers, + - * / and brackets.",
        taking(expression=text("The expression", maxLength=_MOST_CHARS)),
        _calculate,
    ),
    Tool("sum_numbers", "arithmetic", "Add up numbers.", taking(numbers=_NUMBERS), _total),
    Tool(
        "percent_of",
        "arithmetic",
        "Calculate a percentage of an amount.",
        taking(percent=number("The percentage, 15 for 15 %", **_ANY), amount=number("The amount", **_ANY)),
        _percent,
    ),
    Tool(
        "convert_length",
        "arithmetic",
        "Convert a length from one unit to another.",
        taking(value=number("The length", **_ANY), from_unit=_UNIT, to_unit=_UNIT),
        _convert,
    ),
)
