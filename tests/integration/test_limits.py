"""What the load can't do is counted: arrivals above max_in_flight, and turns cut off at the end of the grace time."""

from collections.abc import Callable
from pathlib import Path

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer
from tests.support.command import Command, open_load, write_scenario


def test_arrivals_above_max_in_flight_are_dropped_and_counted(run: Callable[..., Command], tmp_path: Path) -> None:
    # 1 s a reply, 4 at a time: 4 of the 20 arrivals a second can be served.
    scenario = write_scenario(tmp_path, load=open_load(20, "3s", max_in_flight=4, grace="10s"))
    with ScriptedServer(ttft_ms=900, interval_ms=100, chunks=2) as server:
        finished = run(scenario, "--target", server.url).wait()
        received = len(server.stamps()) - 1
    requests = finished.summary["requests"]
    dropped = finished.summary["generator"]["dropped"]
    assert requests["scheduled"] == 60 == requests["sent"] + dropped
    assert requests["sent"] == requests["ok"] == received == len(finished.records)
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


def test_turns_cut_off_keep_what_they_had_shown(run: Callable[..., Command], tmp_path: Path) -> None:
    # Half the grace time's turns end, the others are cut off: those due in the last second and a half of three.
    scenario = write_scenario(tmp_path, load=open_load(10, "3s", grace="500ms"))
    with ScriptedServer(ttft_ms=100, interval_ms=100, chunks=20) as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.code == ExitCode.PASS
    requests = finished.summary["requests"]
    assert requests["scheduled"] == requests["sent"] == 30
    assert requests["sent"] == requests["ok"] + requests["cancelled"]
    assert 5 <= requests["cancelled"] <= 20
    assert requests["error_rate"] == 0
    assert requests["censored"] == {"ttft": 0, "e2e": requests["cancelled"]}
    latency = finished.summary["latency"]
    assert (latency["ttft_s"]["n"], latency["e2e_s"]["n"]) == (30, requests["ok"])
    assert latency["itl_s"]["n"] == sum(record["chunks"] - 1 for record in finished.records)
    cut = [record for record in finished.records if record["outcome"] == "cancelled"]
    assert len(cut) == requests["cancelled"]
    for record in cut:
        assert record["ttft_s"] is not None
        assert record["tpot_s"] is None
        assert record["output_tokens"] is None
        assert 0 < record["chunks"] < 20
    # What they would have cost in tokens is not known.
    assert finished.summary["tokens"]["output"] is None
    assert finished.summary["tokens"]["output_known"] == 20 * requests["ok"]


def test_turns_cut_off_before_any_output_are_censored(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=open_load(10, "2s", grace="200ms"))
    with ScriptedServer(ttft_ms=1500, interval_ms=1, chunks=2) as server:
        finished = run(scenario, "--target", server.url).wait()
    requests = finished.summary["requests"]
    silent = [record for record in finished.records if record["first_output_s"] is None]
    assert len(silent) == requests["censored"]["ttft"] == requests["cancelled"] > 0
    assert finished.summary["latency"]["ttft_s"]["n"] == requests["ok"]
    assert {record["ttft_s"] for record in silent} == {None}
