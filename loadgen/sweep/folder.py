"""A sweep's folder: sweep.json, sweep.md and scenario.yaml, with the steps' run folders beside them."""

from pathlib import Path

import msgspec

from loadgen.errors import UsageError
from loadgen.outputs.run_folder import RunFolder
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.model import SCHEMA, Subject, Sweep

NAME = "sweep.json"


def read_sweep(folder: Path) -> Sweep:
    """The sweep that a folder holds. Raises UsageError where there is none, or one of another schema."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sweep)
    except FileNotFoundError as error:
        raise UsageError(f"{folder}: no {NAME} in it, so it is no sweep's folder") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: not a sweep that this version reads ({SCHEMA}): {error}") from error


def open_folder(path: Path, subject: Subject) -> Sweep | None:
    """The sweep to go on with in this folder; None where one begins there.

    Raises UsageError where the folder holds something else, or a sweep that measured something else.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    if not (path / NAME).exists():
        raise UsageError(f"{path}: not empty, and no sweep to go on with (no {NAME}); name another with --out")
    sweep = read_sweep(path)
    if differences := list(_differences(sweep.subject, subject)):
        what = "; ".join(differences)
        raise UsageError(f"{path}: holds a sweep of something else: {what}. Name another folder with --out")
    return sweep


def write_whole(path: Path, name: str, data: bytes) -> None:
    """Write a file of the sweep, or leave what was there. Raises UsageError where the disk would not take it."""
    folder = RunFolder.existing(path)
    if not folder.write_bytes(name, data):
        raise UsageError("; ".join(folder.problems))


def to_json(sweep: Sweep) -> bytes:
    """sweep.json: indented, what was not measured null."""
    return msgspec.json.format(msgspec.json.encode(sweep), indent=2) + b"\n"


def _differences(was: Subject, now: Subject) -> list[str]:
    told = []
    for field in Subject.__struct_fields__:
        old, new = getattr(was, field), getattr(now, field)
        if old == new:
            continue
        if field == "scenario_sha256":
            told.append("the scenario or what --set made of it has changed")
        elif field == "duration_s":
            told.append(f"--duration was {format_duration(old)} and is {format_duration(new)}")
        else:
            told.append(f"{field} was {old} and is {new}")
    return told
