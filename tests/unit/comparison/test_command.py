"""The command line of `compare`: which side is which, what is refused, and how it exits."""

import json
from pathlib import Path

import pytest

from loadgen.errors import ExitCode
from tests.unit.comparison.making import SCENARIO, folder
from tests.unit.test_cli import leave


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    for day in range(3):
        folder(made / f"main-{day}", day)
        folder(made / f"new-{day}", 10 + day, slower=1.3)
    folder(made / "other", 5, scenario=SCENARIO.replace("rate: 8", "rate: 9"))
    return made


def compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, dict[str, object]]:
    code = leave(monkeypatch, "compare", *map(str, arguments), "--format", "json", "--metrics", "ttft.p50,itl.p50")
    return code, json.loads(capsys.readouterr().out)


def test_two_paths_are_the_baseline_and_the_candidate(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = compared(monkeypatch, capsys, base / "main-0", base / "new-0" / "summary.json")
    assert code == ExitCode.SLO_FAILED
    assert found["unit"] == "session_pair"


@pytest.mark.parametrize("options_first", [False, True])
def test_all_paths_after_baseline_are_the_baselines(
    options_first: bool, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [*sorted(base.glob("new-*")), "--baseline", *sorted(base.glob("main-*"))]
    option = ["--min-effect", "3%"]
    code, found = compared(monkeypatch, capsys, *([*option, *sides] if options_first else [*sides, *option]))
    assert code == ExitCode.SLO_FAILED
    assert (found["unit"], found["min_effect"]) == ("run", 0.03)
    baseline = found["baseline"]
    assert isinstance(baseline, list)
    assert [Path(run["path"]).name for run in baseline] == ["main-0", "main-1", "main-2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "no baseline"),
        ("main-0", "no candidate"),
        ("main-0 new-0 new-1", "which are the baseline is not said"),
        ("--baseline main-0 main-1", "no candidate before --baseline"),
        ("main-0 nowhere", "no such folder"),
        ("main-0 .", "no summary.json"),
        ("main-0 main-0", "the same run"),
        ("main-0 other", "load.stages.2.rate: 8 against 9"),
        ("main-0 new-0 --metrics latency", "accepted: ttft"),
        ("main-0 new-0 --metrics ttft.p42", "ttft.p99"),
        ("main-0 new-0 --min-effect 200%", "accepted: a share"),
        ("main-0 new-0 --confidence 20%", "accepted: 50%"),
    ],
)
def test_a_mistake_is_told_and_exits_with_2(
    arguments: str, told: str, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(base)
    assert leave(monkeypatch, "compare", *arguments.split()) == ExitCode.BAD_INPUT
    caught = capsys.readouterr()
    assert told in caught.err
    assert caught.out == ""


def test_a_folder_with_a_broken_summary_is_told(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "summary.json").write_text("{}")
    assert leave(monkeypatch, "compare", str(base / "main-0"), str(tmp_path)) == ExitCode.BAD_INPUT
    assert "summary.json: can't be read" in capsys.readouterr().err


def test_it_can_be_forced_and_says_what_differs(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(base)
    assert leave(monkeypatch, "compare", "main-0", "other", "--force") == ExitCode.INCONCLUSIVE
    assert "Differs: scenario: load.stages.2.rate" in capsys.readouterr().out
