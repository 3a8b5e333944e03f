"""The tree of a template, and how it is rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from templates.errors import TemplateError

MISSING = object()


class Node(Protocol):
    """A part of a template."""

    def render(self, scope: Mapping[str, Any]) -> str:
        """The part with the values of a scope."""
        ...


@dataclass(frozen=True)
class Path:
    """Names with dots between them: keys of mappings or attributes."""

    text: str
    line: int

    def lookup(self, scope: Mapping[str, Any]) -> Any:
        """What is there; MISSING if nothing is."""
        found: Any = scope
        for name in self.text.split("."):
            if isinstance(found, Mapping):
                found = found.get(name, MISSING)
            else:
                found = MISSING if name.startswith("_") else getattr(found, name, MISSING)
            if found is MISSING:
                break
        return found

    def value(self, scope: Mapping[str, Any]) -> Any:
        """What is there. Raises TemplateError if nothing is."""
        found = self.lookup(scope)
        if found is MISSING:
            raise TemplateError(f"no value for {self.text}", self.line)
        return found


@dataclass(frozen=True)
class Text:
    """Something that stays as it is."""

    text: str

    def render(self, scope: Mapping[str, Any]) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True)
class Value:
    """A value, escaped for HTML."""

    path: Path

    def render(self, scope: Mapping[str, Any]) -> str:
        """The value as text; None is nothing."""
        value = self.path.value(scope)
        return "" if value is None else escape(str(value))


@dataclass(frozen=True)
class Block:
    """Parts one after the other."""

    parts: tuple[Node, ...]

    def render(self, scope: Mapping[str, Any]) -> str:
        """All of them."""
        return "".join(part.render(scope) for part in self.parts)


@dataclass(frozen=True)
class Condition:
    """One block or another."""

    path: Path
    negated: bool
    then: Block
    otherwise: Block

    def render(self, scope: Mapping[str, Any]) -> str:
        """The block that the condition chooses; what is missing is false."""
        found = self.path.lookup(scope)
        holds = found is not MISSING and bool(found)
        return (self.otherwise if holds == self.negated else self.then).render(scope)


@dataclass(frozen=True)
class Loop:
    """A block for each of some items."""

    name: str
    path: Path
    body: Block

    def render(self, scope: Mapping[str, Any]) -> str:
        """The block for each item, by its name."""
        items = self.path.value(scope)
        if not isinstance(items, Iterable) or isinstance(items, str):
            raise TemplateError(f"{self.path.text} can't be gone through", self.path.line)
        return "".join(self.body.render({**scope, self.name: item}) for item in items)
