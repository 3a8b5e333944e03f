"""Runs tests of a tree inside a sandbox and reports each one's result. Given to the sandbox as a file, imports nothing
of ours, and runs as `python -I -S -B /aside/runner.py` with the tree as its working directory.

Standard input: one JSON line {"token", "tests": [ids] or null for all}. It is read, and closed, before any code of the
tree is imported. Results go to descriptor 3, a line each: the token, the result, the test's id in hexadecimal. Text for
people goes to standard error. The tree comes last on the path, so nothing in it stands in for the standard library. A
test that ends with unittest, a builtin or this runner other than it was before the tree's code was imported is an
error, whatever it says; and what writes the results is not looked up where that code could put something else.
"""

import builtins
import contextlib
import json
import os
import sys
import traceback
import unittest
import unittest.case
import unittest.loader
import unittest.result
import unittest.runner
import unittest.suite
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

_REPORT = 3


class Reporting(unittest.TextTestResult):
    """Reports every test as it ends. A test that was skipped, or failed as it was expected to, has not passed."""

    tell: Any
    blocked: "list[str]"
    seal: "Seal"

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        """See unittest.TestResult."""
        super().startTest(test)
        self._worst = ""

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().stopTest(test)
        if (changed := self.seal.broken()) is not None:
            self._worst = "error"
            self.stream.writeln(f"{test.id()}: the code under test has changed {changed}, so no result counts")
        self.tell(test.id(), self._worst or "missing")

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().addSuccess(test)
        self._worst = self._worst or "passed"

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().addFailure(test, err)
        self._worst = "failed"

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().addError(test, err)
        self._worst = "error"
        # Of a class or a module that could not be set up: `setUpClass (tests.test_x.Class)`.
        if not isinstance(test, unittest.TestCase):
            self.blocked.append(str(test.id()).rpartition("(")[2].rstrip(")"))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._worst = "failed" if issubclass(err[0], test.failureException) else "error"

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        """See unittest.TestResult."""
        super().addUnexpectedSuccess(test)
        self._worst = "failed"


class Seal:
    """What decides whether a test passes, as it was before any code of the tree had run."""

    def __init__(self) -> None:
        self._kept = list(_parts())

    def broken(self) -> "str | None":
        """The first part that is no longer what it was; None where all are."""
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return "the interpreter's trace function"
        for owner, name, value, code in self._kept:
            now = vars(owner).get(name)
            if now is not value or getattr(now, "__code__", None) is not code:
                return f"{getattr(owner, '__name__', owner)}.{name}"
        return None


def _parts() -> "Iterator[tuple[Any, str, Any, Any]]":
    """Each function of unittest and of ours, and each builtin: its owner, its name, itself and its code."""
    owners: list[Any] = [builtins, Reporting, Seal]
    for module in (unittest.case, unittest.loader, unittest.result, unittest.runner, unittest.suite):
        owners += [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
        owners.append(module)
    for owner in owners:
        for name, value in list(vars(owner).items()):
            kinds = (type, FunctionType, staticmethod, classmethod, property)
            if owner is builtins or isinstance(value, kinds):
                yield owner, name, value, getattr(value, "__code__", None)


def main() -> None:
    """Read what is wanted, run it, report."""
    with open(0, "rb") as stdin:
        wanted = json.loads(stdin.readline())
    os.open(os.devnull, os.O_RDONLY)  # takes the place of standard input
    os.set_inheritable(_REPORT, False)
    token, write = wanted["token"], os.write
    # No name leads from here on to what tells the results.
    sys.modules["__main__"] = ModuleType("__main__")

    told: set[str] = set()

    def tell(test: str, result: str) -> None:
        told.add(test)
        write(_REPORT, f"{token} {result} {test.encode().hex()}\n".encode())

    seal = Seal()
    sys.path.append(os.getcwd())
    suite, broken = _load(wanted["tests"])
    result_class = type("Result", (Reporting,), {"tell": staticmethod(tell), "blocked": broken, "seal": seal})
    ran = unittest.TextTestRunner(verbosity=1, resultclass=result_class).run(suite)
    for test in wanted["tests"] or ():
        if test not in told and any(test == name or test.startswith(f"{name}.") for name in broken):
            tell(test, "error")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the code may have closed it, or put anything in its place
            stream.flush()
    # Threads that the tests left behind don't keep it from ending.
    os._exit(0 if ran.wasSuccessful() and ran.testsRun else 1)


def _load(tests: "list[str] | None") -> "tuple[unittest.TestSuite, list[str]]":
    """The tests to run, and the names of those whose module can't be imported."""
    loader = unittest.TestLoader()
    if tests is None:
        return loader.discover(os.getcwd(), top_level_dir=os.getcwd()), []
    suite, broken = unittest.TestSuite(), []
    for name in dict.fromkeys(tests):
        try:
            found = list(_each(loader.loadTestsFromName(name)))
        except Exception:  # the loader keeps to itself only what could not be found; a SyntaxError gets out
            traceback.print_exc()
            broken.append(name)
            continue
        for test in found:
            # A name of a module or a class would run, and report, tests that nobody asked for.
            if test.id() == name or _is_failure(test):
                suite.addTest(test)
            if _is_failure(test) and not isinstance(getattr(test, "_exception", None), AttributeError):
                broken.append(name)
    return suite, broken


def _each(suite: Any) -> Iterator[unittest.TestCase]:
    if isinstance(suite, unittest.TestSuite):
        for part in suite:
            yield from _each(part)
    else:
        yield suite


def _is_failure(test: unittest.TestCase) -> bool:
    """Whether it stands for a test that could not be loaded."""
    return type(test).__module__ == "unittest.loader"


if __name__ == "__main__":
    main()
