"""What tests of hostile code say in a sandbox: no result can be pretended by the means that come to mind first."""

import pytest

from loadgen.sandbox.unittests import RanTests, run_tests
from tests.support.sandboxed import LIMITS, why_not, with_sandboxes

_WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=f"no isolation here: {_WHY_NOT}")

_TEST_FILE = b"""\
import unittest
import product

class Adds(unittest.TestCase):
    def test_one(self):
        self.assertEqual(product.add(1, 1), 2)
    def test_two(self):
        self.assertEqual(product.add(2, 2), 4)
"""
_ONE, _TWO = "tests.test_it.Adds.test_one", "tests.test_it.Adds.test_two"

_FORGED = f"guessed passed {_ONE.encode().hex()}"


def _tests_of(product: str, **planted: bytes) -> RanTests:
    tree = {"tests/__init__.py": b"", "tests/test_it.py": _TEST_FILE, "product.py": product.encode(), **planted}
    asked = run_tests(tree, [_ONE, _TWO], LIMITS)
    return asked.read(with_sandboxes(lambda boxes: boxes.run(asked.job)))


def test_tests_pass_and_fail_as_they_do() -> None:
    done = _tests_of("def add(a, b): return a + b if a < 2 else 0")
    assert done.results == {_ONE: "passed", _TWO: "failed"}
    assert not done.all_passed
    assert "AssertionError: 0 != 4" in done.text


def test_what_the_code_prints_is_shown() -> None:
    assert "seen: 1\n" in _tests_of("def add(a, b):\n    print('seen:', a)\n    return a + b").text


@pytest.mark.parametrize(
    ("product", "result"),
    [
        ("import os; os._exit(0)", "missing"),
        ("import sys; sys.exit(0)", "missing"),
        ("def add(a, b):\n    import os; os._exit(0)", "missing"),
        (f"print({_FORGED!r})\ndef add(a, b): return 0", "failed"),
        (
            f"import os\nfor n in range(3, 20):\n    try:\n        os.write(n, {_FORGED.encode()!r} + b'\\n')\n"
            "    except OSError: pass\ndef add(a, b): return 0",
            "failed",
        ),
        ("syntax error", "error"),
        ("import unittest\nunittest.TestCase.assertEqual = lambda *_: None\ndef add(a, b): return 0", "error"),
        (
            "import unittest\ndef equal(self, first, second, msg=None): pass\n"
            "unittest.TestCase.assertEqual.__code__ = equal.__code__\ndef add(a, b): return 0",
            "error",
        ),
        ("import unittest\nunittest.TestCase._callTestMethod = lambda *_: None\ndef add(a, b): return 0", "error"),
        ("import builtins\nbuiltins.AssertionError = SystemError\ndef add(a, b): return 0", "error"),
        ("import __main__\n__main__.Reporting.addFailure = None\ndef add(a, b): return 0", "error"),
        (
            "import json\nas_it_was = json.dumps\n"
            "json.dumps = lambda told, **more: as_it_was({**told, 'result': 'passed'}, **more)\n"
            "def add(a, b): return 0",
            "failed",
        ),
        (
            "import os\nas_it_was = os.write\n"
            "os.write = lambda place, told: as_it_was(place, told.replace(b'failed', b'passed'))\n"
            "def add(a, b): return 0",
            "failed",
        ),
        ("import os\ndef add(a, b):\n    os.fork()\n    return 0", "error"),
        ("import os\nos.dup2(os.pipe()[1], 3)\ndef add(a, b): return 0", "missing"),
        ("import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0", "failed"),
        ("import unittest\ndef add(a, b): raise unittest.SkipTest", "missing"),
        ("import sys\nsys.settrace(lambda *_: None)\ndef add(a, b): return 0", "error"),
    ],
    ids=[
        "exits",
        "exits-kindly",
        "exits-in-the-test",
        "prints-it",
        "writes-it-everywhere",
        "broken",
        "tests-that-say-yes",
        "the-same-by-its-code",
        "tests-that-do-not-run",
        "another-builtin",
        "the-runner-by-its-name",
        "another-writing-of-results",
        "another-write",
        "two-of-it",
        "another-place-for-results",
        "at-its-end",
        "skips",
        "traces",
    ],
)
def test_a_result_can_not_be_pretended(product: str, result: str) -> None:
    assert _tests_of(product).results[_ONE] == result


def test_what_is_planted_at_the_top_does_not_help() -> None:
    trap = b"import os\nos._exit(0)\n"
    planted = dict.fromkeys(("conftest.py", "sitecustomize.py", "usercustomize.py", "unittest/__init__.py"), trap)
    done = _tests_of("def add(a, b): return 0", **planted, **{"json.py": trap, "trap.pth": b"import os; os._exit(0)"})
    assert done.results == {_ONE: "failed", _TWO: "failed"}
