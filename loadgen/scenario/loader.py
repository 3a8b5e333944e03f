"""Reads a scenario: YAML text, command-line overrides and environment become the validated model.

Called by the commands and the locustfile. Every mistake is collected and reported with its place; nothing is sent
and nothing is written here.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loadgen.errors import ScenarioError
from loadgen.prices import shipped_prices
from loadgen.scenario.document import Document, Location, Mistake, Place, expand, read_document
from loadgen.scenario.model import SHIPPED_CORPORA, Scenario
from loadgen.scenario.overrides import Overrides, apply_values, reshape
from loadgen.scenario.problems import mistakes_of, nearest
from loadgen.scenario.shipped import find_scenario

REDACTED = "REDACTED"

# A header that is nothing but a reference, perhaps after its scheme, holds no secret and still loads.
_ONLY_A_REFERENCE = re.compile(r"(?:[A-Za-z]+ )?\$\{[A-Za-z_][A-Za-z0-9_]*\}")
# What a workload of a kind names files by.
_FILES = (
    ("chat", "corpus"),
    ("long_context", "corpus"),
    ("replay", "path"),
    ("tools", "catalogue"),
    ("tools", "bfcl"),
    ("tools", "answers"),
    ("coding", "path"),
)
_URL_USER = re.compile(r"//[^/]*@")


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario, where it came from, and what it said.

    raw: the YAML data with the overrides applied, paths of files made absolute and `${NAME}` as written; it holds
    secrets that stand in the file itself, so write `redacted_yaml()` instead.
    """

    scenario: Scenario
    path: Path
    raw: dict[str, Any] = field(repr=False)

    @property
    def written_base_url(self) -> str | None:
        """The base URL with its `${NAME}` as written, without a user part; None where it has none or is not given."""
        target = self.raw.get("target")
        url = target.get("base_url") if isinstance(target, dict) else None
        return _URL_USER.sub(f"//{REDACTED}@", url) if isinstance(url, str) and "${" in url else None

    def redacted_yaml(self) -> str:
        """The scenario as YAML text that loads again: without header values and without a URL's user part."""
        raw = dict(self.raw)
        if isinstance(target := raw.get("target"), dict):
            raw["target"] = target = dict(target)
            for key in ("base_url", "proxy"):
                if isinstance(url := target.get(key), str):
                    target[key] = _URL_USER.sub(f"//{REDACTED}@", url)
            if isinstance(headers := target.get("headers"), dict):
                target["headers"] = {name: _redacted(value) for name, value in headers.items()}
        # None: short lists and mappings stay on one line, as people write them.
        return yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def load_scenario(
    ref: str | Path, *, overrides: Overrides | None = None, environment: Mapping[str, str] = os.environ
) -> LoadedScenario:
    """The scenario that `ref`, a path or the name of a shipped one, means.

    Paths in the file are relative to the file, paths in `overrides` to the current folder. Raises ScenarioError with
    every mistake found, one a line: `file:line:column: field: what is wrong; accepted: ...; did you mean 'x'?`
    """
    overrides = overrides or Overrides()
    path = find_scenario(ref)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can't be read: {error}") from None
    document = read_document(text, Place(str(path), 1, 1, path.resolve().parent))
    if not isinstance(document.data, dict):
        raise ScenarioError(f"{path}:1:1: a scenario is a mapping; accepted: name, workloads, load, ...")
    if "parts" in document.data:
        what = "runs other scenarios, one after the other; accepted here: one of them (loadgen run takes them all)"
        raise ScenarioError(f"{document.place_of(('parts',), key=True)}: parts: {what}")
    apply_values(document, overrides, Path.cwd())
    scenario = _validated(document, environment)
    if overrides.reshapes:
        reshape(document, scenario.load, overrides)
        scenario = _validated(document, environment)
    return LoadedScenario(scenario, path, document.data)


def _validated(document: Document, environment: Mapping[str, str]) -> Scenario:
    """The model; `document` gets absolute paths. Raises ScenarioError with every mistake."""
    expanded = expand(document, environment)
    mistakes = expanded.mistakes
    unset = {mistake.location for mistake in mistakes}
    mistakes += _resolve_paths(document, expanded, unset)
    told = {mistake.location for mistake in mistakes}
    _take_in_prices(expanded)
    scenario = None
    try:
        scenario = Scenario.model_validate(expanded.data)
    except ValidationError as error:
        # A variable that is not set or a file that is not there would be reported again, as a value of the wrong form.
        mistakes += [found for found in mistakes_of(error, expanded) if found.location not in told]
    if scenario is None or mistakes:
        ordered = sorted(dict.fromkeys(mistakes), key=lambda found: (found.place.line or 0, found.place.column or 0))
        raise ScenarioError("\n".join(map(str, ordered)))
    return scenario


def _resolve_paths(document: Document, expanded: Document, skip: set[Location]) -> list[Mistake]:
    """Makes the paths of files absolute in both documents; what does not exist is a mistake."""
    mistakes = []
    for location in _path_locations(expanded.data):
        value = _at(expanded.data, location)
        if not isinstance(value, str) or not value or location in skip:
            continue
        known = _known_names(location[-1])
        if value in known:
            continue
        place = document.place_of(location)
        base = place.base
        # os.path, for pathlib raises on a name that is too long or a ~user who does not exist.
        whole = os.path.join(base, os.path.expanduser(value))
        if not os.path.exists(whole):
            accepted = "; accepted: a path" + "".join(f", {name}" for name in known) + f" (relative to {base})"
            mistakes.append(Mistake(place, location, f"no file or folder {whole}{accepted}{nearest(value, known)}"))
        written = _at(document.data, location)
        if not os.path.isabs(value):
            _at(document.data, location[:-1])[location[-1]] = os.path.join(base, os.path.expanduser(written))
        _at(expanded.data, location[:-1])[location[-1]] = whole
    return mistakes


def _take_in_prices(expanded: Document) -> None:
    """Puts the price list that is named, shipped or a file, where its name stands.

    The list's own places come with it, so that a mistake in a price file is shown with that file and line. Raises
    ScenarioError where the file can't be read as YAML.
    """
    named = expanded.data.get("prices")
    if not isinstance(named, str):
        return
    path = shipped_prices().get(named, Path(named))
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can't be read: {error}") from None
    prices = read_document(text, Place(str(path), 1, 1, path.resolve().parent))
    if named in shipped_prices():
        prices.data["models"] = {named: prices.data["models"][named]}
    # The tables are shared with the document that the file was read into, whose places must stay.
    expanded.places, expanded.keys = dict(expanded.places), dict(expanded.keys)
    expanded.replace(("prices",), prices)


def _known_names(key: str | int) -> list[str]:
    """What may stand at a key instead of a path."""
    if key == "prices":
        return sorted(shipped_prices())
    return {"corpus": list(SHIPPED_CORPORA), "calibrate": ["auto", "off"]}.get(str(key), [])


def _path_locations(data: dict[str, Any]) -> list[Location]:
    """Where a scenario's data names files, whatever else is wrong with it."""
    found: list[Location] = []
    if isinstance(target := data.get("target"), dict) and "ca_file" in target:
        found.append(("target", "ca_file"))
    found.extend((key,) for key in ("prices", "calibrate") if isinstance(data.get(key), str))
    workloads = data.get("workloads")
    for index, workload in enumerate(workloads if isinstance(workloads, list) else []):
        for kind, key in _FILES:
            if isinstance(workload, dict) and workload.get("kind") == kind and key in workload:
                found.append(("workloads", index, key))
    return found


def _at(data: Any, location: Location) -> Any:
    for step in location:
        data = data[step]
    return data


def _redacted(value: Any) -> str:
    return value if isinstance(value, str) and _ONLY_A_REFERENCE.fullmatch(value) else REDACTED
