"""Python tests in a sandbox: from a tree and the ids of its tests to each one's result.

What the code under test prints is no result: results come through a descriptor of their own, each with a token that was
drawn for this run and that the runner reads before it imports any of that code. The two share a process, so code
that looks for the token in its interpreter's memory can find it (docs/sandbox.md, "What is not promised").
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from loadgen.sandbox.model import ASIDE, PYTHON, Job, Limits, Outcome

# error: its module or class could not be set up, among others. missing: it was not run to its end: there is no such
# test, it was skipped, or the process ended before.
Result = Literal["passed", "failed", "error", "missing"]
_RESULTS: Mapping[bytes, Result] = {b"passed": "passed", b"failed": "failed", b"error": "error", b"missing": "missing"}
_RUNNER = "runner.py"
_COMMAND = (PYTHON, "-I", "-S", "-B", f"{ASIDE}/{_RUNNER}")


class RanTests(Struct, frozen=True):
    """One run of tests. results: of every test that was asked for, or, where all were, of every one that ran.

    text: what unittest and the code printed, for people and agents. outcome: how the process ended.
    """

    results: dict[str, Result]
    text: str
    outcome: Outcome

    @property
    def all_passed(self) -> bool:
        """Whether there were tests and each one passed."""
        return bool(self.results) and all(result == "passed" for result in self.results.values())

    def passed(self, tests: Sequence[str]) -> bool:
        """Whether each of these passed."""
        return all(self.results.get(test) == "passed" for test in tests)


class UnitTestJob(Struct, frozen=True):
    """A job that runs tests, and what reads its outcome. Made anew for every run: its token is for one."""

    job: Job
    tests: tuple[str, ...] | None
    token: str

    def read(self, outcome: Outcome) -> RanTests:
        """What the outcome says of the tests."""
        reported = _reported(outcome.report, self.token)
        wanted = reported if self.tests is None else self.tests
        results = {test: _one(reported.get(test, [])) for test in wanted}
        return RanTests(results, outcome.output.decode(errors="replace"), outcome)


def run_tests(tree: dict[str, bytes], tests: Sequence[str] | None, limits: Limits) -> UnitTestJob:
    """The job that runs these tests of a tree (`tests.test_x.Class.test_y`), or all of them (None).

    Usage: `test_job = run_tests(tree, ids, limits)`, then `test_job.read(await sandboxes.run(test_job.job))`.
    """
    token = secrets.token_hex(16)
    wanted = {"token": token, "tests": None if tests is None else list(tests)}
    job = Job(
        tree,
        _COMMAND,
        limits,
        aside={_RUNNER: _runner_source()},
        stdin=json.dumps(wanted).encode() + b"\n",
        report=True,
    )
    return UnitTestJob(job, None if tests is None else tuple(tests), token)


@cache
def _runner_source() -> bytes:
    return Path(__file__).with_name(_RUNNER).read_bytes()


def _reported(report: bytes, token: str) -> dict[str, list[Result]]:
    """Results by test, of the lines that carry the token; others may be anybody's."""
    found: dict[str, list[Result]] = {}
    for line in report.splitlines():
        words = line.split(b" ")
        if len(words) != 3 or not secrets.compare_digest(words[0], token.encode()):
            continue
        if (result := _RESULTS.get(words[1])) is not None:
            found.setdefault(_test_of(words[2]), []).append(result)
    return found


def _test_of(word: bytes) -> str:
    try:
        return bytes.fromhex(word.decode()).decode()
    except ValueError:
        return ""


def _one(results: list[Result]) -> Result:
    """A test's result; one that was reported twice has been tampered with."""
    if not results:
        return "missing"
    return results[0] if len(results) == 1 else "error"
