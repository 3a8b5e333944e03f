"""Where the text of a corpus comes from: Python's own documentation, Python's own sources, or the user's files.

Called while a workload is built. Reads files in a fixed order, so that every worker on the same machine image indexes
the same text; never reads while the load runs.
"""

import os
import stat
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from loadgen.errors import UsageError
from loadgen.workloads.corpus.index import Corpus
from loadgen.workloads.corpus.readers import HTML_SUFFIXES, PDF_SUFFIXES, text_of

BUILT_IN = ("python-docs", "python-source")

# fmt: off
TEXT_SUFFIXES = frozenset(
    {
        ".adoc", ".asciidoc", ".c", ".cc", ".cfg", ".clj", ".conf", ".cpp", ".cs", ".css", ".csv", ".cxx", ".dart",
        ".el", ".ex", ".go", ".h", ".hh", ".hpp", ".hs", ".ini", ".java", ".js", ".json", ".jsonl", ".jsx", ".kt",
        ".log", ".lua", ".m", ".markdown", ".md", ".mdx", ".mjs", ".org", ".php", ".pl", ".proto", ".py", ".pyi",
        ".r", ".rb", ".rest", ".rs", ".rst", ".scala", ".sh", ".sql", ".swift", ".tex", ".text", ".toml", ".ts",
        ".tsx", ".tsv", ".txt", ".vue", ".xml", ".yaml", ".yml", ".zig",
        *HTML_SUFFIXES, *PDF_SUFFIXES,
    }
)
# fmt: on
"""The files of a folder that are taken for text. A single file is read whatever its name is."""

# An index holds the text twice, in every worker: these bound what a corpus can cost in memory.
_SOURCE_BYTES = 6 * 2**20
_USER_BYTES = 64 * 2**20

# In the standard library, tests hold text in odd encodings and megabytes of tables, and packages are not its own.
_NOT_LIBRARY = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages"})
_NOT_TEXT = frozenset({"__pycache__", "node_modules"})


class Document(Struct, frozen=True):
    """One text of a corpus. source: what it is called: a topic, or a path below the corpus's folder."""

    source: str
    text: str


def load_corpus(reference: str) -> Corpus:
    """Index the text that `reference` names: `python-docs`, `python-source`, or a path to a file or folder.

    python-docs takes about 10 ms (0.5 MB of English prose about the language), python-source 0.2 s (6 MB of code).
    Raises UsageError, naming the file, where a path is missing, unreadable, not UTF-8, empty or too large.
    """
    return Corpus(reference, "\n\n".join(document.text for document in read_documents(reference)))


def read_documents(reference: str) -> list[Document]:
    """The texts of a corpus one by one, in a fixed order; at least one of them holds text. Raises as `load_corpus`."""
    if reference == "python-docs":
        return _python_docs()
    if reference == "python-source":
        return _python_source()
    return _user_documents(Path(reference))


def left_out(reference: str) -> dict[str, int]:
    """How many files of a user's folder are not read because their names are not those of text, by suffix.

    A single file is read whatever its name is, so of it nothing is left out.
    """
    if reference in BUILT_IN or not os.path.isdir(reference):
        return {}
    names = Counter(path.suffix.lower() for path in _files_under(Path(reference), None, _NOT_TEXT))
    return dict(sorted((suffix, count) for suffix, count in names.items() if suffix not in TEXT_SUFFIXES))


def _python_docs() -> list[Document]:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise UsageError(
            "corpus python-docs: this Python was installed without its documentation (pydoc_data); "
            "use python-source or a path to your own text"
        ) from error
    return [Document(name, topics[name]) for name in sorted(topics)]


def _python_source() -> list[Document]:
    root = Path(sysconfig.get_path("stdlib"))
    documents: list[Document] = []
    size = 0
    for path in _files_under(root, frozenset({".py"}), _NOT_LIBRARY):
        data = path.read_bytes()
        size += len(data)
        if size > _SOURCE_BYTES:
            break
        documents.append(Document(path.relative_to(root).as_posix(), data.decode("utf-8", "replace")))
    if not documents:
        raise UsageError(f"corpus python-source: no sources under {root}; use python-docs or a path to your own text")
    return documents


def _user_documents(root: Path) -> list[Document]:
    # os.path, for pathlib raises where a folder above may not be entered or a name is too long.
    if os.path.isdir(root):
        paths = list(_files_under(root, TEXT_SUFFIXES, _NOT_TEXT))
        if not paths:
            raise UsageError(f"corpus {root}: no text files in this folder (looked for {_suffix_list()})")
    elif os.path.exists(root):
        paths = [root]
    else:
        raise UsageError(
            f"corpus {root}: no such file or folder; give a path to text in UTF-8, or one of {', '.join(BUILT_IN)}"
        )
    size = 0
    documents: list[Document] = []
    for path in paths:
        data = _read(path)
        size += len(data)
        if size > _USER_BYTES:
            raise UsageError(
                f"corpus {root}: more than {_USER_BYTES >> 20} MiB of text; every worker holds it in memory, "
                "so name a smaller file or folder"
            )
        source = path.name if path == root else path.relative_to(root).as_posix()
        # A file's name may hold bytes that are no UTF-8, and a prompt can't.
        documents.append(Document(source.encode("utf-8", "replace").decode(), text_of(path, data)))
    if not any(document.text.strip() for document in documents):
        raise UsageError(f"corpus {root}: holds no text")
    return documents


def _read(path: Path) -> bytes:
    """A file's bytes, one more than there may be of a file that is too large."""
    try:
        # Before it is opened: of a named pipe that would wait for somebody who writes.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"corpus {path}: is no regular file (a pipe, socket or device); leave it out")
        with path.open("rb") as file:
            return file.read(_USER_BYTES + 1)
    except OSError as error:
        raise UsageError(f"corpus {path}: can't be read: {error.strerror or error}") from error


def _files_under(root: Path, suffixes: frozenset[str] | None, skipped: frozenset[str]) -> Iterator[Path]:
    """The files below a folder, in a fixed order, links to folders followed; each folder once, so links may go round.

    suffixes: of the files wanted; None for all. Raises UsageError where a folder can't be read.
    """
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, onerror=_refuse_folder, followlinks=True):
        found = os.stat(folder)
        if (found.st_dev, found.st_ino) in seen:
            folders.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        folders[:] = sorted(f for f in folders if f not in skipped and not f.startswith("."))
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if (suffixes is None or suffix in suffixes) and not name.startswith("."):
                yield Path(folder, name)


def _refuse_folder(error: OSError) -> None:
    raise UsageError(f"corpus {error.filename}: can't be read: {error.strerror or error}") from error


def _suffix_list() -> str:
    return " ".join(sorted(TEXT_SUFFIXES))
