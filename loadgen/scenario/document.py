"""A YAML text as plain data that remembers where each part stood. Used by the loader and the overrides only.

Safe loading: plain YAML types, no tags that build objects. Syntax errors end the reading; everything else that is
wrong with the text (a key given twice, a key that is no text) is collected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loadgen.errors import ScenarioError

Location = tuple[str | int, ...]
"""The way to a value: keys and list indexes from the top."""

# Aliases can make a small file a huge tree; no scenario comes near this.
_MOST_NODES = 100_000

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file with 1-based line and column, or a command-line option without."""

    source: str
    line: int | None = None
    column: int | None = None
    base: Path = Path()
    """The folder that a relative path written here is relative to."""

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, as the user reads it: `place: field: what`."""

    place: Place
    location: Location
    what: str

    def __str__(self) -> str:
        named = f"{dotted(self.location)}: " if self.location else ""
        return f"{self.place}: {named}{self.what}"


@dataclass
class Document:
    """Data from YAML and the places of its values (`places`) and of its keys (`keys`), by location."""

    data: Any
    places: dict[Location, Place] = field(default_factory=dict)
    keys: dict[Location, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def place_of(self, location: Location, *, key: bool = False) -> Place:
        """Where the value (or, with `key`, the key) at `location` stands, else what encloses it."""
        if key and location in self.keys:
            return self.keys[location]
        while location not in self.places and location:
            location = location[:-1]
        return self.places[location]

    def replace(self, location: Location, value: "Document") -> None:
        """Puts another document's data at `location`, whose parent must exist, with the places that come with it."""
        parent = self.data
        for step in location[:-1]:
            parent = parent[step]
        parent[location[-1]] = value.data
        for table in (self.places, self.keys):
            for stale in [known for known in table if known[: len(location)] == location]:
                del table[stale]
        self.places.update({location + below: place for below, place in value.places.items()})
        self.keys.update({location + below: place for below, place in value.keys.items()})
        self.keys[location] = value.places[()]
        self.mistakes.extend(Mistake(m.place, location + m.location, m.what) for m in value.mistakes)


def dotted(location: Location) -> str:
    """A location as `--set` takes it: `load.stages.0.rate`."""
    return ".".join(map(str, location))


def read_document(text: str, origin: Place) -> Document:
    """The one YAML document in `text`. `origin` says what to call it; with `line` None its places have no lines.

    Raises ScenarioError, with the place, where the text is no YAML; other mistakes are in the result.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return _Reader(loader, origin).read(root) if root else Document(None, {(): origin})
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise ScenarioError(f"{_placed(origin, mark)}: not YAML: {what}{_hint(what, text, mark)}") from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"{origin}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ScenarioError(f"{origin}: nested too deeply to be a scenario") from None


def expand(document: Document, environment: Mapping[str, str]) -> Document:
    """The document with `${NAME}` in its texts replaced from the environment; a missing one is a mistake."""
    result = Document(None, document.places, document.keys, list(document.mistakes))

    def expanded(value: Any, location: Location) -> Any:
        if isinstance(value, dict):
            return {key: expanded(item, (*location, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [expanded(item, (*location, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value

        def read(match: re.Match[str]) -> str:
            name = match[1]
            if _VARIABLE_NAME.fullmatch(name) and name in environment:
                return environment[name]
            if _VARIABLE_NAME.fullmatch(name):
                what = f"the environment variable {name} is not set; set it, or write the value here"
            else:
                what = f"{match[0]} names no environment variable; accepted: ${{NAME}} of letters, digits and _"
            result.mistakes.append(Mistake(document.place_of(location), location, what))
            return match[0]

        return _REFERENCE.sub(read, value)

    result.data = expanded(document.data, ())
    return result


class _Reader:
    """Turns composed nodes into plain data, noting places. One a document."""

    def __init__(self, loader: yaml.SafeLoader, origin: Place) -> None:
        self._loader = loader
        self._origin = origin
        self._document = Document(None)
        self._open: set[int] = set()
        self._nodes = 0

    def read(self, root: yaml.Node) -> Document:
        self._document.data = self._value(root, ())
        return self._document

    def _value(self, node: yaml.Node, location: Location) -> Any:
        self._nodes += 1
        if id(node) in self._open or self._nodes > _MOST_NODES:
            what = "an alias that contains itself" if id(node) in self._open else "aliases that grow without measure"
            raise yaml.MarkedYAMLError(None, None, what, node.start_mark)
        self._document.places[location] = _placed(self._origin, node.start_mark)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
                return self._mapping(node, location)
            if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
                return [self._value(item, (*location, index)) for index, item in enumerate(node.value)]
            return self._scalar(node)
        finally:
            self._open.remove(id(node))

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except ValueError as error:
            # A date such as 2026-13-45 looks like one to YAML and is none to Python.
            raise yaml.MarkedYAMLError(None, None, str(error), node.start_mark) from None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own = [(key, value) for key, value in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                self._merge(value, location, result)
        seen: set[str] = set()
        for key, value in own:
            place = _placed(self._origin, key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self._document.mistakes.append(Mistake(place, location, "a key must be text"))
                continue
            name = key.value
            if name in seen:
                first = self._document.keys[*location, name]
                what = f"the key is given twice, first at {first}; accepted: once"
                self._document.mistakes.append(Mistake(place, (*location, name), what))
                continue
            seen.add(name)
            self._document.keys[*location, name] = place
            result[name] = self._value(value, (*location, name))
        return result

    def _merge(self, node: yaml.Node, location: Location, result: dict[str, Any]) -> None:
        """`<<: *defaults`: the keys of another mapping, or of several of which the first wins."""
        here = self._document.places[location]
        for source in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
            merged = self._value(source, location)
            self._document.places[location] = here
            if not isinstance(merged, dict):
                raise yaml.MarkedYAMLError(None, None, "<< takes a mapping or a list of them", source.start_mark)
            result.update(merged)


def _placed(origin: Place, mark: Any) -> Place:
    if origin.line is None or mark is None:
        return origin
    return Place(origin.source, mark.line + 1, mark.column + 1, origin.base)


def _hint(what: str, text: str, mark: Any) -> str:
    """The likeliest way out of the two syntax errors that scenarios invite."""
    lines = text.splitlines()
    near = lines[max(0, mark.line - 1) : mark.line + 1] if mark is not None else []
    # Inside { } or [ ] a bare ${NAME} is a YAML mapping of its own.
    if "flow" in what and any("${" in line for line in near):
        return '; inside { } write it in quotes: "${NAME}"'
    if "mapping values are not allowed" in what and any(line.count(": ") > 1 for line in near):
        return "; a text that holds a colon and a blank goes in quotes"
    return ""
