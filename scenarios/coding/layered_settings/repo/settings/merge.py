"""Laying one tree of values over another."""

from collections.abc import Iterator, Mapping


def merged(below: Mapping, above: Mapping) -> dict:
    """A tree with the values of both; where both have one, that of `above`."""
    result = dict(below)
    for name, value in above.items():
        present = result.get(name)
        if isinstance(value, Mapping) and isinstance(present, dict):
            present.update(merged(present, value))
        else:
            result[name] = value
    return result


def flattened(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every value with its dotted key, in the order of the tree."""
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flattened(value, f"{key}.")
        else:
            yield key, value
