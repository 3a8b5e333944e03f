"""What is committed holds on any machine: it names no package index and no path of the machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
# Composed, so that this file itself passes. A folder counts where a path begins with it: `v1/root/x` does not.
_HOSTS = tuple(
    ".".join(parts)
    for parts in (("py" + "pi", "org"), ("python" + "hosted", "org"), ("npm" + "js", "org"), ("debian", "org"))
)
_FOLDERS = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "fa" + "rm", "Us" + "ers"))
_MACHINE_PATH = re.compile("(?<![A-Za-z0-9_.-])/(?:" + _FOLDERS + r")/\w")


def _committed() -> list[Path]:
    if not (_CHECKOUT / ".git").exists():
        pytest.skip("not a checkout: nothing says what is committed")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_CHECKOUT, capture_output=True, text=True, check=True)
    paths = (_CHECKOUT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _lines(path: Path) -> list[str]:
    """A text file's lines; none for an image or the like."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def test_no_committed_file_names_a_package_index() -> None:
    named = [
        f"{path.relative_to(_CHECKOUT)}:{number}"
        for path in _committed()
        for number, line in enumerate(_lines(path), 1)
        if any(host in line for host in _HOSTS)
    ]
    assert named == []


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    named = [
        f"{path.relative_to(_CHECKOUT)}:{number}"
        for path in _committed()
        for number, line in enumerate(_lines(path), 1)
        if _MACHINE_PATH.search(line)
    ]
    assert named == []


def test_every_locked_dependency_carries_a_hash() -> None:
    for lock in sorted((_CHECKOUT / "requirements").glob("*.txt")):
        entries = [
            entry
            for entry in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
            if entry.strip() and not entry.startswith("#")
        ]
        assert entries, f"{lock.name} locks nothing"
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
