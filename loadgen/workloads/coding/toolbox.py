"""The tools of a coding agent: their definitions, and what each call does to its checkout.

What a model writes is never run here: tests, and searches by regular expression, which can be made to take for ever, go
to the sandbox. docs/coding.md has the texts that calls give back; the simulator reads them by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadgen.workloads.coding.checkout import Checkout
from loadgen.workloads.coding.edits import EditError
from loadgen.workloads.tools.catalogue import Offer
from loadgen.workloads.tools.tool import Arguments, Schema, taking, text

READ_LINES: Final = 400
READ_CHARS: Final = 24_000
MOST_HITS: Final = 50
HIT_CHARS: Final = 200
_MOST_TESTS: Final = 50


@dataclass(frozen=True, slots=True)
class CodingTool:
    """One tool. run: what a call gives back at once; None for what takes a sandbox."""

    name: str
    description: str
    parameters: Schema
    run: Callable[[Checkout, Arguments], str] | None


def _list_files(checkout: Checkout, arguments: Arguments) -> str:
    del arguments
    return "\n".join(f"{path} ({_lines(checkout.files[path])} lines)" for path in sorted(checkout.files))


def _read_file(checkout: Checkout, arguments: Arguments) -> str:
    path = arguments["path"]
    lines = checkout.text(path).splitlines(keepends=True)
    first = int(arguments.get("first_line", 1))
    last = min(int(arguments.get("last_line", len(lines))), len(lines), first + READ_LINES - 1)
    if lines and first > len(lines):
        raise EditError(f"{path} has {len(lines)} lines, none from {first} on")
    shown: list[str] = []
    room = READ_CHARS
    for line in lines[first - 1 : last]:
        room -= len(line)
        if room < 0 and shown:
            break
        shown.append(line[:READ_CHARS])
    first = first if shown else 0
    last = first + len(shown) - 1 if shown else 0
    return f"{path}, lines {first} to {last} of {len(lines)}:\n{''.join(shown)}"


def _search(checkout: Checkout, arguments: Arguments) -> str:
    wanted, within = arguments["pattern"], arguments.get("path")
    if within is not None:
        checkout.text(within)
    hits: list[str] = []
    for path in sorted(checkout.files) if within is None else [within]:
        if wanted not in checkout.files[path]:
            continue
        for number, line in enumerate(checkout.files[path].split("\n"), 1):
            if wanted in line:
                hits.append(hit(path, number, line))
                if len(hits) > MOST_HITS:
                    return found(hits)
    return found(hits)


def hit(path: str, number: int, line: str) -> str:
    """A line that was found."""
    return f"{path}:{number}: {line[:HIT_CHARS]}"


def found(hits: Sequence[str]) -> str:
    """The lines that were found, as many as are shown."""
    if not hits:
        return "nothing found"
    shown = "\n".join(hits[:MOST_HITS])
    return f"{shown}\n(more lines are left out)" if len(hits) > MOST_HITS else shown


def _edit_file(checkout: Checkout, arguments: Arguments) -> str:
    path = arguments["path"]
    after = checkout.edited(path, arguments["search"], arguments["replace"])
    checkout.put(path, after)
    return f"edited {path}, which has {_lines(after)} lines now"


def _create_file(checkout: Checkout, arguments: Arguments) -> str:
    path = arguments["path"]
    checkout.create(path, arguments["content"])
    return f"created {path} with {_lines(arguments['content'])} lines"


def _delete_file(checkout: Checkout, arguments: Arguments) -> str:
    checkout.delete(arguments["path"])
    return f"deleted {arguments['path']}"


def _lines(content: str) -> int:
    return len(content.splitlines())


def _any_text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _line(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "description": description}


_PATH = text("The file, relative to the repository's root")
_REGEX = {"type": "boolean", "description": "Whether the pattern is a regular expression (Python's) and not plain text"}
_TESTS = {
    "type": "array",
    "maxItems": _MOST_TESTS,
    "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.]*$"},
    "description": "Test modules, classes or single tests, such as tests.test_loader.Text; all where left out",
}
TOOLBOX: Final = Offer(
    (
        CodingTool("list_files", "All files of the repository.", taking(), _list_files),
        CodingTool(
            "read_file",
            f"A file, or some of its lines; up to {READ_LINES} lines at a time.",
            taking({"first_line": _line("From this line on"), "last_line": _line("To this line")}, path=_PATH),
            _read_file,
        ),
        CodingTool(
            "search",
            f"Lines that hold a text or match a regular expression; up to {MOST_HITS}.",
            taking({"regex": _REGEX, "path": _PATH}, pattern=text("What to look for", maxLength=500)),
            _search,
        ),
        CodingTool(
            "edit_file",
            "Replace a text in a file. It must stand there exactly once, white space included.",
            taking(
                path=_PATH,
                search=_any_text("The text as it stands in the file, whole lines best"),
                replace=_any_text("What to put in its place"),
            ),
            _edit_file,
        ),
        CodingTool(
            "create_file",
            "Make a new file.",
            taking(path=_PATH, content=_any_text("All of its text")),
            _create_file,
        ),
        CodingTool("delete_file", "Remove a file.", taking(path=_PATH), _delete_file),
        CodingTool("run_tests", "Run the repository's tests.", taking({"tests": _TESTS}), None),
    )
)
