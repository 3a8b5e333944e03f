"""What a report is made from: the summary, and what else the run folder holds, read when it is first asked for.

Used by every report (HTML, Markdown, JUnit), at the end of a run and by `loadgen report` alike. Changes nothing.
"""

import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.metrics.summary import SCHEMA, Summary
from loadgen.metrics.turn_table import TurnTable, TurnTableBuilder
from loadgen.outputs import hlog, summary_json
from loadgen.outputs.hlog import Logged, read_hlog
from loadgen.outputs.turns import read_turns


class Material:
    """A run's summary and the files beside it. What could not be read is empty or None, and named in `unreadable`."""

    def __init__(self, path: Path, summary: Summary) -> None:
        self.path = path
        self.summary = summary
        self.unreadable: list[str] = []

    @classmethod
    def read(cls, path: Path) -> "Material":
        """The material of a run folder. Raises UsageError where there is no summary, naming what is there."""
        summary = path / summary_json.NAME
        try:
            return cls(path, summary_json.read_summary(summary))
        except FileNotFoundError as error:
            raise UsageError(_no_summary(path)) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(f"{summary}: not a summary that this version reads ({SCHEMA}): {error}") from error

    @cached_property
    def turns(self) -> TurnTable:
        """The turns of the record log, of all stages; empty where none were kept."""
        try:
            return read_turns(self.path)
        except (OSError, msgspec.MsgspecError, zlib.error) as error:
            self.unreadable.append(f"records: {error}")
            return TurnTableBuilder().table()

    @cached_property
    def histograms(self) -> list[Logged]:
        """The histograms of histograms.hlog; empty where it is not there."""
        try:
            return read_hlog(self.path / hlog.NAME)
        except FileNotFoundError:
            self.unreadable.append(f"{hlog.NAME}: not there")
        except (OSError, ValueError) as error:
            self.unreadable.append(f"{hlog.NAME}: {error}")
        return []

    @cached_property
    def scenario_yaml(self) -> str | None:
        """scenario.yaml as it was run; None where it is not there."""
        return self._text("scenario.yaml")

    @cached_property
    def environment(self) -> dict[str, Any] | None:
        """environment.json; None where it is not there or is none."""
        text = self._text("environment.json")
        try:
            return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            self.unreadable.append(f"environment.json: {error}")
            return None

    def _text(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.unreadable.append(f"{name}: {error}")
            return None


def _no_summary(path: Path) -> str:
    if not path.is_dir():
        return f"{path}: no such folder; name the run folder that `loadgen run` printed"
    found = sorted(file.name for file in path.iterdir())
    if not {"scenario.yaml", "environment.json"} & set(found):
        return f"{path}: no run folder: neither summary.json nor scenario.yaml is in it"
    there = ", ".join(found)
    return (
        f"{path}: summary.json is missing, so the run was cut before its end and there is nothing to report; "
        f"it left {there}. The turns until then are in its records"
    )
