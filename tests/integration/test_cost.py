"""What a run costs, end to end: records and summary agree, and a budget refuses, stops and stays within itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, closed_load, open_load, write_scenario
from tests.support.recording_server import RecordingServer

# Dear enough that a few seconds of the simulator cost dollars; the same at every hour.
PRICES = {"input": 1000.0, "cached_input": 100.0, "output": 2000.0}
CHAT = {"name": "chat", "kind": "chat", "prompt_tokens": 200, "output_tokens": 10}


def _priced(tokens: dict[str, Any]) -> float:
    """By hand: what these counts cost."""
    cached = tokens["cached_tokens"]
    return float((tokens["input_tokens"] - cached) * 1000 + cached * 100 + tokens["output_tokens"] * 2000) / 1e6


def test_the_summary_is_the_sum_of_the_records(run: Callable[..., Command], tmp_path: Path) -> None:
    chat = CHAT | {"turns": 2, "prefix": {"tokens": 100, "scope": "all"}}
    scenario = write_scenario(tmp_path, workloads=[chat], load=open_load(20, "3s"), prices=PRICES)
    with SimulatorProcess() as server:
        finished = run(scenario, "--target", server.url, "--workers", "2").wait()
    assert finished.completed, finished.output
    records = [record for record in finished.records if record["outcome"] == "ok"]
    assert any(record["cached_tokens"] for record in records)
    for record in records:
        assert record["cost"] == pytest.approx(_priced(record))
    cost = finished.summary["cost"]
    total = sum(record["cost"] for record in records)
    assert cost["total"] == pytest.approx(total)
    assert cost["per_1k_requests"] == pytest.approx(total / len(records) * 1000)
    assert (cost["currency"], cost["unknown_turns"]) == ("USD", 0)
    assert finished.summary["workloads"]["chat"]["cost"] == cost


def test_where_cached_tokens_are_unknown_the_cost_is_an_interval(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, workloads=[CHAT], load=open_load(20, "1s"), prices=PRICES)
    with RecordingServer() as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.completed, finished.output
    cost, tokens = finished.summary["cost"], finished.summary["tokens"]
    assert cost["total"] is None
    assert {record["cost"] for record in finished.records} == {None}
    assert cost["total_low"] == pytest.approx((tokens["input"] * 100 + tokens["output"] * 2000) / 1e6)
    assert cost["total_high"] == pytest.approx((tokens["input"] * 1000 + tokens["output"] * 2000) / 1e6)


def test_a_run_that_can_not_fit_its_budget_is_refused(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, workloads=[CHAT], load=open_load(20, "60s"), prices=PRICES, budget={"usd": 5})
    with RecordingServer() as server:
        finished = run(scenario, "--target", server.url).wait()
        assert len(server.requests) == 1  # the preflight's
    assert finished.code == ExitCode.BAD_INPUT
    assert "forecast: at least" in finished.output
    assert "1,200 sessions, 1,200 turns" in finished.output
    assert "--set budget=null" in finished.output
    assert "Traceback" not in finished.output
    assert not finished.run.exists()


def test_a_load_ends_when_its_budget_is_nearly_spent(run: Callable[..., Command], tmp_path: Path) -> None:
    # About 0.24 USD a turn, so some 40 turns: a moment's work, less than it takes to report.
    scenario = write_scenario(
        tmp_path, workloads=[CHAT], load=closed_load(2, "60s"), prices=PRICES, budget={"usd": 12}, calibrate="auto"
    )
    with SimulatorProcess() as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.completed, finished.output
    summary = finished.summary
    assert any("to stay within the budget of 12 USD" in note for note in summary["run"]["notes"])
    calibration = json.loads((finished.run / "environment.json").read_text())["calibration"]
    before = sum(found["input_tokens"] for found in calibration) * 1000 / 1e6
    assert 0.9 * 12 < summary["cost"]["total"] + before <= 12
    assert summary["requests"]["ok"] == summary["requests"]["sent"]
    assert summary["run"]["duration_s"] < 40
    assert "forecast: at least" in finished.output


def test_a_budget_can_not_be_held_where_no_tokens_are_counted(run: Callable[..., Command], tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, workloads=[CHAT], load=open_load(5, "60s"), prices=PRICES, budget={"usd": 500})
    with RecordingServer(usage=False) as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.code == ExitCode.BAD_INPUT
    assert "reports no token counts" in finished.output


def test_a_model_without_a_price_is_refused_with_those_that_have_one(
    run: Callable[..., Command], tmp_path: Path
) -> None:
    tariff = [{"valid_from": "2026-01-01", "input": 1, "output": 2}]
    prices = {"models": {"alpha": tariff, "beta": tariff}}
    scenario = write_scenario(tmp_path, workloads=[CHAT], load=open_load(5, "60s"), prices=prices)
    with RecordingServer() as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.code == ExitCode.BAD_INPUT
    assert "no price of the model 'recorded' in the list; it has alpha, beta" in finished.output


def test_hardware_gives_dollars_for_what_was_measured(run: Callable[..., Command], tmp_path: Path) -> None:
    hardware = {"usd_per_hour": 36.0}
    scenario = write_scenario(tmp_path, workloads=[CHAT], load=open_load(20, "2s"), hardware=hardware)
    with RecordingServer() as server:
        finished = run(scenario, "--target", server.url).wait()
    assert finished.completed, finished.output
    cost, throughput = finished.summary["cost"], finished.summary["throughput"]
    # For as long as the run got: it ends with its last turn.
    assert cost["total"] == pytest.approx(36 / 3600 * throughput["window_s"])
    assert cost["per_1m_output_tokens"] == pytest.approx(36 / 3600 / throughput["output_tokens_per_s"] * 1e6)
