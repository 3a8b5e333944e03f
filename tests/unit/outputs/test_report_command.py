"""`loadgen report DIR`: every report again from the folder alone, and a clear word where that can't be."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from loadgen.errors import UsageError
from loadgen.outputs.command import report
from loadgen.outputs.material import Material
from loadgen.outputs.report import write_reports
from loadgen.outputs.run_folder import RunFolder
from tests.unit.outputs.folders import made_run, some_turns

NAMES = ["report.md", "junit.xml", "report.html"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made_run(tmp_path / "run", some_turns(40))
    return tmp_path / "run"


def test_all_reports_are_made_again_and_named(run: Path) -> None:
    result = CliRunner().invoke(report, [str(run)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [str(run / name) for name in NAMES]
    assert all((run / name).stat().st_size > 100 for name in NAMES)


def test_the_same_folder_gives_the_same_reports(run: Path) -> None:
    CliRunner().invoke(report, [str(run)], catch_exceptions=False)
    first = {name: (run / name).read_bytes() for name in NAMES}
    CliRunner().invoke(report, [str(run)], catch_exceptions=False)
    assert {name: (run / name).read_bytes() for name in NAMES} == first


def test_reports_may_go_elsewhere_and_leave_the_run_as_it_is(run: Path, tmp_path: Path) -> None:
    before = sorted(run.iterdir())
    CliRunner().invoke(report, [str(run), "--out", str(tmp_path / "site" / "x")], catch_exceptions=False)
    assert sorted(path.name for path in (tmp_path / "site" / "x").iterdir()) == sorted(NAMES)
    assert sorted(run.iterdir()) == before


def test_a_run_that_was_cut_by_a_crash_says_what_is_missing(run: Path) -> None:
    (run / "summary.json").unlink()
    with pytest.raises(UsageError, match=r"summary\.json is missing.*it left .*records\.jsonl\.gz"):
        CliRunner().invoke(report, [str(run)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("content", "said"), [("{", "not a summary"), ('{"schema": "loadgen.summary/2"}', "not a sum")]
)
def test_a_summary_that_is_none_is_named(run: Path, content: str, said: str) -> None:
    (run / "summary.json").write_text(content)
    with pytest.raises(UsageError, match=said):
        Material.read(run)


def test_a_folder_that_is_no_run_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder"):
        Material.read(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        Material.read(tmp_path / "absent")


def test_a_report_that_can_not_be_written_costs_only_itself(run: Path) -> None:
    (run / "report.html").mkdir()
    folder = RunFolder.existing(run)
    assert [path.name for path in write_reports(folder, Material.read(run))] == NAMES[:2]
    assert len(folder.problems) == 1
    assert "report.html" in folder.problems[0]


def test_files_that_can_not_be_read_are_named_in_the_report_and_no_error(run: Path) -> None:
    (run / "records.jsonl.gz").write_bytes(b"no gzip")
    (run / "environment.json").write_text("[")
    (run / "histograms.hlog").write_text("Tag=ttft;stage=steady,0,1,2,nonsense\n")
    result = CliRunner().invoke(report, [str(run)], catch_exceptions=False)
    assert result.exit_code == 0
    for name in ("environment.json", "histograms.hlog"):
        assert f"note: {name}" in result.stderr
    assert "No turn is in the records." in (run / "report.html").read_text()
