"""The turns whose answers a workload scored, kept by the master until the run's quality is worked out.

Bounded: beyond `most_turns` half of the sessions go, then half of the rest, chosen by name; shares stay shares.
"""

import zlib
from typing import Final

import msgspec

from loadgen.metrics.record import Record
from loadgen.session_sample import drawn, session_of

MOST_TURNS: Final = 200_000
_GZIP_WBITS = 31


class ScoredTurns:
    """Takes the `scored` members of snapshots. `turns`: records with marks, in the order they came."""

    def __init__(self, most_turns: int = MOST_TURNS) -> None:
        self._most_turns = most_turns
        self._decoder = msgspec.json.Decoder(Record)
        self.share = 1.0
        self.turns: list[Record] = []

    def add_member(self, member: bytes) -> None:
        """Add one complete gzip member of record lines; empty is none. Raises zlib.error for what is none."""
        if not member:
            return
        lines = zlib.decompress(member, _GZIP_WBITS).split(b"\n")
        self.turns += [turn for turn in map(self._decoder.decode, filter(None, lines)) if self._kept(turn)]
        while len(self.turns) > self._most_turns:
            self.share /= 2
            self.turns = [turn for turn in self.turns if self._kept(turn)]

    def _kept(self, turn: Record) -> bool:
        return self.share >= 1.0 or drawn(session_of(turn.session)) < self.share
