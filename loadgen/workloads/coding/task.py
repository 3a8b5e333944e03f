"""A coding task as it lies on disk: what the agent is told and gets to see, and which tests decide.

Read once, before the load. The folder's `solution/` is never opened here: what a process does not hold, no agent can
be shown by mistake.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadgen.errors import UsageError
from loadgen.sandbox.globs import matches
from loadgen.scenario.problems import nearest

Kind = Literal["bug", "rename", "refactor", "feature", "misleading", "performance"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TestId = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){2,}$")]

MOST_FILES = 200
MOST_FILE_BYTES = 200_000
_TASK_FILE = "task.yaml"
_COMPILED = "__pycache__/"


class Description(BaseModel):
    """task.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1)]
    kind: Kind
    prompt: Annotated[str, Field(min_length=1)]
    editable: Annotated[tuple[str, ...], Field(min_length=1)]
    must_pass: Annotated[tuple[TestId, ...], Field(min_length=1)]
    must_stay: tuple[TestId, ...] = ()
    hidden: tuple[TestId, ...] = ()


class Task:
    """One task. files: the repository by relative path; checks: files that only the judging adds."""

    def __init__(self, name: str, said: Description, files: Mapping[str, str], checks: Mapping[str, str]) -> None:
        self.name, self.said, self.files, self.checks = name, said, files, checks
        self.prompt = said.prompt.strip()
        # For the judging, as bytes once and for all.
        self.pristine = {path: text.encode() for path, text in files.items()}
        self.hidden_files = {path: text.encode() for path, text in checks.items()}
        self.known_tests = frozenset((*said.must_pass, *said.must_stay))

    def may_change(self, path: str) -> bool:
        """Whether the agent's work may touch this file."""
        return matches(path, self.said.editable)


def load_tasks(folder: Path, names: Sequence[str] | None = None) -> tuple[Task, ...]:
    """The tasks of a folder, all or those named, in the order of their names or as they are named.

    Raises UsageError for a name that is none, and for a task that can't be used, naming the file.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no folder; accepted: one with a folder a task, each with a {_TASK_FILE}")
    there = sorted(path.parent.name for path in folder.glob(f"*/{_TASK_FILE}"))
    if not there:
        raise UsageError(f"{folder}: has no task; accepted: a folder a task, each with a {_TASK_FILE}")
    for name in names or ():
        if name not in there:
            raise UsageError(
                f"tasks: no task {name!r} in {folder}; accepted: all, {', '.join(there)}{nearest(name, there)}"
            )
    wanted = dict.fromkeys(names or there)
    return tuple(_load(folder / name) for name in wanted)


def _load(folder: Path) -> Task:
    place = folder / _TASK_FILE
    try:
        said = Description.model_validate(yaml.safe_load(place.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{place}: can't be read: {error}") from None
    except ValidationError as error:
        told = "\n".join(f"{place}: {_where(one)}: {one['msg']}" for one in error.errors())
        raise UsageError(told) from None
    task = Task(folder.name, said, _texts(folder / "repo"), _texts(folder / "checks"))
    if problems := [*_problems(task)]:
        raise UsageError("\n".join(f"{place}: {problem}" for problem in problems))
    return task


def _where(error: Any) -> str:
    return ".".join(map(str, error["loc"])) or "the file"


def _texts(folder: Path) -> dict[str, str]:
    """The text files below a folder by relative posix path; none where there is no folder. Raises UsageError."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.is_symlink() or _COMPILED in name:
            continue
        try:
            data = path.read_bytes()
            found[name] = data.decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: can't be read as UTF-8 text: {error}") from None
        if len(data) > MOST_FILE_BYTES or len(found) > MOST_FILES:
            raise UsageError(
                f"{path}: the repository is too large; accepted: up to {MOST_FILES} files of {MOST_FILE_BYTES} bytes"
            )
    return found


def _problems(task: Task) -> Iterable[str]:
    """What is wrong with a task that can be seen without running anything."""
    said = task.said
    if not task.files:
        yield "there is no repo/ with files beside it"
    if not any(task.may_change(path) for path in task.files):
        yield f"editable: no file of repo/ matches {', '.join(said.editable)}"
    for key, ids, files in (
        ("must_pass", said.must_pass, task.files),
        ("must_stay", said.must_stay, task.files),
        ("hidden", said.hidden, {**task.files, **task.checks}),
    ):
        for test in ids:
            if not _has_test(files, test):
                yield f"{key}: there is no test {test}"
    if both := sorted(set(said.must_pass) & set(said.must_stay)):
        yield f"must_stay: {both[0]} is red now, for it stands in must_pass too"


def _has_test(files: Mapping[str, str], test: str) -> bool:
    """Whether a test module has this class, and some test module this method, which may be inherited."""
    module, owner, method = test.rsplit(".", 2)
    source = files.get(module.replace(".", "/") + ".py")
    if source is None:
        return False
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return False
    classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    return owner in classes and any(f"def {method}(" in text for text in files.values())
