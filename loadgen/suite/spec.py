"""A scenario file with `parts`: which scenarios are run one after the other, and what is changed in them.

Reads and checks the file and every scenario that it names; sends nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from loadgen.errors import ScenarioError, UsageError
from loadgen.scenario.document import Place, read_document
from loadgen.scenario.fields import Label, PositiveSeconds, Problem, RunLabel, Text, refuse
from loadgen.scenario.loader import LoadedScenario, load_scenario
from loadgen.scenario.overrides import Overrides
from loadgen.scenario.problems import mistakes_of
from loadgen.scenario.quantities import format_duration
from loadgen.scenario.shipped import find_scenario
from loadgen.scenario.sizes import Part, some
from loadgen.scenario.soak import SoakSpec


class PartSpec(Part):
    """One scenario of several.

    scenario or soak: which, by name or path (relative to the file that says it). A soak repeats probes, every `every`
    for `for` where these are given. set: values by path, as --set takes them.
    """

    name: Label
    scenario: Text | None = None
    soak: Text | None = None
    every_s: PositiveSeconds | None = Field(default=None, alias="every")
    for_s: PositiveSeconds | None = Field(default=None, alias="for")
    set: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_thing(self) -> "PartSpec":
        problems = []
        if (self.scenario is None) == (self.soak is None):
            problems.append(Problem((), f"part {self.name}: accepted: one of scenario (a run) and soak (probes)"))
        for key, given in (("every", self.every_s), ("for", self.for_s)):
            if self.soak is None and given is not None:
                problems.append(Problem((key,), "belongs to a soak; accepted: remove it"))
        refuse("part", problems)
        return self

    @property
    def ref(self) -> str:
        """What it runs, as the file has it."""
        named = self.scenario or self.soak
        assert named is not None
        return named

    def windows(self, stated: SoakSpec) -> tuple[float, float]:
        """Of a soak, how long a window is and how long all of them; what the part leaves open is as the scenario has
        it."""
        return self.every_s or stated.every_s, self.for_s or stated.for_s


class SuiteSpec(Part):
    """The whole file. set: of every part, before the part's own."""

    name: RunLabel
    description: str = ""
    set: dict[str, Any] = Field(default_factory=dict)
    parts: Annotated[tuple[PartSpec, ...], BeforeValidator(some)]

    @model_validator(mode="after")
    def _names_differ(self) -> "SuiteSpec":
        names = [part.name for part in self.parts]
        refuse(
            "suite",
            (
                Problem(("parts", at, "name"), f"{name!r} is the name of two parts; accepted: a name of its own")
                for at, name in enumerate(names)
                if name in names[:at]
            ),
        )
        return self


@dataclass(frozen=True)
class LoadedPart:
    """A part with its scenario as it will be run. ref: what the commands are given to load it again."""

    spec: PartSpec
    ref: str
    overrides: Overrides
    loaded: LoadedScenario


@dataclass(frozen=True)
class LoadedSuite:
    """A suite, where it came from, and its parts in their order."""

    spec: SuiteSpec
    path: Path
    parts: tuple[LoadedPart, ...]


def is_suite(ref: str | Path) -> bool:
    """Whether `ref`, a path or the name of a shipped scenario, has `parts`.

    False where it can't be read: the scenario's own loader says why.
    """
    try:
        data = yaml.safe_load(find_scenario(ref).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ScenarioError):
        return False
    return isinstance(data, dict) and "parts" in data


def load_suite(ref: str | Path, overrides: Overrides) -> LoadedSuite:
    """The suite and the scenarios of its parts. overrides: `target`, `model` and `seed` are every part's; of `sets` the
    first step names the part (`latency.load.stages.steady.rate=5`).

    Raises ScenarioError with every mistake of the file, or of the first scenario that is wrong; UsageError for options
    that a suite can't have.
    """
    if overrides.reshapes:
        raise UsageError(
            f"{ref}: has parts, each with a load of its own; accepted instead of --users, --rate and --duration: "
            "--set PART.load.stages.STAGE.rate=R"
        )
    path = find_scenario(ref)
    spec = _read(path)
    own = _by_part(overrides.sets, [part.name for part in spec.parts])
    return LoadedSuite(spec, path, tuple(_loaded(part, spec, path, overrides, own[part.name]) for part in spec.parts))


def _read(path: Path) -> SuiteSpec:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can't be read: {error}") from None
    document = read_document(text, Place(str(path), 1, 1, path.resolve().parent))
    mistakes = list(document.mistakes)
    try:
        spec = SuiteSpec.model_validate(document.data)
    except ValidationError as error:
        mistakes += mistakes_of(error, document, SuiteSpec)
    if mistakes:
        raise ScenarioError("\n".join(map(str, mistakes)))
    return spec


def _by_part(sets: Sequence[str], names: Sequence[str]) -> Mapping[str, list[str]]:
    """Each part's own --set. Raises ScenarioError where the first step names none."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for setting in sets:
        name, dot, rest = setting.partition(".")
        if not dot or name not in found:
            # Only the path is shown: the value may be a key.
            shown = setting.partition("=")[0]
            raise ScenarioError(f"--set {shown}: accepted: PART.path=value, the part one of {', '.join(names)}")
        found[name].append(rest)
    return found


def _loaded(part: PartSpec, suite: SuiteSpec, path: Path, overrides: Overrides, own: Sequence[str]) -> LoadedPart:
    beside = path.resolve().parent / part.ref
    ref = str(beside) if beside.is_file() else part.ref
    # JSON is YAML, which is what a --set is read as.
    stated = [f"{way}={json.dumps(value, ensure_ascii=False)}" for way, value in {**suite.set, **part.set}.items()]
    mine = replace(overrides, sets=(*stated, *own))
    try:
        loaded = load_scenario(ref, overrides=mine)
    except ScenarioError as error:
        # A mistake of a --set names a path in the part's scenario, which may be that of several parts.
        raise ScenarioError(f"part {part.name}: {error}") from None
    if part.soak is not None:
        every_s, for_s = part.windows(loaded.scenario.soak or SoakSpec())
        if for_s < every_s:
            raise ScenarioError(
                f"{path}: part {part.name}: for {format_duration(for_s)} is shorter than every "
                f"{format_duration(every_s)}; accepted: at least one window"
            )
    return LoadedPart(part, ref, mine, loaded)
