"""Where a coding workload's tests run: the sandbox's answers as texts for the agent, and as a judgement of its work.

Called by the sessions. Nothing here waits but for the sandbox, and nothing that a model wrote runs anywhere else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from msgspec import structs

from loadgen.marks import Marks
from loadgen.sandbox.model import ASIDE, PYTHON, Job, Limits, Outcome
from loadgen.sandbox.sandboxes import SandboxError, Sandboxes
from loadgen.sandbox.scoring import scored_tree
from loadgen.sandbox.unittests import Result, run_tests
from loadgen.scenario.coding import CodingSpec
from loadgen.workloads.coding.checkout import Checkout
from loadgen.workloads.coding.task import Task
from loadgen.workloads.coding.toolbox import MOST_HITS, found, hit

TEXT_CHARS: Final = 12_000
_MOST_NAMED: Final = 20
_SEARCH_WALL_S: Final = 5.0
# Prints path, line number and line as JSON; what it is told comes on its standard input.
_SEARCH: Final = b"""\
import json, re, sys
told = json.loads(sys.stdin.readline())
try:
    pattern = re.compile(told["pattern"])
except (re.error, RecursionError, OverflowError) as error:
    sys.exit(f"error: no regular expression: {error}")
hits = []
for path in told["paths"]:
    with open(path, encoding="utf-8", newline="") as lines:
        for number, line in enumerate(lines.read().split("\\n"), 1):
            if len(hits) <= told["most"] and pattern.search(line):
                hits.append([path, number, line[:1000]])
print(json.dumps(hits))
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A test run. killed_for: the limit that ended it, or `sandbox` where it could not be run at all."""

    results: Mapping[str, Result]
    text: str
    killed_for: str | None = None

    @property
    def failed(self) -> list[str]:
        """The tests that did not pass."""
        return [test for test, result in self.results.items() if result != "passed"]

    @property
    def green(self) -> bool:
        """Whether there were tests, and all passed."""
        return bool(self.results) and not self.failed and self.killed_for is None


class Bench:
    """A workload's sandboxes."""

    def __init__(self, spec: CodingSpec) -> None:
        limits = spec.limits
        self._wall_s = spec.test_timeout_s
        self._limits = Limits(
            wall_s=spec.test_timeout_s,
            cpu_s=limits.cpu_s,
            memory_bytes=limits.memory_bytes,
            disk_bytes=limits.disk_bytes,
            processes=limits.processes,
            output_bytes=limits.output_bytes,
        )
        self.sandboxes = Sandboxes(spec.parallel, unsafe=spec.sandbox == "unsafe")

    async def run_tests(self, tree: dict[str, bytes], known: frozenset[str], wanted: Sequence[str]) -> Ran:
        """Run tests for the agent: those named, or all for none. known: the task's ids.

        A name that is not one of them, such as a module's, takes a run of everything, of which its own are told.
        """
        exact = wanted if wanted and known.issuperset(wanted) else None
        test_job = run_tests(tree, exact, self._limits)
        try:
            tests = test_job.read(await self.sandboxes.run(test_job.job))
        except SandboxError:
            return Ran({}, "error: the tests could not be run", "sandbox")
        results = {test: result for test, result in tests.results.items() if _is_wanted(test, wanted)}
        if (killed_for := tests.outcome.killed_for) is not None:
            told = f"{self._killed(killed_for)}\n\n{_clipped(tests.text)}"
            return Ran(results, told, "starved" if tests.outcome.starved else killed_for)
        return Ran(results, _told(results, tests.text, wanted))

    def timed_out_text(self) -> str:
        """What a test run says that took too long."""
        return self._killed("wall")

    def _killed(self, limit: str) -> str:
        if limit == "wall":
            return f"error: the tests did not end within {self._wall_s:g} s and were stopped"
        return f"error: the tests were stopped, for they used more than their limit of {limit}"

    async def search(self, tree: dict[str, bytes], pattern: str, path: str | None) -> str:
        """Search by a regular expression, which can take for ever and therefore takes place in a sandbox."""
        if path is not None and path not in tree:
            return f"error: there is no file {path[:200]!r}; list_files shows what there is"
        told = {"pattern": pattern, "paths": [path] if path else sorted(tree), "most": MOST_HITS}
        job = Job(
            tree,
            (PYTHON, "-I", "-S", "-B", f"{ASIDE}/search.py"),
            structs.replace(self._limits, wall_s=min(_SEARCH_WALL_S, self._wall_s)),
            aside={"search.py": _SEARCH},
            stdin=json.dumps(told).encode() + b"\n",
        )
        try:
            outcome = await self.sandboxes.run(job)
        except SandboxError:
            return "error: the search could not be run"
        if outcome.killed_for is not None:
            return "error: the search took too long and was stopped"
        output = outcome.output.decode(errors="replace").strip()
        if outcome.exit_code != 0 or outcome.truncated:
            return output[:TEXT_CHARS] if output.startswith("error: ") else "error: the search failed"
        return found([hit(*line) for line in json.loads(output)])

    async def judge(self, task: Task, checkout: Checkout) -> Marks:
        """Whether the work solves the task: its allowed files in an untouched copy, and all tests that decide.

        Work that changes nothing solves nothing: the tests that must pass are red before it. `solved` is None where
        nothing could be found out: no sandbox, or none that got a processor.
        """
        if not checkout.changed and not checkout.removed:
            return {"solved": False, "unchanged": True}
        said = task.said
        tree = scored_tree(task.pristine, checkout.tree(), said.editable, task.hidden_files)
        test_job = run_tests(tree, (*said.must_pass, *said.must_stay, *said.hidden), self._limits)
        try:
            outcome = await self.sandboxes.run(test_job.job)
        except SandboxError:
            return {"solved": None, "unjudged": "sandbox"}
        marks: Marks = {"judged_s": round(outcome.wall_s, 6), "judging_queued_s": round(outcome.queued_s, 6)}
        if outcome.killed_for is not None:
            return marks | _judgement_of_the_killed(outcome)
        tests = test_job.read(outcome)
        for name, ids in (("must_pass", said.must_pass), ("must_stay", said.must_stay), ("hidden", said.hidden)):
            marks[f"{name}_red"] = sum(tests.results.get(test) != "passed" for test in ids)
        return marks | {"solved": tests.all_passed}


def _judgement_of_the_killed(outcome: Outcome) -> Marks:
    if outcome.starved:
        return {"solved": None, "unjudged": "starved"}
    return {"solved": False, "judging_killed_for": outcome.killed_for}


def with_one_failed(ran: Ran, rng: Random) -> Ran:
    """The same run, one test of it told to have failed as flaky tests do."""
    tests = sorted(ran.results)
    test = tests[int(rng.random() * len(tests))]
    failure = (
        f"{'=' * 70}\nERROR: {test.rsplit('.', 1)[-1]} ({test})\n{'-' * 70}\n"
        "Traceback (most recent call last):\nConnectionResetError: [Errno 104] Connection reset by peer"
    )
    results: dict[str, Result] = {**ran.results, test: "error"}
    return replace(ran, results=results, text=_told(results, failure, ()))


def _is_wanted(test: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(test == name or test.startswith(f"{name}.") for name in wanted)


def _told(results: Mapping[str, Result], text: str, wanted: Sequence[str]) -> str:
    """A run that came to its end, in words: the first line says how it came out."""
    if not results:
        return f"error: there is no test in {', '.join(wanted) or 'the repository'}\n\n{_clipped(text)}"
    failed = [f"  {test}: {result}" for test, result in results.items() if result != "passed"]
    if not failed:
        return f"all {len(results)} tests passed"
    named = "\n".join(failed[:_MOST_NAMED])
    return f"{len(failed)} of {len(results)} tests did not pass:\n{named}\n\n{_clipped(text)}"


def _clipped(text: str) -> str:
    """As much of a long output as an agent should have to read: its beginning and its end."""
    if len(text) <= TEXT_CHARS:
        return text
    half = TEXT_CHARS // 2
    return f"{text[:half]}\n... ({len(text) - 2 * half} characters are left out) ...\n{text[-half:]}"
