"""What the load can't do is counted: arrivals above max_in_flight, and turns cut off at the end of the grace time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from loadgen.simulator.process import ScriptedServer
from tests.support.command import Command, Finished, open_load, write_scenario


@dataclass(frozen=True)
class Case:
    """A run, and how many requests its server has answered, the preflight's left out."""

    finished: Finished
    answered: int


# Replies of 1 s, 4 at a time: 4 of the 20 arrivals a second can be served. Replies of 2 s, of which those due in the
# last second and a half of three are cut off. Replies that begin after 1.5 s, a grace time of 0.2 s.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dropped": (open_load(20, "3s", max_in_flight=4, grace="10s"), {"ttft_ms": 900, "interval_ms": 100, "chunks": 2}),
    "cut": (open_load(10, "3s", grace="500ms"), {"ttft_ms": 100, "interval_ms": 100, "chunks": 20}),
    "silent": (open_load(10, "2s", grace="200ms"), {"ttft_ms": 1500, "interval_ms": 1, "chunks": 2}),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """All of them at once, for they mostly wait."""
    servers: dict[str, ScriptedServer] = {}
    commands: dict[str, Command] = {}
    try:
        for name, (load, script) in CASES.items():
            folder = tmp_path_factory.mktemp(name)
            servers[name] = ScriptedServer(**script).__enter__()
            scenario = write_scenario(folder, load=load)
            commands[name] = Command(folder, "run", scenario, "--target", servers[name].url, "--out", "run")
        yield {name: Case(command.wait(), len(servers[name].stamps()) - 1) for name, command in commands.items()}
    finally:
        for command in commands.values():
            command.end()
        for server in servers.values():
            server.stop()


def test_arrivals_above_max_in_flight_are_dropped_and_counted(cases: dict[str, Case]) -> None:
    finished = cases["dropped"].finished
    requests = finished.summary["requests"]
    dropped = finished.summary["generator"]["dropped"]
    assert requests["scheduled"] == 60 == requests["sent"] + dropped
    assert requests["sent"] == requests["ok"] == cases["dropped"].answered == len(finished.records)
    assert requests["sent"] <= 3 * 4 + 4
    assert dropped >= 40
    # Never more at once than allowed, by the records' own times.
    edges = [(record["send_s"], 1) for record in finished.records]
    edges += [(record["end_s"], -1) for record in finished.records]
    in_flight = most = 0
    for _, change in sorted(edges):
        in_flight += change
        most = max(most, in_flight)
    assert most <= 4


def test_turns_cut_off_keep_what_they_had_shown(cases: dict[str, Case]) -> None:
    finished = cases["cut"].finished
    assert finished.completed, finished.output
    requests = finished.summary["requests"]
    assert requests["scheduled"] == requests["sent"] == 30
    assert requests["sent"] == requests["ok"] + requests["cancelled"]
    assert requests["cancelled"] > 0
    assert requests["error_rate"] == 0
    silent = sum(record["ttft_s"] is None for record in finished.records)
    assert requests["censored"] == {"ttft": silent, "e2e": requests["cancelled"]}
    latency = finished.summary["latency"]
    assert (latency["ttft_s"]["n"], latency["e2e_s"]["n"]) == (30 - silent, requests["ok"])
    assert latency["itl_s"]["n"] == sum(max(0, record["chunks"] - 1) for record in finished.records)
    cut = [record for record in finished.records if record["outcome"] == "cancelled"]
    assert len(cut) == requests["cancelled"]
    assert any(record["chunks"] for record in cut)
    for record in cut:
        assert (record["ttft_s"] is None) == (record["chunks"] == 0)
        assert record["tpot_s"] is None
        assert record["output_tokens"] is None
        assert record["chunks"] < 20
    # What they would have cost in tokens is not known.
    assert finished.summary["tokens"]["output"] is None
    assert finished.summary["tokens"]["output_known"] == 20 * requests["ok"]


def test_turns_cut_off_before_any_output_are_censored(cases: dict[str, Case]) -> None:
    finished = cases["silent"].finished
    requests = finished.summary["requests"]
    silent = [record for record in finished.records if record["first_output_s"] is None]
    assert len(silent) == requests["censored"]["ttft"] == requests["cancelled"] > 0
    assert requests["sent"] == requests["ok"] + requests["cancelled"] == 20
    assert {record["ttft_s"] for record in silent} == {None}
