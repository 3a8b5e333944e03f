"""report.md: the verdict first, few lines, and nothing from outside that a forge could take for markup."""

import re

import msgspec
import pytest

from loadgen.metrics.summary import Cost, HardwareCost, SloResult, Summary
from loadgen.outputs.markdown import code, markdown_report
from tests.unit.outputs.summaries import FAILED, PASSED, UNDECIDED, UNJUDGED, invalid, material, summary_with


def report(summary: Summary) -> str:
    return markdown_report(material(summary))


def row_of(text: str, begin: str) -> list[str]:
    """The cells of the one table row that begins with this cell."""
    [line] = [line for line in text.splitlines() if line.startswith(f"| {begin} |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize(
    ("outcome", "slos", "title", "sentence"),
    [
        ("pass", [PASSED], "PASS", "`ttft p99 < 2s` holds."),
        ("pass", [PASSED, PASSED], "PASS", "Every SLO holds."),
        ("fail", [PASSED, FAILED], "FAIL", "1 of 2 SLOs failed: `error_rate < 1%`."),
        ("inconclusive", [PASSED, UNDECIDED], "INCONCLUSIVE", "1 of 2 SLOs could not be decided: `tpot p99 < 80ms`."),
        ("none", [], "no SLO stated", "The scenario states no SLO: nothing was judged."),
    ],
)
def test_it_begins_with_the_verdict_and_what_decided_it(
    outcome: str, slos: list[SloResult], title: str, sentence: str
) -> None:
    assert report(summary_with(outcome, *slos)).split("\n\n")[:2] == [f"## loadgen: {title}", sentence]


def test_an_invalid_run_says_so_first_and_why() -> None:
    text = report(invalid(summary_with("invalid", UNJUDGED), "loop lag p99 is 31.0 ms"))
    assert text.startswith("## loadgen: INVALID\n\nThe generator was the bottleneck")
    assert "Generator: **INVALID**" in text
    assert "- `loop lag p99 is 31.0 ms`" in text
    assert row_of(text, "`ttft p50 < 1s`")[1] == "not judged"


def test_an_slo_is_a_row_with_its_figure_its_interval_and_what_is_missing() -> None:
    text = report(summary_with("fail", PASSED, FAILED, UNDECIDED))
    assert row_of(text, "`ttft p99 < 2s`")[1:] == ["pass", "50.0 ms", "49.0 ms to 51.2 ms (95%)", "400", ""]
    assert row_of(text, "`error_rate < 1%`")[1:5] == ["**FAIL**", "3.10%", "2.20% to 4.20% (97.5%)", "400"]
    assert row_of(text, "`tpot p99 < 80ms`")[1:] == [
        "**inconclusive**",
        "79.0 ms",
        "at least 71.2 ms (95%)",
        "90",
        "`needs about 310 more turns: 7 s at this rate`",
    ]


def test_what_was_not_measured_is_a_dash() -> None:
    text = report(summary_with("inconclusive", SloResult("goodput >= 95%", outcome="inconclusive", unit="share")))
    assert row_of(text, "`goodput >= 95%`")[2:5] == ["–", "–", "–"]
    assert row_of(text, "TTFT")[1:] == ["50.0 ms", "50.0 ms", "–", "–", "50.0 ms", "3"]


def test_workloads_have_rows_and_a_total() -> None:
    text = report(summary_with("none"))
    assert row_of(text, "`docs`")[1] == "1"
    assert row_of(text, "total")[1] == "3"
    assert row_of(text, "TTFT `docs`")[-1] == "1"


def test_costs_are_shown_where_they_are_known() -> None:
    assert "| cost |" not in report(summary_with("none"))
    hardware = HardwareCost(1.5, 20.0, 30.0, 10.0)
    cost = Cost("USD", None, 0.01, 0.02, 2.5, 3.5, 1, hardware)
    text = report(summary_with("none", cost=cost))
    assert row_of(text, "`USD` by prices, 1 turns of unknown cost")[1:] == ["0.01 to 0.02", "2.5", "3.5"]
    assert row_of(text, "USD by hardware")[1:] == ["1.5", "20", "30"]


def test_a_usual_run_takes_fewer_than_60_lines_and_notes_do_not_flood_it() -> None:
    notes = [f"note {number}" for number in range(50)]
    text = report(summary_with("fail", PASSED, FAILED, UNDECIDED, PASSED, notes=notes))
    assert len(text.splitlines()) < 60
    assert "- `and 42 more, in summary.json`" in text


HOSTILE = "@team #1 https://x.example <img src=x> | `ls` **b** \x1b[31m\nsecond"


def test_nothing_from_outside_is_markup_a_link_or_a_mention() -> None:
    summary = summary_with("fail", SloResult(HOSTILE, outcome="fail", reason=HOSTILE), notes=[HOSTILE])
    run = msgspec.structs.replace(summary.run, scenario=HOSTILE, model=HOSTILE, target=HOSTILE, notes=[HOSTILE])
    text = report(msgspec.structs.replace(summary, run=run, workloads={HOSTILE: summary.workloads["chat"]}))
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"[@#<\x1b]|http|\*\*b|second", outside.replace("## loadgen", ""))
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", line)) for line in tables if "team" in line} == {8, 12}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a`", "`` `a` ``"),
        ("", "` `"),
        ("x" * 400, f"`{'x' * 299}…`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span
