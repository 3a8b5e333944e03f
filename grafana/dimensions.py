"""What an expression's value is measured in, reckoned from its metrics' names as physicists do it: seconds, turns,
tokens a second. So a panel that shows a share in seconds, or divides by the wrong thing, is found by a program.

Used by the checker. All our series are in base units, so a unit that multiplies (ms, percent) is wrong for any of them.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from grafana.promql import outline

RULES = Path(__file__).parents[1] / "prometheus" / "rules" / "recording.yml"

# What it is measured in, each with its power; a plain number in the expression fits everything.
Dimension = Mapping[str, int]
_NUMBER: Final[Dimension] = {"number": 0}
_SHARE: Final[Dimension] = {}
_SECONDS: Final[Dimension] = {"s": 1}
# By the first pattern that a metric's name has; a share where none is.
_NAMES: Final[tuple[tuple[str, Dimension], ...]] = (
    (r"_timestamp_seconds$", _SECONDS),
    (r"_seconds_sum$", {"s": 1, "turn": 1}),
    (r"_(bucket|count)$", {"turn": 1}),
    (r"_seconds$", _SECONDS),
    (r"_requests(_scheduled|_dropped)?_total$|requests_in_flight$", {"turn": 1}),
    (r":num_requests_(running|waiting)$|:num_(running|queue)_reqs$", {"turn": 1}),
    (r"_sessions_(total|active)$|_target_users$", {"session": 1}),
    (r"_target_rate$", {"session": 1, "s": -1}),
    (r":prefix_cache_\w+_total$|tokens_total$", {"token": 1}),
    (r"_tool_calls_total$", {"call": 1}),
    (r"_preemptions_total$", {"preemption": 1}),
    (r"_cost(_low|_high)?_total$|_usd$", {"money": 1}),
    (r"_usd_per_hour$", {"money": 1, "hour": -1}),
    (r"^loadgen_workers$", {"worker": 1}),
)
# What the values of a histogram are, where they are not seconds.
_VALUES: Final = ((r"tokens_bucket$", {"token": 1}),)
# Of these the last argument is what counts, of every other function the first.
_LAST = frozenset({"topk", "bottomk", "quantile", "quantile_over_time", "histogram_quantile"})
_TOKEN = re.compile(r"\s*(?:(\$?\d[\w.]*|\$\w+)|([a-zA-Z_:][\w:]*)|(==|!=|<=|>=|[-+*/%^<>(),]))")
_LOOSEST_FIRST = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset({"==", "!=", "<=", ">=", "<", ">"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
# Grafana's units that the dashboards use, and what they stand for. `short` is a plain number of anything but seconds.
_UNITS: Final[Mapping[str, tuple[Dimension, ...]]] = {
    "s": (_SECONDS,),
    "percentunit": (_SHARE,),
    "reqps": ({"turn": 1, "s": -1}, {"session": 1, "s": -1}),
    "ops": ({"call": 1, "s": -1},),
}


class MismatchError(Exception):
    """An expression that adds or compares what can't be, or can't be read at all; in words."""


def misfit(expr: str, unit: str) -> str | None:
    """What is wrong with a panel's unit for this expression, in words; None where nothing is as far as names tell."""
    try:
        found = dimension_of(expr)
    except MismatchError as error:
        return str(error)
    if unit == "short":
        fits = found != _SECONDS
    elif unit in _UNITS:
        fits = found in _UNITS[unit]
    else:
        return f"unit {unit!r}; accepted: {', '.join([*_UNITS, 'short'])}"
    return None if fits else f"unit {unit!r} of what is measured in {_spelled(found)}"


def dimension_of(expr: str) -> Dimension:
    """What the value of an expression is measured in. Raises MismatchError."""
    return _Reader(expr, _recorded()).whole()


@cache
def _recorded() -> Mapping[str, str]:
    """The recording rules' expressions by the series they make."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


class _Reader:
    """Reckons while it reads. recorded: expressions of series that are themselves made by one."""

    def __init__(self, expr: str, recorded: Mapping[str, str]) -> None:
        self._expr = expr
        self._recorded = recorded
        self._tokens = [found.group().strip() for found in _TOKEN.finditer(outline(expr))]
        self._at = 0

    def whole(self) -> Dimension:
        found = self._binary(0)
        if self._at < len(self._tokens):
            raise MismatchError(f"can't be read from {self._next()!r} on: {self._expr}")
        return found

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        if self._at == len(self._tokens):
            raise MismatchError(f"ends too early: {self._expr}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _binary(self, level: int) -> Dimension:
        if level == len(_LOOSEST_FIRST):
            return self._one()
        left = self._binary(level + 1)
        while self._next() in _LOOSEST_FIRST[level]:
            operator = self._take()
            left = self._joined(left, operator, self._binary(level + 1))
        return left

    def _joined(self, left: Dimension, operator: str, right: Dimension) -> Dimension:
        if operator in ("*", "/"):
            return _product(left, right, 1 if operator == "*" else -1)
        if operator in ("and", "unless"):
            return left
        if _NUMBER not in (left, right) and left != right:
            raise MismatchError(f"{_spelled(left)} {operator} {_spelled(right)} in {self._expr}")
        return right if left == _NUMBER and operator in ("+", "-") else left

    def _one(self) -> Dimension:
        token = self._take()
        if token in ("-", "+"):
            return self._one()
        if token == "(":
            inside = self._binary(0)
            self._take()
            return inside
        if token[:1] in "$0123456789":
            return _NUMBER
        return self._call(token) if self._next() == "(" else self._series(token)

    def _call(self, function: str) -> Dimension:
        begun = self._at
        arguments = []
        while self._take() != ")":
            if self._next() != ")":
                arguments.append(self._binary(0))
        if function in ("time", "timestamp"):
            return _SECONDS
        if function == "histogram_quantile":
            buckets = [token for token in self._tokens[begun : self._at] if token.endswith("_bucket")]
            if not buckets:
                raise MismatchError(f"a quantile of what has no buckets: {self._expr}")
            return _first(_VALUES, buckets[0], _SECONDS)
        if not arguments:
            raise MismatchError(f"{function}() of nothing: {self._expr}")
        if function == "count":
            return _SHARE
        of = arguments[-1 if function in _LAST else 0]
        return _product(of, _SECONDS, -1) if function in ("rate", "irate", "deriv") else of

    def _series(self, name: str) -> Dimension:
        if name not in self._recorded:
            return _first(_NAMES, name, _SHARE)
        # A rule that reads itself back is what its other side is: there it fits everything.
        return _Reader(self._recorded[name], {**self._recorded, name: "1"}).whole()


def _first(patterns: tuple[tuple[str, Dimension], ...], name: str, otherwise: Dimension) -> Dimension:
    return next((dimension for pattern, dimension in patterns if re.search(pattern, name)), otherwise)


def _product(left: Dimension, right: Dimension, sign: int) -> Dimension:
    if left == right == _NUMBER:
        return _NUMBER
    powers = {name: left.get(name, 0) + sign * right.get(name, 0) for name in {**left, **right}}
    return {name: power for name, power in powers.items() if power}


def _spelled(dimension: Dimension) -> str:
    return " ".join(f"{name}^{power}" if power != 1 else name for name, power in dimension.items()) or "a share"
