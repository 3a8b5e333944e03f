"""The parts of the sandbox that need no process: what counts of an agent's files, what is kept of an output."""

import json

import pytest

from loadgen.sandbox.globs import is_inside, matches
from loadgen.sandbox.launch import Place, place_here
from loadgen.sandbox.model import Limits, Outcome
from loadgen.sandbox.pipes import Kept
from loadgen.sandbox.scoring import scored_tree
from loadgen.sandbox.unittests import run_tests


@pytest.mark.parametrize(
    ("pattern", "path", "means"),
    [
        ("a.py", "a.py", True),
        ("a.py", "b/a.py", False),
        ("*.py", "b/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "b/c/a.py", True),
        ("shop/**", "shop/b/c.txt", True),
        ("shop/*.py", "shop/b/c.py", False),
        ("shop/?.py", "shop/a.py", True),
        ("a.py", "aXpy", False),
        ("*.py", "a.py\n", False),
    ],
)
def test_a_pattern_means_these_paths(pattern: str, path: str, means: bool) -> None:
    assert matches(path, [pattern]) is means


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\0b"])
def test_a_path_out_of_the_tree_is_none(path: str) -> None:
    assert not is_inside(path)


def test_only_what_a_task_lets_change_is_scored() -> None:
    pristine = {"shop/a.py": b"old", "shop/gone.py": b"old", "tests/test_a.py": b"real"}
    worked_on = {
        "shop/a.py": b"new",
        "shop/added.py": b"new",
        "tests/test_a.py": b"emptied",
        "shop/conftest.py": b"trap",
        "shop/sitecustomize.py": b"trap",
        "shop/x.pth": b"trap",
        "unittest/__init__.py": b"trap",
        "shop/../unittest.py": b"trap",
    }
    tree = scored_tree(pristine, worked_on, ["shop/**"], {"tests/test_hidden.py": b"hidden"})
    assert tree == {
        "shop/a.py": b"new",
        "shop/added.py": b"new",
        "tests/test_a.py": b"real",
        "tests/test_hidden.py": b"hidden",
    }


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    kept = Kept(10)
    for number in range(100_000):
        kept.add(b"%06d" % number)
    assert kept.truncated
    assert kept.text == b"00000\n[... 599990 bytes left out ...]\n99999"


def test_a_short_output_is_kept_whole() -> None:
    kept = Kept(10)
    kept.add(b"0123456")
    kept.add(b"789")
    assert (kept.text, kept.truncated) == (b"0123456789", False)


def _outcome(**fields: object) -> Outcome:
    given = {"exit_code": 0, "output": b"", "truncated": False, "timed_out": False, "killed_for": None, "wall_s": 1.0}
    return Outcome(**{**given, "cpu_s": 0.1, "queued_s": 0.0, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("timed_out", "waited_s", "cpu_s", "starved"),
    [
        (True, 0.9, 0.1, True),
        (False, 0.9, 0.1, False),  # it came to its end all the same
        (True, 0.1, 0.1, False),  # it slept
        (True, 7.0, 1.0, False),  # it was in its own way: many processes that shared all processors
        (True, None, 0.1, False),
    ],
)
def test_who_ran_out_of_time_for_want_of_a_processor_was_starved(
    timed_out: bool, waited_s: float | None, cpu_s: float, starved: bool
) -> None:
    assert _outcome(timed_out=timed_out, waited_s=waited_s, cpu_s=cpu_s).starved is starved


def test_only_results_with_the_runs_own_token_count_and_each_once() -> None:
    asked = run_tests({"a.py": b""}, ["t.A.one", "t.A.twice", "t.A.forged", "t.A.never"], Limits())
    token = json.loads(asked.job.stdin)["token"]

    def line(test: str, result: str, token: str = token) -> bytes:
        return f"{token} {result} {test.encode().hex()}".encode()

    lines = [
        *(line("t.A.one", "passed"), line("t.A.twice", "failed"), line("t.A.twice", "passed")),
        *(line("t.A.forged", "passed", "guessed"), line("t.A.forged", "passed", ""), b"\xff{", b"7"),
        *(f"{token} passed odd".encode(), f"{token} passed".encode(), f"{token} \xff ff".encode()),
        *(line("t.A.unasked", "passed"), line("t.A.never", "splendid")),
    ]
    ran = asked.read(_outcome(report=b"\n".join(lines)))
    assert ran.results == {"t.A.one": "passed", "t.A.twice": "error", "t.A.forged": "missing", "t.A.never": "missing"}
    assert ran.passed(["t.A.one"])
    assert not ran.all_passed
    assert run_tests({"a.py": b""}, [], Limits()).token != asked.token


def test_installed_packages_and_our_own_code_are_covered_wherever_they_are_shown() -> None:
    place: Place = place_here(isolated=True)
    for packages in place.covered:
        assert any(packages.startswith(f"{shown}/") for shown in place.shown)
    assert all("site-packages" not in shown for shown in place.shown)
    assert any("-packages" in packages for packages in place.covered)
