"""HTML that is escaped by construction: every string that is not `Html` is text, wherever it came from.

Names, error texts and model names come from outside (a server, a scenario, a recording) and may hold anything.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

_VOID: Final = frozenset({"br", "hr", "meta", "col"})


class Html(str):
    """Markup, already escaped. Only `el`, `join` and constants of this package make it."""

    __slots__ = ()


Content = str | Html | None


def text(content: Content) -> Html:
    """Content as markup: text escaped, markup as it is, None as nothing."""
    if isinstance(content, Html):
        return content
    return Html("" if content is None else escape(content, quote=True))


def join(parts: Iterable[Content], between: str = "") -> Html:
    """Parts after each other, with the text `between` them."""
    return Html(text(between).join(text(part) for part in parts))


def el(tag: str, *children: Content, **attributes: str | bool | None) -> Html:
    """An element. Attributes: a trailing underscore is dropped (class_), others become dashes; None and False are left
    out, True has no value."""
    named = "".join(_attribute(name, value) for name, value in attributes.items() if value not in (None, False))
    start = f"<{tag}{named}>"
    return Html(start) if tag in _VOID else Html(f"{start}{join(children)}</{tag}>")


def _attribute(name: str, value: str | bool | None) -> str:
    plain = name.rstrip("_").replace("_", "-")
    return f" {plain}" if value is True else f' {plain}="{text(str(value))}"'
