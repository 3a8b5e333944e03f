"""A suite's folder: suite.json and its reports, with the parts' own folders beside them."""

from pathlib import Path

import msgspec

from loadgen.errors import UsageError
from loadgen.outputs.run_folder import RunFolder
from loadgen.suite.model import SCHEMA, Suite

NAME = "suite.json"


def read_suite(folder: Path) -> Suite:
    """The suite that a folder holds. Raises UsageError where there is none, or one of another schema."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Suite)
    except FileNotFoundError as error:
        raise UsageError(f"{folder}: no {NAME} in it, so it is no suite's folder") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: not a suite that this version reads ({SCHEMA}): {error}") from error


def write_suite(folder: Path, suite: Suite) -> None:
    """Write suite.json, or leave what was there. Raises UsageError where the disk would not take it."""
    written = RunFolder.existing(folder)
    data = msgspec.json.format(msgspec.json.encode(suite), indent=2) + b"\n"
    if not written.write_bytes(NAME, data):
        raise UsageError("; ".join(written.problems))
