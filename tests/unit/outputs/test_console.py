"""The console tells what a person needs, within 100 columns, and on no terminal one plain line every 5 s."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.live import LiveView
from loadgen.metrics.snapshot import Gauges
from loadgen.metrics.summarize import summarize
from loadgen.metrics.summary import Quality, SloResult, Verdict
from loadgen.outputs.console import LiveConsole, duration, number, print_summary, quality_rows
from tests.unit.metrics.making import PLAN, RUN, new_recorder, snap, summary_of, turn


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=100, force_terminal=terminal, no_color=True), out


def view(at_s: float) -> LiveView:
    recorder, aggregate = new_recorder(), Aggregate(PLAN)
    recorder.record(turn(at_s - 1))
    recorder.record(turn(at_s - 1, outcome="http_429"))
    aggregate.apply(snap(recorder, at_s, Gauges(in_flight=12, sessions_active=4)))
    return aggregate.live()


def test_without_a_terminal_there_is_one_line_every_five_seconds() -> None:
    target, out = console()
    with LiveConsole(PLAN, target) as live:
        for second in range(20, 31):
            live.update(view(second))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["20/100", "25/100", "30/100"]
    for shown in ("steady", "12 in flight", "4 sessions", "TTFT p50 50.0 ms", "ITL", "1 failed (http_429 1)"):
        assert shown in lines[0]


def test_on_a_terminal_the_view_is_redrawn_in_place() -> None:
    target, out = console(terminal=True)
    with LiveConsole(PLAN, target) as live:
        live.update(view(20))
        live.update(view(21))
    assert "20/100 s steady" in out.getvalue()
    assert "21/100 s steady" in out.getvalue()
    # Cursor up: the second view replaces the first.
    assert "\x1b[1A" in out.getvalue()


def test_a_summary_fits_in_100_columns() -> None:
    target, out = console()
    turns = [turn(20 + k / 10, workload=("chat", "docs")[k % 2]) for k in range(300)]
    print_summary(summary_of(*turns, slos=["ttft p99 < 2s"]), target, Path("runs/x"))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    for shown in ("chat", "docs", "total", "TTFT", "TPOT", "Generator: valid", "not judged", "runs/x"):
        assert shown in text


def test_one_workload_is_its_own_total() -> None:
    target, out = console()
    summary = summary_of(turn(20))
    print_summary(msgspec.structs.replace(summary, workloads={"chat": summary.workloads["chat"]}), target)
    assert "total" not in out.getvalue()


def test_retries_are_never_silent() -> None:
    for attempts, shown in ((1, False), (3, True)):
        target, out = console()
        print_summary(summary_of(turn(20, attempts=attempts), turn(21)), target)
        assert ("Retries: 2" in out.getvalue()) == shown


def test_new_sessions_a_second_are_told_where_requests_are_more() -> None:
    for turns, shown in ((1, False), (3, True)):
        target, out = console()
        print_summary(summary_of(*(turn(20 + at / 2, turn=at % turns) for at in range(90))), target)
        assert ("New sessions:" in out.getvalue()) == shown


def test_an_invalid_generator_says_why() -> None:
    target, out = console()
    print_summary(summarize(Aggregate(PLAN), RUN, ended_s=100), target)
    text = out.getvalue()
    assert "Generator: INVALID" in text
    assert "schedule lag is unknown" in text
    assert "Verdict: invalid" in text


def test_markup_in_names_is_shown_and_not_obeyed() -> None:
    target, out = console()
    summary = summary_of(turn(20))
    print_summary(msgspec.structs.replace(summary, workloads={"[red]x": summary.workloads["chat"]}), target)
    assert "[red]x" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.0, "0 µs"),
        (0.000812, "812 µs"),
        (0.0034, "3.40 ms"),
        (0.25, "250 ms"),
        (2.5, "2.50 s"),
        (120, "120 s"),
    ],
)
def test_a_duration_has_three_digits_and_its_unit(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0.0, "0.00"), (12.34, "12.3"), (52_000.0, "52,000")])
def test_a_figure_that_was_not_measured_is_a_dash_and_not_zero(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_verdict_is_a_table_with_the_reasons_below() -> None:
    slos = [
        SloResult("ttft p99 < 2s", 0.15, 0.14, 0.16, 0.95, 1000, "pass", limit=2.0, unit="s"),
        SloResult(
            "error_rate < 1%",
            0.0,
            0.0,
            0.03,
            0.95,
            1000,
            "inconclusive",
            300,
            "needs about 300 more turns",
            0.01,
            "share",
        ),
    ]
    verdict = Verdict("inconclusive", slos, ["the queue grew"])
    target, out = console()
    print_summary(msgspec.structs.replace(summary_of(turn(20)), verdict=verdict), target)
    lines = out.getvalue().splitlines()
    shown = lines[lines.index("Verdict: inconclusive") + 1 :]
    assert [line.split() for line in shown[1:3]] == [
        ["ttft", "p99", "<", "2s", "pass", "150", "ms", "140", "ms", "to", "160", "ms", "(95%)", "1,000"],
        ["error_rate", "<", "1%", "inconclusive", "0%", "0%", "to", "3.00%", "(95%)", "1,000"],
    ]
    assert [line.strip() for line in shown[3:]] == [
        "error_rate < 1%: needs about 300 more turns",
        "Note: the queue grew",
    ]


def test_what_a_workload_alone_measures_is_shown_with_its_interval() -> None:
    summary = summary_of(turn(20))
    (name, part), *_ = summary.workloads.items()
    quality = {
        "task_done": Quality(value=0.5, ci_low=0.25, ci_high=0.75, n=16, unit="share"),
        "done_change": Quality(value=-0.125, ci_low=None, ci_high=None, n=16, unit="difference of shares"),
        "wrong": Quality(value=0.01, ci_low=1e-12, ci_high=0.5, n=9, unit="share"),
        "exponent": Quality(value=0.8977, ci_low=0.59, ci_high=1.199, n=26, unit="exponent"),
        "by_task": Quality(columns=["task"], rows=[["a"]]),
    }
    rows = quality_rows(msgspec.structs.replace(part, quality=quality))
    assert rows == [
        ("task done", "50.00%", "25.00% to 75.00%", "16"),
        ("done change", "-12.5 points", "–", "16"),
        ("wrong", "1.00%", "<0.001% to 50.00%", "9"),
        ("exponent", "0.898", "0.59 to 1.2", "26"),
    ]
    shown, text = console()
    with_quality = {name: msgspec.structs.replace(part, quality=quality)}
    print_summary(msgspec.structs.replace(summary, workloads=with_quality), shown)
    assert f"Quality of {name}" in text.getvalue()
    assert "25.00% to 75.00%" in text.getvalue()
