"""What a PromQL expression names: its metrics, and the labels it chooses and groups by. Used by the checker.

Reads the text, and understands no more of it than the dashboards' own expressions need.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WINDOW = re.compile(r"\[[^\]]*\]")
# What follows by, without, on, ignoring and the like: labels, not metrics.
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(?!\s*\()\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "inf"})
_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Selector:
    """One place at which an expression asks for a metric. labels: those by which it chooses."""

    metric: str
    labels: frozenset[str]


def selectors_in(expr: str) -> Iterator[Selector]:
    """Every selector of an expression, in order."""
    for name, inside in _SELECTOR.findall(_GROUPING.sub(" ", _bare(expr))):
        if name not in _WORDS:
            yield Selector(name, frozenset(_MATCHER.findall(inside)))


def metrics_in(expr: str) -> set[str]:
    """The metric names of an expression."""
    return {selector.metric for selector in selectors_in(expr)}


def grouped_in(expr: str) -> set[str]:
    """The labels by which it groups and joins."""
    lists = _GROUPING.findall(_bare(expr))
    return {label.strip() for found in lists for label in found.split(",") if label.strip()}


def labels_in(legend: str) -> set[str]:
    """The labels whose values a legend shows."""
    return set(_IN_LEGEND.findall(legend))


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A series' name as Grafana writes it."""
    return _IN_LEGEND.sub(lambda found: labels.get(found[1], ""), legend)


def outline(expr: str) -> str:
    """The expression without strings, selectors' braces, windows, groupings and offsets: names, numbers, operators."""
    bare = re.sub(r"\{[^}]*\}", " ", _GROUPING.sub(" ", _bare(expr)))
    return re.sub(r"\boffset\s+\w+|\bbool\b", " ", bare)


def _bare(expr: str) -> str:
    return _WINDOW.sub(" ", _STRING.sub('""', expr))
