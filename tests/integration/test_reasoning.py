"""A whole run of reasoning tasks: the simulator is given the answers, and a bad one is seen through the wire."""

from collections.abc import Callable
from pathlib import Path

from tests.support.command import Command

_SCENARIO = """\
name: thinking
workloads: [{name: tasks, kind: reasoning, tasks_per_family: 1}]
load: {arrivals: poisson, stages: [{name: steady, duration: 4s, rate: 40}]}
slos: ["quality.tasks.accuracy > 90%"]
"""


def test_a_whole_run_shows_what_was_dialled(tmp_path: Path, run: Callable[..., Command]) -> None:
    scenario = tmp_path / "thinking.yaml"
    scenario.write_text(_SCENARIO)
    dials = "--profile fast --reasoning-accuracy 0.6 --reasoning-by-phrasing german=-0.5 --format-failures 0.2"
    ended = run(str(scenario), "--simulator", dials).wait()
    assert ended.completed, ended.output
    assert [slo["estimate"] < 0.9 for slo in ended.summary["verdict"]["slos"]] == [True]
    found = ended.summary["workloads"]["tasks"]["quality"]
    assert found["accuracy_lenient"]["ci_low"] <= 0.6 - 0.5 / 11 <= found["accuracy_lenient"]["ci_high"]
    assert found["format_failure_rate"]["ci_low"] <= 0.2 <= found["format_failure_rate"]["ci_high"]
    assert found["accuracy"]["ci_high"] < 0.9
    parts = [row[0] for row in found["variance"]["rows"]]
    assert parts == ["task", "phrasing", "interaction", "rest", "total"]
