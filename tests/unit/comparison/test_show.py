"""What a comparison looks like: a table for a terminal, a comment without foreign markup, JSON that says all."""

import io
import json

import msgspec
import pytest
from rich.console import Console

from loadgen.comparison.judge import Request, compare
from loadgen.comparison.result import Comparison
from loadgen.comparison.show import headline, markdown, print_comparison, to_json
from tests.unit.comparison.making import runs

HOSTILE = "<img src=x> @team `ls` | #1"


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    base = tmp_path_factory.mktemp("slower")
    request = Request(metrics=("ttft.p50", "ttft.p99", "error_rate"))
    return compare(runs(base, "a", range(3)), runs(base, "b", range(3, 6), slower=1.5), request)


def printed(comparison: Comparison, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_comparison(comparison, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_outcome_is_one_line(slower: Comparison) -> None:
    assert headline(slower).startswith("Regression in 2 of 3 figures: ttft.p50 +5")


def test_the_table_has_every_figure_with_its_interval_and_outcome(slower: Comparison) -> None:
    lines = printed(slower).splitlines()
    [ttft] = [line for line in lines if line.strip().startswith("ttft.p50")]
    assert "ms" in ttft
    assert " to +" in ttft
    assert ttft.rstrip().endswith("REGRESSION")
    assert any(line.strip().startswith("error_rate") and line.rstrip().endswith("no change") for line in lines)
    assert max(map(len, lines)) <= 100


def test_a_narrow_terminal_has_whole_names_and_outcomes(slower: Comparison) -> None:
    named = [msgspec.structs.replace(slower.metrics[0], name="cost.per_1m_output_tokens"), *slower.metrics[1:]]
    text = printed(msgspec.structs.replace(slower, metrics=named), 80)
    assert all(one.name in text for one in named)
    assert "REGRESSION" in text
    assert max(map(len, text.splitlines())) <= 80


def test_json_has_the_whole_comparison_and_reads_back(slower: Comparison) -> None:
    data = json.loads(to_json(slower))
    assert data["schema"] == "loadgen.comparison/1"
    assert (data["outcome"], data["exit_code"], data["unit"]) == ("regression", 1, "run")
    assert msgspec.json.decode(to_json(slower), type=Comparison) == slower


def test_a_comment_says_the_outcome_first_and_folds_the_rest_away(slower: Comparison) -> None:
    text = markdown(slower)
    assert text.startswith("## loadgen compare: Regression in 2 of 3 figures: `ttft.p50` +5")
    assert all(ord(character) < 0x2100 for character in text)
    head, fold, rest = text.partition("<details>")
    assert fold
    assert "`ttft.p50`" in head
    assert "`error_rate`" not in head.partition("\n\n|")[2].partition("\n\n")[0]
    assert "`error_rate`" in rest


def test_nothing_from_outside_is_markup_in_a_comment(slower: Comparison) -> None:
    run = msgspec.structs.replace(slower.candidate[0], path=HOSTILE, model=HOSTILE, target=HOSTILE)
    metrics = [msgspec.structs.replace(slower.metrics[0], name=HOSTILE, unit=HOSTILE), *slower.metrics[1:]]
    text = markdown(msgspec.structs.replace(slower, candidate=[run], notes=[HOSTILE], metrics=metrics))
    outside = "".join(part for line in text.splitlines() for part in line.split("``")[::2])
    assert "<img" not in outside
    assert "@team" not in outside


def test_undecided_says_how_many_runs_it_would_take(slower: Comparison) -> None:
    undecided = [msgspec.structs.replace(slower.metrics[0], outcome="cannot_tell")]
    told = msgspec.structs.replace(slower, metrics=undecided, outcome="cannot_tell", runs_needed=12)
    assert headline(told) == "Can't tell: 1 of 1 figures are undecided. About 12 runs a side would tell."
    assert "over 100 a side" in headline(msgspec.structs.replace(told, runs_needed=None))
