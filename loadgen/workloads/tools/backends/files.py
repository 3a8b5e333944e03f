"""Files: texts by path. Nothing here touches a disk."""

from loadgen.workloads.tools.tool import Arguments, Tool, taking, text
from loadgen.workloads.tools.world import RefusedCallError, World

_PATH = text("Path of the file, such as notes/a.txt", pattern="^[^/].*$")


def _list(world: World, given: Arguments) -> Arguments:
    folder = given["folder"].rstrip("/") + "/"
    return {"paths": [path for path in world.tables["files"] if path.startswith(folder)]}


def _read(world: World, given: Arguments) -> Arguments:
    return {"path": given["path"], "content": world.row("files", given["path"])["content"]}


def _write(world: World, given: Arguments) -> Arguments:
    world.add("files", "path", given["path"], content=given["content"])
    return {"path": given["path"], "written": len(given["content"])}


def _move(world: World, given: Arguments) -> Arguments:
    files = world.tables["files"]
    row = world.row("files", given["path"])
    if given["to"] in files:
        raise RefusedCallError(f"there is a file {given['to']!r} already")
    del files[given["path"]]
    world.add("files", "path", given["to"], content=row["content"])
    return {"path": given["to"]}


def _delete(world: World, given: Arguments) -> Arguments:
    world.row("files", given["path"])
    del world.tables["files"][given["path"]]
    return {"deleted": given["path"]}


_CONTENT = {"type": "string", "description": "The whole new content"}
_TO = text("New path of the file")
TOOLS = (
    Tool("list_files", "files", "List the paths of all files in a folder.", taking(folder=text("The folder")), _list),
    Tool("read_file", "files", "Read the content of a file.", taking(path=_PATH), _read),
    Tool(
        "write_file",
        "files",
        "Write text to a file; a file that exists is replaced.",
        taking(path=_PATH, content=_CONTENT),
        _write,
    ),
    Tool("move_file", "files", "Move a file to another path.", taking(path=_PATH, to=_TO), _move),
    Tool("delete_file", "files", "Delete a file.", taking(path=_PATH), _delete),
)
