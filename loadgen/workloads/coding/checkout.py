"""One agent's copy of a repository, in memory: what its tools read and change, and what its tests run on.

The texts are shared with the task until they are changed; a session's copy costs a dictionary.
"""

from typing import Final

from loadgen.sandbox.globs import is_inside
from loadgen.workloads.coding.edits import EditError, replace_once
from loadgen.workloads.coding.task import MOST_FILE_BYTES, MOST_FILES, Task

# What file systems take, the sandbox's among them.
_NAME_BYTES: Final = 255
_PATH_BYTES: Final = 1000
_ACCEPTED_NAME: Final = "accepted: a path relative to the repository's root, such as package/module.py"


class DeniedError(Exception):
    """A change of what the task does not allow to be changed; the message goes back to the model."""


class Checkout:
    """The files as they stand. Raises EditError and DeniedError in words for the model."""

    __slots__ = ("_task", "files")

    def __init__(self, task: Task) -> None:
        self._task = task
        self.files: dict[str, str] = dict(task.files)

    @property
    def changed(self) -> dict[str, str]:
        """The files that are new or not as they were."""
        before = self._task.files
        return {path: text for path, text in self.files.items() if before.get(path) != text}

    @property
    def removed(self) -> tuple[str, ...]:
        """The files that are gone."""
        return tuple(path for path in self._task.files if path not in self.files)

    def tree(self) -> dict[str, bytes]:
        """All files as bytes."""
        return {path: text.encode("utf-8", "replace") for path, text in self.files.items()}

    def text(self, path: str) -> str:
        """A file's text."""
        found = self.files.get(path)
        if found is None:
            raise EditError(f"there is no file {path[:200]!r}; list_files shows what there is")
        return found

    def edited(self, path: str, search: str, replacement: str) -> str:
        """A file's text with an edit made in it; nothing is changed yet."""
        text = self.text(path)
        self._allow(path)
        return replace_once(path, text, search, replacement)

    def create(self, path: str, text: str) -> None:
        """Make a file that is not there yet."""
        if path in self.files:
            raise EditError(f"{path!r} is there already; change it with edit_file")
        if not is_inside(path) or _too_long(path):
            raise EditError(f"{path[:200]!r} is no path of a file here; {_ACCEPTED_NAME}")
        if (file := self._in_the_way(path)) is not None:
            raise EditError(f"{path[:200]!r} can't be made beside the file {file[:200]!r}: one would be in the other")
        self._allow(path)
        if len(self.files) >= MOST_FILES:
            raise EditError(f"there are {len(self.files)} files already, and no room for more")
        self.put(path, text)

    def _in_the_way(self, path: str) -> str | None:
        """A file that this path would lie in as if it were a folder, or that lies in it."""
        return next((file for file in self.files if path.startswith(f"{file}/") or file.startswith(f"{path}/")), None)

    def delete(self, path: str) -> None:
        """Remove a file."""
        self.text(path)
        self._allow(path)
        del self.files[path]

    def put(self, path: str, text: str) -> None:
        """Let a file have this text."""
        if len(text) > MOST_FILE_BYTES:
            raise EditError(f"{path} would have {len(text)} characters; accepted: up to {MOST_FILE_BYTES}")
        self.files[path] = text

    def _allow(self, path: str) -> None:
        if not self._task.may_change(path):
            raise DeniedError(
                f"{path[:200]!r} must stay as it is; you may change {', '.join(self._task.said.editable)}"
            )


def _too_long(path: str) -> bool:
    encoded = path.encode("utf-8", "replace")
    return len(encoded) > _PATH_BYTES or any(len(name) > _NAME_BYTES for name in encoded.split(b"/"))
