"""The record log as columns: what statistics and reports are made from, turn by turn and session by session.

Filled while the run lasts, from the workers' gzip members, or afterwards from the files of a run folder
(`outputs.turns`). Bounded: beyond `most_turns` only every second session is kept, then every fourth, and so on, whole
sessions always, chosen by their names, so that the same run gives the same table.
"""

import zlib
from array import array
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.session_sample import drawn, session_of

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_GZIP_WBITS = 31
MOST_TURNS: Final = 400_000
# Numbers of a record line that become columns; null is NaN.
NUMBERS: Final = (
    "turn",
    "intended_s",
    "taken_s",
    "send_s",
    "first_output_s",
    "end_s",
    "connect_s",
    "ttft_s",
    "ttfo_s",
    "tpot_s",
    "e2e_s",
    "service_ttft_s",
    "service_e2e_s",
    "chunks",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "tool_calls",
    "cost",
)
_NAN = float("nan")


class _Line(msgspec.Struct, gc=False, kw_only=True):
    """What is read of a record line."""

    session: str
    workload: str
    stage: str
    outcome: str
    turn: float
    intended_s: float
    taken_s: float
    end_s: float
    e2e_s: float
    chunks: float
    tool_calls: float = 0.0
    send_s: float | None = None
    first_output_s: float | None = None
    connect_s: float | None = None
    ttft_s: float | None = None
    ttfo_s: float | None = None
    tpot_s: float | None = None
    service_ttft_s: float | None = None
    service_e2e_s: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None
    reasoning_tokens: float | None = None
    cost: float | None = None
    itl_bins: list[int] | None = None


class _Names:
    """Names as small numbers, in order of appearance."""

    __slots__ = ("codes",)

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        return self.codes.setdefault(name, len(self.codes))


@dataclass(frozen=True, slots=True)
class TurnTable:
    """Turns in the order of their ends at each worker. All columns have one entry a turn; an unknown number is NaN.

    session: cluster of the turn; a sub-agent's turns are its session's. names of the codes: `sessions`, `workloads`,
    `stages`, `outcomes`. numbers: the columns of NUMBERS by name, in seconds, tokens and units of money.
    gap_turn, gap_bin, gap_count: the gaps between chunks, in bins of `gap_bins`; gap_turn is a row of the table.
    share: the part of all sessions that the table holds; below 1 it is a sample.
    """

    sessions: tuple[str, ...]
    workloads: tuple[str, ...]
    stages: tuple[str, ...]
    outcomes: tuple[str, ...]
    session: Codes
    workload: Codes
    stage: Codes
    outcome: Codes
    numbers: dict[str, Floats]
    gap_turn: Codes
    gap_bin: Codes
    gap_count: npt.NDArray[np.int64]
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.session)

    def of_outcome(self, *outcomes: str) -> Mask:
        """Which turns ended in one of these."""
        return _are(self.outcome, self.outcomes, outcomes)

    def of_stage(self, stages: Collection[str]) -> Mask:
        """Which turns were due in one of these stages."""
        return _are(self.stage, self.stages, stages)

    def of_workload(self, workloads: Collection[str]) -> Mask:
        """Which turns belong to one of these workloads."""
        return _are(self.workload, self.workloads, workloads)

    def only(self, rows: Mask) -> "TurnTable":
        """The same table with these rows only; codes keep their meaning."""
        if rows.all():
            return self
        kept_gaps = rows[self.gap_turn] if len(self.gap_turn) else np.zeros(0, dtype=np.bool_)
        new_row = (np.cumsum(rows) - 1).astype(np.int32)
        return TurnTable(
            self.sessions,
            self.workloads,
            self.stages,
            self.outcomes,
            self.session[rows],
            self.workload[rows],
            self.stage[rows],
            self.outcome[rows],
            {name: column[rows] for name, column in self.numbers.items()},
            new_row[self.gap_turn[kept_gaps]],
            self.gap_bin[kept_gaps],
            self.gap_count[kept_gaps],
            self.share,
        )


def _are(codes: Codes, names: tuple[str, ...], wanted: Iterable[str]) -> Mask:
    chosen = [code for code, name in enumerate(names) if name in set(wanted)]
    return np.isin(codes, chosen)


class TurnTableBuilder:
    """Takes record lines as they come; `table()` may be asked for at any time."""

    def __init__(self, most_turns: int = MOST_TURNS) -> None:
        self._most_turns = most_turns
        self._decoder = msgspec.json.Decoder(_Line)
        self._sessions, self._workloads, self._stages, self._outcomes = _Names(), _Names(), _Names(), _Names()
        self._session, self._workload = array("i"), array("i")
        self._stage, self._outcome = array("i"), array("i")
        self._numbers = {name: array("d") for name in NUMBERS}
        self._gap_turn, self._gap_bin, self._gap_count = array("i"), array("i"), array("q")
        self._share = 1.0

    @property
    def session_count(self) -> int:
        """How many sessions have turns here by now."""
        return len(self._sessions.codes)

    def add_member(self, member: bytes) -> None:
        """Add a complete gzip member of lines, or several. Raises zlib.error for what is none."""
        while member:
            unpacker = zlib.decompressobj(_GZIP_WBITS)
            self.add_lines(unpacker.decompress(member) + unpacker.flush())
            member = unpacker.unused_data

    def add_lines(self, lines: bytes) -> None:
        """Add whole lines. Raises msgspec.DecodeError for one that is no record."""
        decode, columns = self._decoder.decode, [(name, column.append) for name, column in self._numbers.items()]
        for text in lines.split(b"\n"):
            if text:
                self._add(decode(text), columns)
        while len(self._session) > self._most_turns:
            self._thin()

    def _add(self, line: _Line, columns: list[tuple[str, Callable[[float], None]]]) -> None:
        cluster = session_of(line.session)
        if self._share < 1.0 and drawn(cluster) >= self._share:
            return
        row = len(self._session)
        self._session.append(self._sessions.code(cluster))
        self._workload.append(self._workloads.code(line.workload))
        self._stage.append(self._stages.code(line.stage))
        self._outcome.append(self._outcomes.code(line.outcome))
        for name, append in columns:
            value = getattr(line, name)
            append(_NAN if value is None else value)
        bins = line.itl_bins
        if bins:
            self._gap_turn.extend([row] * (len(bins) // 2))
            self._gap_bin.extend(bins[::2])
            self._gap_count.extend(bins[1::2])

    def _thin(self) -> None:
        """Keep half of the sessions."""
        self._share /= 2
        table = self.table()
        kept_code = np.array([drawn(name) < self._share for name in table.sessions], dtype=np.bool_)
        kept = table.only(kept_code[table.session])
        # Names of sessions that are gone would pile up.
        names = [name for name, keep in zip(table.sessions, kept_code, strict=True) if keep]
        new_code = (np.cumsum(kept_code) - 1).astype(np.int32)
        self._sessions.codes = {name: code for code, name in enumerate(names)}
        self._session = array("i", new_code[kept.session].tobytes())
        self._workload, self._stage = array("i", kept.workload.tobytes()), array("i", kept.stage.tobytes())
        self._outcome = array("i", kept.outcome.tobytes())
        self._numbers = {name: array("d", column.tobytes()) for name, column in kept.numbers.items()}
        self._gap_turn, self._gap_bin = array("i", kept.gap_turn.tobytes()), array("i", kept.gap_bin.tobytes())
        self._gap_count = array("q", kept.gap_count.tobytes())

    def table(self) -> TurnTable:
        """A copy of what has been added."""
        return TurnTable(
            tuple(self._sessions.codes),
            tuple(self._workloads.codes),
            tuple(self._stages.codes),
            tuple(self._outcomes.codes),
            np.array(self._session, dtype=np.int32),
            np.array(self._workload, dtype=np.int32),
            np.array(self._stage, dtype=np.int32),
            np.array(self._outcome, dtype=np.int32),
            {name: np.array(column, dtype=np.float64) for name, column in self._numbers.items()},
            np.array(self._gap_turn, dtype=np.int32),
            np.array(self._gap_bin, dtype=np.int32),
            np.array(self._gap_count, dtype=np.int64),
            self._share,
        )
