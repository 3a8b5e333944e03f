"""A run as it was left in its folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from loadgen.errors import UsageError
from loadgen.metrics.summary import Summary
from loadgen.metrics.turn_table import TurnTable
from loadgen.outputs.hlog import NAME as HLOG
from loadgen.outputs.hlog import Logged, read_hlog
from loadgen.outputs.summary_json import NAME as SUMMARY
from loadgen.outputs.summary_json import read_summary
from loadgen.outputs.turns import read_turns

# Sessions within a run take a second or two to be read at this many turns; more change an interval by little.
_MOST_TURNS = 100_000


@dataclass(frozen=True)
class Run:
    """A run's files. scenario: as it was resolved, None where there is no such file. Turns are read when asked for."""

    path: str
    folder: Path
    summary: Summary
    scenario: dict[str, Any] | None
    environment: dict[str, Any]

    @property
    def measured_stages(self) -> list[str]:
        """The names of the stages that the figures are of."""
        return [stage.name for stage in self.summary.stages if stage.measured]

    @cached_property
    def turns(self) -> TurnTable:
        """The turns of the measured stages, of some of the sessions where there are very many."""
        try:
            table = read_turns(self.folder, _MOST_TURNS)
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(f"{self.path}: its records can't be read: {error}") from None
        return table.only(table.of_stage(self.measured_stages))

    @cached_property
    def histograms(self) -> list[Logged]:
        """The histograms of the measured stages; none where there is no such file."""
        path = self.folder / HLOG
        if not path.exists():
            return []
        try:
            return [logged for logged in read_hlog(path) if logged.stage in self.measured_stages]
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: can't be read: {error}") from None


def read_run(path: Path) -> Run:
    """The run of a folder, or of a folder's summary.json. Raises UsageError for anything else."""
    folder = path.parent if path.name == SUMMARY and not path.is_dir() else path
    if not folder.is_dir():
        raise UsageError(f"{path}: no such folder; accepted: run folders, as `loadgen run` leaves them in runs/")
    try:
        summary = read_summary(folder / SUMMARY)
    except FileNotFoundError:
        what = "no summary.json: no run folder, or of a run that was killed before its end"
        raise UsageError(f"{path}: {what}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{folder / SUMMARY}: can't be read: {error}") from None
    return Run(str(path), folder, summary, _scenario(folder), _environment(folder))


def _scenario(folder: Path) -> dict[str, Any] | None:
    path = folder / "scenario.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: can't be read: {error}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path}: is no scenario")
    return data


def _environment(folder: Path) -> dict[str, Any]:
    """environment.json, which only notes are made from: empty where it is not there or can't be read."""
    try:
        data = msgspec.json.decode((folder / "environment.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return data if isinstance(data, dict) else {}
