"""Filters: reading them from what stands between {{ and }}, and those that every template knows."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from templates.errors import TemplateError
from templates.nodes import Path

Filter = Callable[..., Any]
_PATH = r"[A-Za-z]\w*(?:\.\w+)*"
_TOKEN = re.compile(rf"\s*(?:(?P<text>\"[^\"]*\")|(?P<number>-?\d+(?:\.\d+)?)|(?P<path>{_PATH})|(?P<mark>[|(),]))")

FILTERS: dict[str, Filter] = {
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "trim": lambda value: str(value).strip(),
    "length": len,
    "join": lambda values, separator: separator.join(map(str, values)),
    "default": lambda value, other: other if value is None or value in ("", [], (), {}) else value,
    "fixed": lambda value, digits: format(value, f".{digits}f"),
}


@dataclass(frozen=True)
class Step:
    """A filter with its arguments: literals, or paths to be looked up."""

    name: str
    function: Filter
    arguments: tuple[Any, ...]

    def apply(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """The value after the filter."""
        found = (argument.value(scope) if isinstance(argument, Path) else argument for argument in self.arguments)
        return self.function(value, *found)


def read(inside: str, line: int, filters: Mapping[str, Filter]) -> tuple[Path, tuple[Step, ...], bool]:
    """A path, the filters behind it, and whether the last one was `safe`. Raises TemplateError."""
    return _Reader(inside, line, filters).value()


class _Reader:
    def __init__(self, inside: str, line: int, filters: Mapping[str, Filter]) -> None:
        self._inside, self._line, self._filters = inside, line, filters
        self._tokens = [*self._cut(), ("end", "")]

    def _cut(self) -> Iterator[tuple[str, str]]:
        text, position = self._inside.rstrip(), 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None or token.lastgroup is None:
                raise self._error()
            yield token.lastgroup, token[token.lastgroup]
            position = token.end()

    def _error(self) -> TemplateError:
        return TemplateError(f"not a value: {self._inside!r}", self._line)

    def _take(self, kind: str, text: str | None = None) -> str:
        found, written = self._tokens.pop(0)
        if found != kind or text not in (None, written):
            raise self._error()
        return written

    def _at(self, text: str) -> bool:
        return self._tokens[0] == ("mark", text)

    def value(self) -> tuple[Path, tuple[Step, ...], bool]:
        path, steps, safe = Path(self._take("path"), self._line), [], False
        while self._at("|") and not safe:
            self._take("mark")
            name = self._take("path")
            if name == "safe":
                safe = True
            elif name in self._filters:
                steps.append(Step(name, self._filters[name], self._arguments()))
            else:
                raise TemplateError(f"unknown filter {name}", self._line)
        self._take("end")
        return path, tuple(steps), safe

    def _arguments(self) -> tuple[Any, ...]:
        if not self._at("("):
            return ()
        self._take("mark")
        found: list[Any] = []
        while not self._at(")"):
            if found:
                self._take("mark", ",")
            found.append(self._argument())
        self._take("mark")
        return tuple(found)

    def _argument(self) -> Any:
        kind, written = self._tokens.pop(0)
        if kind == "text":
            return written[1:-1]
        if kind == "number":
            return float(written) if "." in written else int(written)
        if kind == "path":
            return Path(written, self._line)
        raise self._error()
