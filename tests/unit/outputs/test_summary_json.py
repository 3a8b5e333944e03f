"""summary.json keeps the contract's keys, and its committed JSON Schema is that of the models."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.metrics.summary import Quality
from loadgen.outputs.run_folder import RunFolder
from loadgen.outputs.summary_json import NAME, SCHEMA_PATH, json_schema, read_summary, to_json, write_summary
from tests.unit.metrics.making import summary_of, turn

# Of the contract: every block may hold more, none of these may go.
CONTRACT = {
    "run": "id scenario started_at duration_s seed target model dialect workers version",
    "verdict": "outcome slos",
    "generator": "valid reasons schedule_lag_s loop_lag_s cpu_ratio chunks_per_read dropped",
    "requests": "scheduled sent ok failed cancelled errors",
    "throughput": "requests_per_s input_tokens_per_s output_tokens_per_s chunks_per_s goodput_requests_per_s",
    "latency": "ttft_s ttfo_s itl_s tpot_s e2e_s",
    "service": "connect_s ttft_s e2e_s",
    "tokens": "input output cached_input reasoning",
    "cost": "currency total total_low total_high per_1k_requests per_1m_output_tokens",
}
PART = ("requests", "throughput", "latency", "service", "tokens", "cost")
DIST = ["n", "mean", "min", "p50", "p90", "p95", "p99", "p99.9", "max"]
SLO = ["expression", "estimate", "ci_low", "ci_high", "confidence", "n", "outcome"]


@pytest.fixture
def written() -> dict[str, Any]:
    summary = summary_of(turn(20), turn(21), turn(80, workload="docs"), slos=["ttft p99 < 2s"])
    return dict(json.loads(to_json(summary)))


def test_the_committed_schema_is_up_to_date() -> None:
    assert SCHEMA_PATH.read_bytes() == json_schema(), "run `python -m loadgen.outputs.summary_json`"


def test_every_key_of_the_contract_is_there(written: dict[str, Any]) -> None:
    assert written["schema"] == "loadgen.summary/1"
    for block, keys in CONTRACT.items():
        assert set(keys.split()) <= set(written[block])
    for part in (*written["stages"], *written["workloads"].values()):
        for block in PART:
            assert set(CONTRACT[block].split()) <= set(part[block])
    assert [stage["name"] for stage in written["stages"]] == ["warmup", "steady", "peak"]
    assert written["workloads"]["chat"]["quality"] == {}


def test_a_distribution_has_the_contracts_keys_in_order(written: dict[str, Any]) -> None:
    assert list(written["latency"]["e2e_s"]) == DIST
    assert written["latency"]["e2e_s"]["p99"] is None


def test_slos_are_listed_and_not_judged(written: dict[str, Any]) -> None:
    assert written["verdict"]["outcome"] == "none"
    (slo,) = written["verdict"]["slos"]
    assert list(slo)[: len(SLO)] == SLO  # and what was added to the contract's
    assert (slo["expression"], slo["outcome"], slo["estimate"]) == ("ttft p99 < 2s", "not_judged", None)


def test_what_was_not_measured_is_null(written: dict[str, Any]) -> None:
    assert written["service"]["connect_s"] is None
    assert set(written["cost"].values()) == {None}
    assert written["throughput"]["goodput_requests_per_s"] is None
    assert written["stages"][0]["latency"]["ttft_s"] is None
    assert written["stages"][0]["generator"]["chunks_per_read"] is None


def test_a_summary_reads_back_as_it_was(tmp_path: Path) -> None:
    folder, summary = RunFolder(tmp_path / "run"), summary_of(turn(20))
    assert write_summary(folder, summary)
    assert read_summary(folder.path / NAME) == summary


def test_a_quality_is_a_figure_or_a_table() -> None:
    figure = Quality(value=0.5, ci_low=None, ci_high=None, n=3, unit="ratio")
    assert msgspec.to_builtins(figure) == {"value": 0.5, "ci_low": None, "ci_high": None, "n": 3, "unit": "ratio"}
    table = Quality(columns=["depth", "recall"], rows=[[0.1, 1.0]])
    assert msgspec.to_builtins(table) == {"columns": ["depth", "recall"], "rows": [[0.1, 1.0]]}
