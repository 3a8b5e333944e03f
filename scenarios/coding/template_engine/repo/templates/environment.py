"""What people use: templates read once and rendered often."""

from collections.abc import Mapping
from typing import Any

from templates.nodes import Block
from templates.parser import parse


class Template:
    """A template that has been read."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def render(self, **values: Any) -> str:
        """The text with some values. Raises TemplateError for one that is missing."""
        return self._block.render(values)


class Environment:
    """Reads templates, each one once; `values` are known to all of them."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})
        self._read: dict[str, Block] = {}

    def template(self, source: str) -> Template:
        """A template from its source. Raises TemplateError."""
        if source not in self._read:
            self._read[source] = parse(source)
        return Template(self._read[source])

    def render(self, source: str, **values: Any) -> str:
        """Read and render at once; the values given here hide those known to all."""
        return self.template(source).render(**{**self._values, **values})


def render(source: str, **values: Any) -> str:
    """Read and render a template. Raises TemplateError."""
    return Environment().render(source, **values)
