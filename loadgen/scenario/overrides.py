"""What the command line changes in a scenario, applied to the data before it is validated for good.

In this order: `--set`, `--target`, `--model` and `--seed` replace values; then `--rate`, `--users` and `--duration`
reshape the load:

- `--rate R` or `--users N` (not both) collapse the measured stages into one named `steady`, at the place of the first,
  as long as all of them together, at that level. Stages that are not measured (warm-up) keep their place and duration
  and get the same level.
- `--rate` makes closed and trace arrivals Poisson and keeps constant, Poisson and gamma; `--users` makes any closed.
- `--duration` is the length of that stage. Alone, it sets the summed length of the measured stages: one gets it, of
  several each is scaled in proportion; the others stay.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadgen.errors import ScenarioError, UsageError
from loadgen.scenario.document import Document, Location, Place, dotted, read_document
from loadgen.scenario.model import Load
from loadgen.scenario.problems import nearest
from loadgen.scenario.quantities import format_duration


@dataclass(frozen=True, slots=True)
class Overrides:
    """The options of `loadgen run` that change a scenario; None where not given.

    users: concurrent sessions. rate: sessions per second. duration_s: of what is measured. sets: `path=value` each,
    the path in keys, list indexes and names (`load.stages.steady.rate`), the value in YAML.
    """

    target: str | None = None
    model: str | None = None
    users: int | None = None
    rate: float | None = None
    duration_s: float | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UsageError where options contradict each other or are out of range."""
        if self.users is not None and self.rate is not None:
            raise UsageError("--users and --rate exclude each other: N sessions at a time, or R new ones a second")
        if self.users is not None and self.users < 1:
            raise UsageError(f"--users {self.users}: accepted: 1 or more")
        for option, value in (("--rate", self.rate), ("--duration", self.duration_s)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{option} {value:g}: accepted: above 0")

    @property
    def reshapes(self) -> bool:
        """Whether the load's stages are changed."""
        return any(option is not None for option in (self.users, self.rate, self.duration_s))


def apply_values(document: Document, overrides: Overrides, base: Path) -> None:
    """Applies what replaces single values. `base` is the folder that relative paths in values are relative to.

    Raises ScenarioError for a path that leads nowhere or a value that is no YAML.
    """
    for setting in overrides.sets:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise ScenarioError(f"--set {setting}: accepted: path=value, such as load.stages.0.rate=5")
        # Only the path is shown in messages: the value may be a key.
        place = Place(f"--set {path}", base=base)
        _set(document, path.split("."), read_document(text, place), place)
    options: tuple[tuple[str, list[str], str | int | None], ...] = (
        ("--target", ["target", "base_url"], overrides.target),
        ("--model", ["target", "model"], overrides.model),
        ("--seed", ["seed"], overrides.seed),
    )
    for option, steps, value in options:
        if value is not None:
            place = Place(option, base=base)
            _set(document, steps, Document(value, {(): place}), place)


def reshape(document: Document, load: Load, overrides: Overrides) -> None:
    """Applies `--rate`, `--users` and `--duration` to a document whose load was validated as `load`."""
    data: dict[str, Any] = document.data["load"]
    stages: list[dict[str, Any]] = data["stages"]
    durations = [spec.duration_s for spec in load.stages if spec.measure]
    total_s = sum(durations) if overrides.duration_s is None else overrides.duration_s
    if overrides.rate is None and overrides.users is None:
        scale = total_s / sum(durations)
        reshaped = [
            stage | {"duration": format_duration(spec.duration_s * scale if len(durations) > 1 else total_s)}
            if spec.measure
            else stage
            for stage, spec in zip(stages, load.stages, strict=True)
        ]
        _put(document, ("load", "stages"), reshaped, "--duration")
        return
    level: dict[str, Any]
    if overrides.users is not None:
        option, arrivals, level = "--users", "closed", {"users": overrides.users}
    else:
        option, level = "--rate", {"rate": overrides.rate}
        arrivals = "poisson" if load.arrivals in ("closed", "trace") else load.arrivals
    _put(document, ("load", "stages"), _collapsed(stages, load, format_duration(total_s), level), option)
    _put(document, ("load", "arrivals"), arrivals, option)
    if arrivals != "gamma":
        data.pop("burstiness", None)


def _collapsed(stages: list[dict[str, Any]], load: Load, duration: str, level: dict[str, Any]) -> list[dict[str, Any]]:
    """The stages with the measured ones made one, all at the same level."""
    result: list[dict[str, Any]] = []
    steady_stands = False
    for stage, spec in zip(stages, load.stages, strict=True):
        if not spec.measure:
            kept = {key: value for key, value in stage.items() if key not in ("rate", "users")}
            result.append(kept | level)
        elif not steady_stands:
            steady_stands = True
            result.append({"name": "steady", "duration": duration} | level)
    return result


def _put(document: Document, location: Location, value: Any, option: str) -> None:
    document.replace(location, Document(value, {(): Place(option)}))


def _set(document: Document, steps: list[str], value: Document, place: Place) -> None:
    """Puts `value` where `steps` lead, making mappings that are not there yet; a wrong key is left to validation."""
    location: Location = ()
    node = document.data
    for depth, step in enumerate(steps):
        last = depth == len(steps) - 1
        if isinstance(node, list):
            location = (*location, _index(node, step, location, place))
        elif isinstance(node, dict):
            location = (*location, step)
            if not last and node.get(step) is None:
                document.replace(location, Document({}, {(): place}))
        else:
            accepted = f"{dotted(location)} itself" if location else "a scenario that is a mapping"
            raise ScenarioError(f"{place}: {dotted(location)} is a single value without {step!r}; accepted: {accepted}")
        if not last:
            node = node[location[-1]]
    document.replace(location, value)


def _index(items: list[Any], step: str, location: Location, place: Place) -> int:
    """The index that `step` means in a list: a number, or the name of an item."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if step in names:
        return names.index(step)
    if step.isdecimal() and int(step) < len(items):
        return int(step)
    known = [name for name in names if isinstance(name, str)]
    accepted = (
        ", ".join([f"0 to {len(items) - 1}" if len(items) > 1 else "0", *known]) if items else "nothing, it is empty"
    )
    raise ScenarioError(f"{place}: {dotted(location)} has no item {step!r}; accepted: {accepted}{nearest(step, known)}")
