"""Where values come from. Every source is turned into nested dictionaries of raw values."""

from collections.abc import Mapping

from settings.errors import BadLine

PREFIX = "APP_"


def put(tree: dict, path: list[str], value: object) -> None:
    """Put a value into nested dictionaries, making those that are missing."""
    *parents, last = path
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value


def from_text(text: str) -> dict:
    """Read the settings file format: [section.subsection], `name = value`, # comments, optional double quotes."""
    tree: dict = {}
    section: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip().split(".")
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise BadLine(number, line)
        put(tree, [*section, name.strip()], _unquoted(value.strip()))
    return tree


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def from_environment(environment: Mapping[str, str]) -> dict:
    """Variables such as APP_SERVER__PORT: after the prefix, the parts of the key are joined by two underscores."""
    tree: dict = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        put(tree, name[len(PREFIX) :].lower().split("__"), value)
    return tree


def from_overrides(overrides: Mapping[str, object]) -> dict:
    """Dotted keys, as given on a command line."""
    tree: dict = {}
    for key, value in overrides.items():
        put(tree, key.split("."), value)
    return tree
