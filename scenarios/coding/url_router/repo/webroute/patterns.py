"""Patterns such as /users/{id:int}/files/{path:rest}."""

import re
from collections.abc import Mapping

from webroute.errors import RouteError

_KINDS = {"str": r"[^/]+", "int": r"\d+", "rest": r".+"}
_FIELD = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<kind>[a-z]+))?\}")


class Pattern:
    """A path with fields in it."""

    def __init__(self, text: str) -> None:
        if not text.startswith("/"):
            raise RouteError(f"a pattern begins with a slash: {text!r}")
        self.text = text
        self.kinds: dict[str, str] = {}
        expression, position = "", 0
        for field in _FIELD.finditer(text):
            name, kind = field["name"], field["kind"] or "str"
            if kind not in _KINDS:
                raise RouteError(f"unknown kind {kind!r} in {text!r}")
            if name in self.kinds:
                raise RouteError(f"{name!r} occurs twice in {text!r}")
            self.kinds[name] = kind
            expression += re.escape(text[position : field.start()]) + f"(?P<{name}>{_KINDS[kind]})"
            position = field.end()
        self._expression = re.compile(expression + re.escape(text[position:]))

    def read(self, path: str) -> dict[str, object] | None:
        """The values of the fields in a path; None if the path is another one."""
        found = self._expression.fullmatch(path)
        if found is None:
            return None
        args = found.groupdict()
        return {name: int(value) if self.kinds[name] == "int" else value for name, value in args.items()}

    def fill(self, args: Mapping[str, object]) -> str:
        """The path for some values. Raises RouteError for missing, superfluous and unfit ones."""
        missing, extra = set(self.kinds) - set(args), set(args) - set(self.kinds)
        if missing or extra:
            raise RouteError(f"{self.text}: missing {sorted(missing)}, superfluous {sorted(extra)}")
        path = _FIELD.sub(lambda field: str(args[field["name"]]), self.text)
        if self.read(path) is None:
            raise RouteError(f"{self.text} cannot hold {dict(args)}")
        return path
