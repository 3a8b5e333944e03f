"""What a coding model has seen and done of a repository, read off its conversation: docs/coding.md has the texts.

Called by coding.py.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from loadgen.simulator.wire import Message, calls_with_results

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_LISTED = re.compile(r"(?m)^(.+) \(\d+ lines\)$")
_READ = re.compile(r"(.+), lines (\d+) to (\d+) of (\d+):\n")
_GREEN = re.compile(r"all \d+ tests passed")
_TIMED_OUT = "error: the tests did not end"
_NOT_WRITTEN = "error: the file could not be written"


class Repository:
    """files: as they should stand now, of those read whole; before: as they were read first.

    runs: how many times tests were run; last: how the last run came out; tested: whether nothing was changed since.
    red_after_change: whether a run was red over files that had been changed. hit: whether something failed that was not
    its own doing: a run that timed out, a file that could not be written, a red run over the solution itself.
    """

    def __init__(self, solution: Mapping[str, str], removed: Sequence[str]) -> None:
        self._solution, self._removed = solution, removed
        self._shown: dict[str, list[str]] = {}
        self.listed: tuple[str, ...] = ()
        self.files: dict[str, str] = {}
        self.before: dict[str, str] = {}
        self.runs = 0
        self.last: Literal["green", "red", "timeout"] | None = None
        self.tested = self.red_after_change = self.hit = False

    def replay(self, messages: Iterable[Message]) -> None:
        """Take in the calls and their results."""
        for name, arguments, result in calls_with_results(messages):
            self._note(name, _object(arguments), result)

    def unread(self, paths: Iterable[str]) -> list[tuple[str, int]]:
        """Of these files, those that are there and not known whole, each with the first line that is missing."""
        return [
            (path, len(self._shown.get(path, ())) + 1)
            for path in sorted(paths)
            if path in self.listed and path not in self.before
        ]

    def _note(self, name: str, arguments: Mapping[str, Any], result: str) -> None:
        if result.startswith(_NOT_WRITTEN):
            self.hit = True
        match name:
            case "run_tests":
                self._ran(result)
            case "list_files":
                self.listed = self.listed or tuple(_LISTED.findall(result))
            case "read_file":
                self._read(result)
            case _ if result.startswith(("edited ", "created ", "deleted ")):
                self._changed(name, arguments)

    def _ran(self, result: str) -> None:
        self.runs += 1
        self.tested = True
        if result.startswith(_TIMED_OUT):
            self.last, self.hit = "timeout", True
        elif _GREEN.match(result):
            self.last = "green"
        else:
            self.last = "red"
            self.red_after_change |= self.files != self.before
            self.hit |= self._is_solved()

    def _is_solved(self) -> bool:
        right = all(self.files.get(path) == text for path, text in self._solution.items())
        return right and not any(path in self.files for path in self._removed)

    def _read(self, result: str) -> None:
        header = _READ.match(result)
        if header is None:
            return
        path, first, total = header[1], int(header[2]), int(header[4])
        lines = self._shown.setdefault(path, [])
        if first in (0, len(lines) + 1):
            lines += result[header.end() :].splitlines(keepends=True)
        if len(lines) == total and path not in self.before:
            self.files[path] = self.before[path] = "".join(lines)

    def _changed(self, name: str, arguments: Mapping[str, Any]) -> None:
        path = str(arguments.get("path"))
        self.tested = False
        if name == "delete_file":
            self.files.pop(path, None)
        elif name == "create_file":
            self.files[path] = str(arguments.get("content"))
        elif name == "edit_file" and path in self.files:
            search, replacement = str(arguments.get("search")), str(arguments.get("replace"))
            self.files[path] = self.files[path].replace(search, replacement, 1)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
