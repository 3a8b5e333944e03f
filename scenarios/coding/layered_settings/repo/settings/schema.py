"""Which settings there are, of which type, and what they are if nobody says otherwise."""

from collections.abc import Iterable
from dataclasses import dataclass

from settings.errors import BadValue, UnknownKey
from settings.sources import put


@dataclass(frozen=True)
class Field:
    """One setting: its dotted key, its type (str, int, float, bool or list) and its default."""

    key: str
    type: type
    default: object


class Schema:
    """All the settings of a program."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = {field.key: field for field in fields}
        self._defaults: dict = {}
        for field in self._fields.values():
            put(self._defaults, field.key.split("."), field.default)

    @property
    def defaults(self) -> dict:
        """The tree of default values."""
        return self._defaults

    def converted(self, key: str, value: object) -> object:
        """A raw value as the type that its field asks for.

        Raises UnknownKey and BadValue.
        """
        field = self._fields.get(key)
        if field is None:
            raise UnknownKey(key)
        if isinstance(value, field.type):
            return value
        if field.type is list:
            return [part.strip() for part in str(value).split(",") if part.strip()]
        try:
            return field.type(value)
        except (TypeError, ValueError):
            raise BadValue(key, value, field.type.__name__) from None
