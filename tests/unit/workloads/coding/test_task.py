"""Coding tasks as they lie on disk: read without their solution, and what is wrong with one is named."""

from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.workloads.coding.task import load_tasks
from tests.support.coders import SHIPPED, coding, small_task, write_task


def test_the_shipped_tasks_are_sound_and_of_every_kind() -> None:
    tasks = load_tasks(SHIPPED)
    assert len(tasks) >= 12
    assert {task.said.kind for task in tasks} == {"bug", "rename", "refactor", "feature", "misleading", "performance"}
    assert len({task.prompt for task in tasks}) == len(tasks)


def test_a_solution_is_in_nothing_that_is_read(tmp_path: Path) -> None:
    task = small_task(tmp_path)
    known = [*task.files.values(), *task.checks.values(), task.prompt]
    assert not any("a + b" in text for text in known)
    assert "solution" not in " ".join([*task.files, *task.checks])


def test_tasks_are_taken_as_they_are_named() -> None:
    names = [task.name for task in load_tasks(SHIPPED)][:3]
    assert [task.name for task in load_tasks(SHIPPED, names[::-1])] == names[::-1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "chore"}, "task.yaml: kind: "),
        ({"must_pass": []}, "task.yaml: must_pass: "),
        ({"more": 1}, "task.yaml: more: "),
        ({"must_pass": ["tests/test_sums.py"]}, "task.yaml: must_pass.0: "),
        ({"must_pass": ["tests.test_sums.Sums.test_none"]}, "there is no test tests.test_sums.Sums.test_none"),
        ({"must_stay": ["tests.test_other.Sums.test_add"]}, "there is no test tests.test_other.Sums.test_add"),
        ({"hidden": ["tests.test_hidden.Gone.test_x"]}, "hidden: there is no test"),
        ({"editable": ["src/*.py"]}, "editable: no file of repo/ matches src/*.py"),
        ({"must_stay": ["tests.test_sums.Sums.test_add"]}, "is red now, for it stands in must_pass too"),
    ],
)
def test_what_is_wrong_with_a_task_is_named(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    write_task(tmp_path, **changes)
    with pytest.raises(UsageError) as error:
        load_tasks(tmp_path)
    assert told in str(error.value)


def test_a_folder_without_tasks_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no task; accepted: a folder a task"):
        load_tasks(tmp_path)
    with pytest.raises(UsageError, match="no folder; accepted: one with a folder a task"):
        load_tasks(tmp_path / "none")


def test_a_task_that_is_none_is_named_with_those_there_are(tmp_path: Path) -> None:
    write_task(tmp_path)
    with pytest.raises(UsageError, match=r"no task 'smal'.*accepted: all, small; did you mean 'small'"):
        load_tasks(tmp_path, ["smal"])


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    write_task(tmp_path)
    (tmp_path / "small" / "repo" / "data.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"data.bin: can't be read as UTF-8"):
        load_tasks(tmp_path)


def test_every_task_comes_once_before_any_comes_again() -> None:
    workload = coding()
    count = len(workload.tasks)
    rounds = [[workload.task_of(number * count + place).name for place in range(count)] for number in range(3)]
    for one in rounds:
        assert sorted(one) == sorted(task.name for task in workload.tasks)
    assert rounds[0] != rounds[1] != rounds[2]
    assert [coding().task_of(place).name for place in range(count)] == rounds[0]
