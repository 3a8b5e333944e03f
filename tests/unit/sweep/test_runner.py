"""A sweep from step to step: what is on disk after each, and how it goes on after it was cut off."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from loadgen.errors import ExitCode, UsageError
from loadgen.sweep.cooling import busy_in, busy_requests, cool
from loadgen.sweep.folder import open_folder, read_sweep
from loadgen.sweep.markdown import markdown
from loadgen.sweep.model import Outcome, Sweep
from loadgen.sweep.runner import Surroundings, run_sweep
from loadgen.sweep.table import print_sweep
from tests.support.recording_server import RecordingServer
from tests.unit.sweep.making import NEW, SUBJECT, step, write_run


@dataclass
class Target:
    """Passes below `limit`. cut: the run of this number ends with this code instead, and leaves no summary."""

    limit: float = 6.0
    cut: dict[int, ExitCode] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=list)
    growing: bool | None = None

    def __call__(self, level: float, duration_s: float, seed: int, folder: Path) -> ExitCode:
        self.seeds.append(seed)
        if (code := self.cut.get(len(self.seeds))) is not None:
            folder.mkdir()
            return code
        outcome: Outcome = "pass" if level <= self.limit or self.growing else "fail"
        return write_run(folder, outcome, growing=self.growing and level > self.limit)


def around(target: Target, said: list[str], interrupted: Callable[[], bool] = lambda: False) -> Surroundings:
    return Surroundings(
        measure=target, rest=lambda: None, interrupted=interrupted, say=said.append, report=lambda sweep: None
    )


def test_each_step_is_a_folder_and_all_of_it_is_written_down(tmp_path: Path) -> None:
    said: list[str] = []
    sweep, code = run_sweep(NEW, tmp_path, around(Target(), said))
    assert code == ExitCode.PASS
    assert sweep.result is not None
    assert sweep.result.kind == "found"
    assert read_sweep(tmp_path) == sweep
    assert [one.level for one in sweep.steps][:4] == [1, 2, 4, 8]
    assert all((tmp_path / one.folder / "summary.json").exists() for one in sweep.steps)
    assert sweep.steps[2].folder == "step-03-rate-4"
    assert said[0] == "step 1 of about 6: 1 sessions/s for 1m"
    assert "  pass: ttft p99 < 2s: 1.20 s" in said
    text = (tmp_path / "sweep.md").read_text()
    assert text.count("](step-") == len(sweep.steps)
    assert sweep.result.text in text


def test_the_page_is_made_once_of_the_whole_sweep(tmp_path: Path) -> None:
    pages: list[Sweep] = []
    surroundings = replace(around(Target(), []), report=pages.append)
    sweep, _ = run_sweep(NEW, tmp_path, surroundings)
    assert pages == [sweep]


def test_no_text_is_sent_twice(tmp_path: Path) -> None:
    target = Target(cut={3: ExitCode.INTERRUPTED})
    sweep, code = run_sweep(NEW, tmp_path, around(target, []))
    assert code == ExitCode.INTERRUPTED
    assert len(sweep.steps) == 2
    assert "step 3 at 4 sessions/s was interrupted" in sweep.notes[0]
    again, _ = run_sweep(read_sweep(tmp_path), tmp_path, around(target, []))
    assert again.steps[:2] == sweep.steps
    assert again.steps[2].folder == "step-03-rate-4-2"
    assert target.seeds == list(range(7, 7 + len(target.seeds)))


def test_a_whole_sweep_is_not_measured_again(tmp_path: Path) -> None:
    sweep, _ = run_sweep(NEW, tmp_path, around(Target(), []))
    target = Target()
    assert run_sweep(read_sweep(tmp_path), tmp_path, around(target, [])) == (sweep, ExitCode.PASS)
    assert target.seeds == []


@pytest.mark.parametrize("code", [ExitCode.TARGET_UNREACHABLE, ExitCode.BAD_INPUT, ExitCode.BUG])
def test_a_step_that_does_not_come_to_its_end_ends_the_sweep(tmp_path: Path, code: ExitCode) -> None:
    sweep, ended = run_sweep(NEW, tmp_path, around(Target(cut={2: code}), []))
    assert ended == code
    assert len(sweep.steps) == 1
    assert sweep.result is not None
    assert not sweep.result.complete


def test_an_interrupt_between_two_steps_starts_no_other(tmp_path: Path) -> None:
    target = Target()
    sweep, code = run_sweep(NEW, tmp_path, around(target, [], lambda: len(target.seeds) == 2))
    assert code == ExitCode.INTERRUPTED
    assert len(sweep.steps) == len(target.seeds) == 2


def test_a_queue_that_grows_twice_is_a_limit(tmp_path: Path) -> None:
    sweep, _ = run_sweep(NEW, tmp_path, around(Target(growing=True), []))
    outcomes = [one.outcome for one in sweep.steps if one.level == 8]
    assert outcomes == ["inconclusive", "fail"]
    assert sweep.result is not None
    assert sweep.result.lowest_failed is not None
    assert sweep.result.lowest_failed < 6.4


def test_a_queue_that_grew_at_less_load_is_a_limit_at_once(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(NEW.plan, levels=[8.0, 16.0, 4.0], max_step_s=60.0)
    sweep, _ = run_sweep(msgspec.structs.replace(NEW, plan=plan), tmp_path, around(Target(limit=6, growing=True), []))
    assert [one.outcome for one in sweep.steps] == ["inconclusive", "fail", "pass"]


def test_a_folder_is_gone_on_with_only_for_the_same_subject(tmp_path: Path) -> None:
    assert open_folder(tmp_path / "new", SUBJECT) is None
    run_sweep(NEW, tmp_path, around(Target(), []))
    assert open_folder(tmp_path, SUBJECT) is not None
    other = msgspec.structs.replace(SUBJECT, duration_s=30.0, scenario_sha256="1")
    with pytest.raises(
        UsageError, match=r"scenario or what --set made of it has changed; --duration was 1m and is 30s"
    ):
        open_folder(tmp_path, other)


def test_a_sweep_of_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"schema": "loadgen.sweep/9"}')
    with pytest.raises(UsageError, match=r"loadgen\.sweep/1"):
        read_sweep(tmp_path)


def test_nothing_from_outside_is_markup_in_the_text() -> None:
    hostile = "<img src=x> @team [a](b) | #1"
    subject = msgspec.structs.replace(SUBJECT, target=hostile, model=hostile)
    steps = [msgspec.structs.replace(step(1, 1.0), reason=hostile)]
    text = markdown(msgspec.structs.replace(NEW, subject=subject, steps=steps, notes=[hostile]))
    outside = "".join(part for line in text.splitlines() for part in line.split("`")[::2])
    assert text.count("@team") == 4
    assert "@team" not in outside
    assert "<img" not in outside


def test_the_table_fits_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"goodput": 0.999, "currency": "USD", "cost_per_1m_output_tokens": 12.34, "output_tokens_per_s": 123456.0}
    sweep: Sweep = msgspec.structs.replace(NEW, steps=[step(1, 12.75, "inconclusive", **figures)])
    print_sweep(sweep, Console(width=100, highlight=False))
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "inconclusive" in printed
    assert "USD/1M" in printed


VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_running_total{engine="0"} 99
"""


def test_a_target_at_work_is_known_by_its_metrics() -> None:
    assert busy_in(VLLM) == 6
    assert busy_in("llamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n") == 0
    assert busy_in("process_cpu_seconds_total 12\n") is None
    assert busy_requests("http://127.0.0.1:9/v1") is None
    with RecordingServer() as server:
        assert busy_requests(server.url) is None


def test_rest_ends_at_once_for_an_interrupt() -> None:
    assert cool(None, 3600.0, lambda: True) is None
    assert cool("http://127.0.0.1:9/v1", 0.0, lambda: False) is None
