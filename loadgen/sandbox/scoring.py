"""What of an agent's work counts: the files that its task lets it change, put into a copy that nobody has touched."""

from collections.abc import Iterable, Mapping

from loadgen.sandbox.globs import is_inside, matches

# Files by which Python or a test runner runs code that no import names. Isolated mode reads none of them, and
# unittest knows no conftest.py; that they are left out too is for the day when a command line changes.
_PLANTED = frozenset({"conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.ini", "tox.ini", "setup.cfg"})
_PLANTED_SUFFIXES = (".pth", ".pyc", ".so", ".pyd")


def scored_tree(
    pristine: Mapping[str, bytes],
    worked_on: Mapping[str, bytes],
    editable: Iterable[str],
    checks: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """The tree to score: `pristine`, with the files of `worked_on` that `editable` allows in place of its own.

    An editable file that is gone from `worked_on` is gone here too. Nothing else of `worked_on` is looked at. checks:
    files that come over both, such as tests that the agent never saw.
    """
    patterns = tuple(editable)
    tree = {path: content for path, content in pristine.items() if not counts(path, patterns)}
    for path, content in worked_on.items():
        if counts(path, patterns):
            tree[path] = content
    return tree | dict(checks or {})


def counts(path: str, editable: Iterable[str]) -> bool:
    """Whether a file of the agent's is taken over: the task allows it, it lies in the tree, and it is no trap."""
    name = path.rsplit("/", 1)[-1]
    planted = name in _PLANTED or name.endswith(_PLANTED_SUFFIXES)
    return is_inside(path) and not planted and matches(path, editable)
