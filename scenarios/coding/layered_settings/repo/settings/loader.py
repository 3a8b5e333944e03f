"""Reading all the sources and handing out values."""

from collections.abc import Mapping

from settings.merge import flattened, merged
from settings.schema import Schema
from settings.sources import from_environment, from_overrides, from_text


class Settings:
    """The values that hold, by dotted key."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def section(self, name: str) -> dict[str, object]:
        """The values below a section, by the rest of their key."""
        prefix = f"{name}."
        return {key[len(prefix) :]: value for key, value in self._values.items() if key.startswith(prefix)}


def load(
    schema: Schema,
    text: str = "",
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings as the sources give them, later ones over earlier ones.

    Raises SettingsError, naming the key or the line.
    """
    tree = schema.defaults
    for layer in (from_text(text), from_environment(environment or {}), from_overrides(overrides or {})):
        tree = merged(tree, layer)
    return Settings({key: schema.converted(key, value) for key, value in flattened(tree)})
