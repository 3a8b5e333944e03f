"""What no line of the program may do: run text as code, load pickles or YAML tags, trust anybody, call a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.full_load"),
    *("yaml.unsafe_load", "yaml.load_all", "ssl._create_unverified_context", "tempfile.mktemp"),
}
_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "jsonpickle"}
_NAMES = {"CERT_NONE", "UnsafeLoader", "FullLoader"}
# Keyword arguments that switch a check off, or a shell on.
_OFF = {("ssl", False), ("verify", False), ("verify_ssl", False), ("shell", True), ("allow_pickle", True)}


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def _unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if _dotted(node.func) in _CALLS:
                yield node.lineno, _dotted(node.func)
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in _OFF:
                    yield node.lineno, f"{keyword.arg}={keyword.value.value!r}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            for name in [*names, getattr(node, "module", None) or ""]:
                if name.partition(".")[0] in _MODULES or name in _NAMES:
                    yield node.lineno, name
        elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
            yield node.lineno, node.attr
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                off = isinstance(node.value, ast.Constant) and node.value.value is False
                if isinstance(target, ast.Attribute) and target.attr == "check_hostname" and off:
                    yield node.lineno, "check_hostname = False"


def _sources() -> list[Path]:
    return [*sorted((_CHECKOUT / "loadgen").rglob("*.py")), _CHECKOUT / "locustfile.py", _CHECKOUT / "setup.py"]


def test_nothing_unsafe_is_called() -> None:
    found = [
        f"{source.relative_to(_CHECKOUT)}:{line}: {what}"
        for source in _sources()
        for line, what in _unsafe(ast.parse(source.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "import pickle",
        "from pickle import loads",
        "import yaml\nyaml.load(x)",
        "context.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "subprocess.run(x, shell=True)",
        "session.get(url, ssl=False)",
        "numpy.load(x, allow_pickle=True)",
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert list(_unsafe(ast.parse(source)))
