"""`loadgen trace` prints every figure a recording has, and none that it has not."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from loadgen.outputs.trace_report import show, sparkline, to_json
from loadgen.workloads.replay.survey import survey

TRACES = Path(__file__).parents[2] / "data" / "traces"


def printed(name: str, width: int = 80) -> str:
    out = io.StringIO()
    show(survey(TRACES / name), Console(file=out, width=width))
    return out.getvalue()


def test_a_recording_with_a_clock_and_blocks() -> None:
    text = printed("mooncake.jsonl")
    assert "4 sessions, 4 requests, over 6 s" in text
    assert "40.3% of the prompts' tokens (6 different blocks of 512 tokens)" in text
    assert "requests in each" in text
    assert "█" in text


def test_what_a_logarithm_can_not_show_is_told_beside_it() -> None:
    _, distribution = [line for line in printed("mooncake.jsonl").splitlines() if line.startswith("gap of sessions")]
    assert distribution.split()[3:] == ["3", "s", "█", "3", "s", "1"]  # two gaps of 3 s, and one of 0


def test_a_recording_without_them() -> None:
    text = printed("openai.jsonl")
    assert "input tokens" not in text
    assert "`arrivals: trace` can't be used" in text


@pytest.mark.parametrize("name", ["mooncake.jsonl", "kv_cache_tester", "sharegpt.json", "azure.csv"])
def test_tables_and_plots_fit_a_terminal(name: str) -> None:
    lines = [line for line in printed(name).splitlines() if "│" in line or "  " in line]
    assert lines
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)


def test_json_has_every_figure_under_its_name() -> None:
    figures = json.loads(to_json(survey(TRACES / "azure.csv")))
    assert figures["schema"] == "loadgen.trace/1"
    assert figures["input_tokens"]["max"] == 4808
    assert figures["reuse"] is None


def test_a_bar_of_something_is_never_blank() -> None:
    assert sparkline([1, 0, 1000]) == "▁ █"
    assert sparkline([]) == ""
