"""Comparing clocks: the shortest round trip counts, and a correction is made only where the clocks can't agree."""

import time
from typing import Any

import msgspec
import pytest

from loadgen.swarm.clocks import ClockOffset, Clocks
from loadgen.swarm.messages import Tick, Tock, pack


class Exchange:
    """A worker whose clock is ahead, behind a network of these one-way delays; plays the master's clock too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ahead_ns: int, delays: list[tuple[int, int]]) -> None:
        self.now_ns = 1_000_000_000_000
        self._ahead_ns = ahead_ns
        self._delays = iter(delays)
        self.clocks = Clocks("run", self._answer)
        monkeypatch.setattr(time, "time_ns", lambda: self.now_ns)

    def _answer(self, kind: str, data: bytes, worker: str) -> None:
        tick = msgspec.msgpack.decode(data, type=Tick)
        there, back = next(self._delays)
        told = pack(Tock(tick.run_id, tick.asked_ns, self.now_ns + there + self._ahead_ns))
        self.now_ns += there + back
        self.clocks.hear(worker, told)


def test_the_shortest_round_trip_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[Any] = [(9_000_000, 1_000_000)] * 7 + [(100_000, 140_000)]
    exchange = Exchange(monkeypatch, 50_000_000, delays)
    exchange.clocks.ask(["w"])
    assert exchange.clocks.answered(["w"])
    assert exchange.clocks.offsets["w"] == ClockOffset(49_980_000, 120_000)
    assert exchange.clocks.correction_ns("w") == 49_980_000


@pytest.mark.parametrize("asymmetry_ns", [-900_000, 0, 900_000])
def test_clocks_that_may_agree_are_left_alone(monkeypatch: pytest.MonkeyPatch, asymmetry_ns: int) -> None:
    exchange = Exchange(monkeypatch, 0, [(1_000_000 + asymmetry_ns, 1_000_000 - asymmetry_ns)] * 8)
    exchange.clocks.ask(["w"])
    assert exchange.clocks.correction_ns("w") == 0
    assert exchange.clocks.notes(["w"]) == []


def test_what_is_off_or_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Exchange(monkeypatch, -30_000_000, [(100_000, 100_000)] * 8)
    behind.clocks.ask(["w"])
    assert behind.clocks.notes(["w"]) == [
        "the clock of worker w is 30.0 ms behind the master's (± 0.1 ms); its start was corrected by that"
    ]
    far = Exchange(monkeypatch, 0, [(20_000_000, 20_000_000)] * 8)
    far.clocks.ask(["w"])
    assert far.clocks.notes(["w"]) == ["the clock of worker w is known to ± 20.0 ms only, and so is its start"]
    assert far.clocks.notes(["silent"]) == ["the clock of worker silent could not be compared"]


def test_an_answer_of_another_run_or_unasked_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange(monkeypatch, 0, [(1, 1)] * 8)
    exchange.clocks.hear("w", pack(Tock("run", 0, 5)))
    exchange.clocks.ask(["w"])
    known = exchange.clocks.offsets["w"]
    exchange.clocks.hear("w", pack(Tock("another", exchange.now_ns, 5)))
    assert exchange.clocks.offsets["w"] == known
