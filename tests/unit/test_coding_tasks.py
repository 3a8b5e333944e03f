"""The repositories of scenarios/coding: red as they are, green with their solution, and nothing gives it away."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadgen.sandbox.globs import matches
from loadgen.workloads.coding.task import load_tasks

_TASKS = Path(__file__).parents[2] / "scenarios" / "coding"
_NAMES = sorted(folder.name for folder in _TASKS.iterdir() if folder.is_dir() and folder.name != "__pycache__")
_KINDS = {"bug", "rename", "refactor", "feature", "misleading", "performance"}
_FIELDS = {"title", "kind", "prompt", "editable", "must_pass", "must_stay", "hidden"}
# As the interpreter of a sandbox runs it: nothing of the environment, nothing of the user, and no warning passes.
_PYTHON = (sys.executable, "-I", "-B", "-S", "-W", "error")
_RUNNER = """
import json, sys, unittest
sys.path.insert(0, sys.argv[1])

class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.seen = {}
    def addSuccess(self, test):
        self.seen.setdefault(test.id(), "passed")
    def addFailure(self, test, err):
        self.seen[test.id()] = "failed"
    def addError(self, test, err):
        self.seen[test.id()] = "error"
    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.seen[test.id()] = "failed"

result = Result()
suite = unittest.TestSuite()
for name in sys.argv[2:]:
    found = unittest.defaultTestLoader.discover(sys.argv[1] + "/tests", top_level_dir=sys.argv[1]) if name == "*" else (
        unittest.defaultTestLoader.loadTestsFromName(name))
    suite.addTest(found)
suite.run(result)
print(json.dumps(result.seen))
"""


@dataclass(frozen=True)
class Task:
    """One folder, read, and how its tests end in each of its states."""

    folder: Path
    spec: dict[str, Any]
    before: dict[str, str]
    after: dict[str, str]

    @property
    def hidden(self) -> list[str]:
        """The ids of its hidden tests."""
        return list(self.spec.get("hidden", []))

    def files(self, part: str) -> dict[str, str]:
        """The files of repo/, solution/ or checks/ with their text."""
        root = self.folder / part
        paths = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _ended(tree: Path) -> dict[str, str]:
    """How every test of a tree ends: its id, and passed, failed or error."""
    done = subprocess.run([*_PYTHON, "-c", _RUNNER, tree, "*"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    ended: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return ended


def _laid(folder: Path, tree: Path, *parts: str, without: str | None = None) -> Path:
    """Parts of a task laid over each other, without a file of its solution."""
    for part in parts:
        if (folder / part).is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(folder / part, tree, dirs_exist_ok=True, ignore=left_out)
    if without is not None:
        before = folder / "repo" / without
        (tree / without).unlink()
        if before.is_file():
            shutil.copy(before, tree / without)
    deleted = tree / "DELETED"
    if deleted.is_file():
        for path in deleted.read_text(encoding="utf-8").split():
            (tree / path).unlink()
        deleted.unlink()
    return tree


def _read(folder: Path, place: Path) -> Task:
    """A task, its tests run as it is and with its solution, hidden ones included."""
    before = _ended(_laid(folder, place / "before", "repo", "checks"))
    after = _ended(_laid(folder, place / "after", "repo", "solution", "checks"))
    spec = yaml.safe_load((folder / "task.yaml").read_text(encoding="utf-8"))
    return Task(folder, spec, before, after)


@pytest.fixture(scope="module", params=_NAMES)
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Each of the tasks in turn."""
    return _read(_TASKS / request.param, tmp_path_factory.mktemp(request.param))


def test_a_task_says_all_that_a_task_says(task: Task) -> None:
    assert set(task.spec) <= _FIELDS
    assert _FIELDS - set(task.spec) <= {"hidden"}
    assert task.spec["kind"] in _KINDS
    assert task.spec["must_pass"]
    assert task.spec["must_stay"]


def test_what_must_turn_green_is_red_first(task: Task) -> None:
    assert {name: task.before.get(name) for name in task.spec["must_pass"] if task.before.get(name) == "passed"} == {}
    assert {name: task.after.get(name) for name in task.spec["must_pass"]} == dict.fromkeys(
        task.spec["must_pass"], "passed"
    )


def test_what_must_stay_green_is_green_in_both(task: Task) -> None:
    wanted = dict.fromkeys(task.spec["must_stay"], "passed")
    assert {name: task.before.get(name) for name in wanted} == wanted
    assert {name: task.after.get(name) for name in wanted} == wanted


def test_hidden_checks_hold_with_the_solution_and_not_all_without(task: Task) -> None:
    assert {name: task.after.get(name) for name in task.hidden} == dict.fromkeys(task.hidden, "passed")
    if task.hidden:
        assert any(task.before.get(name) != "passed" for name in task.hidden)


def test_every_test_of_the_repository_is_named_once(task: Task) -> None:
    named = [*task.spec["must_pass"], *task.spec["must_stay"], *task.hidden]
    assert sorted(named) == sorted(task.after)


def test_a_repository_is_small_but_real(task: Task) -> None:
    files = task.files("repo")
    assert 3 <= sum(1 for text in files.values() if text.strip()) <= 10
    assert 100 <= sum(text.count("\n") for text in files.values()) <= 600


def test_the_agent_may_change_what_the_solution_changes_and_no_test(task: Task) -> None:
    solution = set(task.files("solution")) - {"DELETED"}
    assert {path for path in solution if not _editable(task, path)} == set()
    assert {path for path in task.files("repo") if path.startswith("tests/") and _editable(task, path)} == set()
    assert len(solution) >= (1 if task.spec["kind"] in ("misleading", "performance") else 2)


def test_no_file_of_the_solution_can_be_left_out(task: Task, tmp_path: Path) -> None:
    solution = sorted(set(task.files("solution")) - {"DELETED"})
    decisive = [*task.spec["must_pass"], *task.spec["must_stay"], *task.hidden]
    for number, path in enumerate(solution if len(solution) > 1 else []):
        ended = _ended(_laid(task.folder, tmp_path / str(number), "repo", "solution", "checks", without=path))
        assert any(ended.get(name) != "passed" for name in decisive), f"all is green without {path}"


def test_a_solution_changes_every_file_it_brings(task: Task) -> None:
    repo = task.files("repo")
    assert [path for path, text in task.files("solution").items() if repo.get(path) == text] == []


def test_nothing_of_the_solution_is_in_the_prompt_or_the_repository(task: Task) -> None:
    repo = task.files("repo")
    there = {line.strip() for text in repo.values() for line in text.splitlines()}
    new = {line.strip() for text in task.files("solution").values() for line in text.splitlines()} - there
    prompt = task.spec["prompt"]
    assert {line for line in new if len(line) > 15 and line in prompt} == set()
    assert not set(task.files("checks")) & set(repo)
    assert "DELETED" not in repo


def test_no_two_tasks_share_a_package() -> None:
    packages = [path.name for name in _NAMES for path in (_TASKS / name / "repo").iterdir() if path.name != "tests"]
    assert sorted(packages) == sorted(set(packages))


def test_every_task_can_be_loaded_as_the_workload_does() -> None:
    assert [task.name for task in load_tasks(_TASKS)] == _NAMES
    assert len(_NAMES) >= 12


def test_every_kind_of_task_is_there() -> None:
    assert {task.said.kind for task in load_tasks(_TASKS)} == _KINDS


def _editable(task: Task, path: str) -> bool:
    return matches(path, task.spec["editable"])
