"""The tree of a template, and how it is rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from templates.errors import TemplateError

if TYPE_CHECKING:
    from templates.filters import Step

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
    """A value, filtered and then escaped for HTML, unless it is said to be safe."""

    path: Path
    steps: tuple["Step", ...] = ()
    safe: bool = False

    def render(self, scope: Mapping[str, Any]) -> str:
        """The value as text; None is nothing."""
        # What is missing may have something standing in for it.
        replaced = bool(self.steps) and self.steps[0].name == "default"
        value = self.path.lookup(scope) if replaced else self.path.value(scope)
        value = None if value is MISSING else value
        for step in self.steps:
            value = step.apply(value, scope)
        text = "" if value is None else str(value)
        return text if self.safe else escape(text)


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
    otherwise: Block

    def render(self, scope: Mapping[str, Any]) -> str:
        """The block for each item, by its name, or the other block if there is none."""
        items = self.path.value(scope)
        if not isinstance(items, Iterable) or isinstance(items, str):
            raise TemplateError(f"{self.path.text} can't be gone through", self.path.line)
        found = list(items)
        if not found:
            return self.otherwise.render(scope)
        parts = []
        for index, item in enumerate(found, start=1):
            place = {"index": index, "first": index == 1, "last": index == len(found)}
            parts.append(self.body.render({**scope, "loop": place, self.name: item}))
        return "".join(parts)
