"""One run through supervisor, master, worker and Locust, its figures held against sources that are not ours.

The sources: the server's own stamps, the records (by numpy), and HdrHistogram's own reader.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadgen.metrics.histogram import DIGITS, HIGHEST_US
from loadgen.outputs.summary_json import read_summary, to_json
from loadgen.simulator.process import RequestStamps, ScriptedServer
from tests.support.command import Command, Finished, write_scenario

CHUNKS = 20
WARMUP_S, END_S = 0.5, 3.0


@dataclass(frozen=True)
class Measured:
    """The run, and what the server says of it."""

    finished: Finished
    stamps: list[RequestStamps]

    @property
    def summary(self) -> dict[str, Any]:
        return self.finished.summary

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.finished.records

    @property
    def steady(self) -> list[dict[str, Any]]:
        """The records of the measured stage."""
        return [record for record in self.records if record["stage"] == "steady"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("numbers")
    chat = {"name": "chat", "kind": "chat", "turns": 2, "prompt_tokens": 50, "output_tokens": CHUNKS}
    stages = [
        {"name": "warmup", "duration": f"{WARMUP_S}s", "rate": 20, "measure": False},
        {"name": "steady", "duration": f"{END_S - WARMUP_S}s", "rate": 50},
    ]
    load = {"arrivals": "poisson", "grace": "5s", "stages": stages}
    scenario = write_scenario(folder, workloads=[chat], load=load, slos=["ttft p99 < 2s"])
    with ScriptedServer(ttft_ms=20, interval_ms=5, chunks=CHUNKS) as server:
        command = Command(folder, "run", scenario, "--target", server.url, "--out", "run")
        try:
            yield Measured(command.wait(), server.stamps())
        finally:
            command.end()


def test_it_ends_and_leaves_every_file(measured: Measured) -> None:
    assert measured.finished.completed, measured.finished.output
    names = {path.name for path in measured.finished.run.iterdir()}
    written = {"summary.json", "records.jsonl.gz", "histograms.hlog", "scenario.yaml", "environment.json"}
    assert names == written | {"report.html", "report.md", "junit.xml", "metrics.prom"}


def test_the_summary_is_of_its_schema(measured: Measured) -> None:
    # The committed schema is that of the models (tests/unit/outputs): nothing more, nothing less than they hold.
    path = measured.finished.run / "summary.json"
    assert to_json(read_summary(path)) == path.read_bytes()


def test_the_verdict_is_on_the_figures_of_the_summary(measured: Measured) -> None:
    (slo,) = measured.summary["verdict"]["slos"]
    ttft = measured.summary["latency"]["ttft_s"]
    assert (slo["expression"], slo["n"], slo["estimate"]) == ("ttft p99 < 2s", ttft["n"], ttft["p99"])
    good = sum(record["outcome"] == "ok" and record["ttft_s"] < 2 for record in measured.steady)
    assert measured.summary["requests"]["good"] == good
    ended = [record for record in measured.records if WARMUP_S <= record["end_s"] < END_S and record["ttft_s"] < 2]
    rate = len(ended) / (END_S - WARMUP_S)
    assert measured.summary["throughput"]["goodput_requests_per_s"] == pytest.approx(rate)


def test_the_server_answered_just_the_turns_that_are_recorded(measured: Measured) -> None:
    # One more by the preflight.
    assert len(measured.stamps) == len(measured.records) + 1


def test_every_turn_is_recorded_once(measured: Measured) -> None:
    keys = [(record["session"], record["turn"]) for record in measured.records]
    assert len(set(keys)) == len(keys)


def test_requests_add_up(measured: Measured) -> None:
    requests = measured.summary["requests"]
    assert requests["scheduled"] == requests["sent"] + measured.summary["generator"]["dropped"]
    assert requests["sent"] == requests["ok"] + requests["failed"] + requests["cancelled"]
    assert requests["sent"] == requests["ok"] == len(measured.steady) > 100


def test_tokens_are_the_sums_of_the_records(measured: Measured) -> None:
    tokens = measured.summary["tokens"]
    assert tokens["input"] == sum(record["input_tokens"] for record in measured.steady)
    assert tokens["output"] == sum(record["output_tokens"] for record in measured.steady)
    assert tokens["output"] == CHUNKS * len(measured.steady)
    # The scripted server says nothing of its cache: unknown, never 0.
    assert tokens["cached_input"] is None


@pytest.mark.parametrize(
    ("block", "metric", "field"),
    [
        ("latency", "ttft_s", "ttft_s"),
        ("latency", "ttfo_s", "ttfo_s"),
        ("latency", "tpot_s", "tpot_s"),
        ("latency", "e2e_s", "e2e_s"),
        ("service", "ttft_s", "service_ttft_s"),
        ("service", "e2e_s", "service_e2e_s"),
        ("service", "connect_s", "connect_s"),
    ],
)
def test_quantiles_are_those_of_the_records(measured: Measured, block: str, metric: str, field: str) -> None:
    values = np.array([record[field] for record in measured.steady if record[field] is not None])
    said = measured.summary[block][metric]
    assert said["n"] == len(values)
    assert said["mean"] == pytest.approx(values.mean(), rel=1e-9)
    assert (said["min"], said["max"]) == (pytest.approx(values.min()), pytest.approx(values.max()))
    for name, q in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        if len(values) < 1 / (1 - q) - 1e-6:
            assert said[name] is None
            continue
        expected = np.quantile(values, q, method="inverted_cdf")
        assert said[name] == pytest.approx(expected, rel=1.1e-3, abs=1e-6), name


def test_throughput_is_what_ended_inside_the_window(measured: Measured) -> None:
    throughput = measured.summary["throughput"]
    window_s = END_S - WARMUP_S
    assert throughput["window_s"] == pytest.approx(window_s)
    ended = sum(WARMUP_S <= record["end_s"] < END_S for record in measured.records)
    assert throughput["requests_per_s"] == pytest.approx(ended / window_s)
    # The chunks of a reply come evenly, so those inside the window follow from its first and its last.
    inside = 0.0
    for record in measured.records:
        stamps = np.linspace(record["first_output_s"], record["end_s"], CHUNKS)
        inside += np.count_nonzero((stamps >= WARMUP_S) & (stamps < END_S))
    assert throughput["chunks_per_s"] == pytest.approx(inside / window_s, rel=0.02)
    assert throughput["output_tokens_per_s"] == pytest.approx(inside / window_s, rel=0.02)


def test_hdrhistograms_own_reader_finds_the_same(measured: Measured) -> None:
    reader = HistogramLogReader(str(measured.finished.run / "histograms.hlog"), HdrHistogram(1, HIGHEST_US, DIGITS))
    found = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found[histogram.get_tag()] = histogram
    reader.close()
    for metric in ("ttft", "itl", "tpot", "e2e"):
        theirs = found[f"{metric};stage=steady;workload=chat"]
        said = measured.summary["latency"][f"{metric}_s"]
        assert theirs.get_total_count() == said["n"]
        # By its rank, which the reader rounds to the nearest where we take the next.
        percentile = 100 * -(-said["n"] * 99 // 100) / said["n"]
        assert theirs.get_value_at_percentile(percentile) / 1e6 == pytest.approx(said["p99"], rel=2e-3)


def test_service_ttft_is_the_servers_own(measured: Measured) -> None:
    # Two processes of one machine and the socket between them; how close they are is measured in benchmarks/, and the
    # bounds here allow for a machine that does much else.
    served = np.array([(stamps.writes_ns[0] - stamps.received_ns) / 1e9 for stamps in measured.stamps])
    seen = np.array([record["service_ttft_s"] for record in measured.records])
    assert seen.min() >= served.min(), "an answer before it was written"
    assert np.median(seen) - np.median(served) == pytest.approx(0.001, abs=0.02)


def test_gaps_are_the_servers_own(measured: Measured) -> None:
    served = np.concatenate([np.diff(stamps.writes_ns) / 1e9 for stamps in measured.stamps])
    said = measured.summary["latency"]["itl_s"]
    assert said["n"] == (CHUNKS - 1) * len(measured.steady)
    # On a busy machine chunks pile up in the socket and are read together, which the certificate tells.
    if measured.summary["generator"]["chunks_per_read"] < 1.05:
        assert said["p50"] == pytest.approx(np.median(served), abs=1e-3)
    assert said["mean"] == pytest.approx(served.mean(), rel=0.05)


def test_the_certificate_rests_on_every_turn_and_every_10_ms(measured: Measured) -> None:
    generator = measured.summary["generator"]
    assert generator["schedule_lag_s"]["n"] == len(measured.steady)
    assert generator["loop_lag_s"]["n"] == pytest.approx((END_S - WARMUP_S) * 100, abs=2)


def test_inputs_are_kept(measured: Measured) -> None:
    kept = (measured.finished.run / "scenario.yaml").read_text()
    assert "name: tested" in kept
    environment = (measured.finished.run / "environment.json").read_text()
    assert '"streams": true' in environment
    assert '"usage": true' in environment
