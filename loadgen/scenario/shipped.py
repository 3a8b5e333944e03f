"""The scenarios that come with loadgen, by name: in the wheel as package data, in a checkout under scenarios/."""

import os
from importlib.resources import files
from pathlib import Path

from loadgen.errors import ScenarioError
from loadgen.scenario.problems import nearest


def shipped_folder() -> Path | None:
    """The folder that holds them, or None where this installation has none."""
    packaged = Path(str(files("loadgen"))) / "shipped_scenarios"
    checkout = Path(str(files("loadgen"))).parent / "scenarios"
    return next((folder for folder in (packaged, checkout) if folder.is_dir()), None)


def shipped_coding_tasks() -> Path | None:
    """The folder of the shipped coding tasks, or None where this installation has none."""
    folder = shipped_folder()
    return folder / "coding" if folder is not None and (folder / "coding").is_dir() else None


def shipped_names() -> list[str]:
    """Their names, sorted: what `loadgen run NAME` takes."""
    folder = shipped_folder()
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder else []


def find_scenario(ref: str | Path) -> Path:
    """The file that `ref` means: a path, or the bare name of a shipped scenario. Raises ScenarioError."""
    path = Path(ref)
    if os.path.isfile(ref):  # unlike Path's, no error for a name that is too long
        return path
    if os.path.isdir(ref):
        raise ScenarioError(f"{ref}: is a folder; accepted: a scenario file in it")
    names = shipped_names()
    folder = shipped_folder()
    if str(ref) in names and folder is not None:
        return folder / f"{ref}.yaml"
    accepted = f"a path, or the name of a shipped scenario: {', '.join(names) or 'none is installed'}"
    raise ScenarioError(f"{ref}: no such scenario; accepted: {accepted}{nearest(path.stem, names)}")
