"""Coding sessions played by the simulated model, with no server and no clock between them."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml

from loadgen.client.reply import Reply, ToolCall, Usage
from loadgen.metrics.record import Record
from loadgen.sandbox.model import Job, Outcome
from loadgen.scenario.coding import CodingSpec
from loadgen.simulator.answers import Author, Dials
from loadgen.simulator.coding import Solution, load_solutions
from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.dials import CodingDials, Quality
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat
from loadgen.workloads.base import Turn
from loadgen.workloads.coding.agent import CodingSession
from loadgen.workloads.coding.task import Task, load_tasks
from loadgen.workloads.coding.workload import CodingWorkload
from tests.support.agents import record
from tests.support.messages import whole

SHIPPED = Path(__file__).parents[2] / "scenarios" / "coding"


# In place of the task's own: tests that nobody has the time to wait for.
ENDLESS_TESTS = """\
import time
import unittest


class Sums(unittest.TestCase):
    def test_add(self):
        time.sleep(600)

    def test_nothing(self):
        pass
"""
_SUMS = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return add(a, a)\n"
_TESTS = """\
import unittest

from calc.sums import add, twice


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_nothing(self):
        self.assertEqual(add(0, 0), 0)
"""
_CHECKS = """\
import unittest

from calc.sums import twice


class Hidden(unittest.TestCase):
    def test_twice(self):
        self.assertEqual(twice(4), 8)
"""


def write_task(folder: Path, files: Mapping[str, str] | None = None, **changes: Any) -> None:
    """A task named `small`: a sum that is a difference. files: others in their places; changes: of its task.yaml."""
    said = {
        "title": "A sum that is none",
        "kind": "bug",
        "prompt": "add() is wrong. Mend it.",
        "editable": ["calc/*.py"],
        "must_pass": ["tests.test_sums.Sums.test_add"],
        "must_stay": ["tests.test_sums.Sums.test_nothing"],
        "hidden": ["tests.test_hidden.Hidden.test_twice"],
    }
    texts = {
        "task.yaml": yaml.safe_dump(said | changes),
        "repo/calc/__init__.py": "",
        "repo/calc/sums.py": _SUMS,
        "repo/tests/__init__.py": "",
        "repo/tests/test_sums.py": _TESTS,
        "checks/tests/test_hidden.py": _CHECKS,
        "solution/calc/sums.py": _SUMS.replace("a - b", "a + b"),
    }
    for name, text in {**texts, **(files or {})}.items():
        path = folder / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def small_task(folder: Path, **changes: Any) -> Task:
    """That task, read."""
    write_task(folder, **changes)
    (task,) = load_tasks(folder)
    return task


def coding(**spec: Any) -> CodingWorkload:
    """A workload over the shipped tasks."""
    return CodingWorkload(CodingSpec.model_validate({"name": "coding", **spec}), seed=1)


class Oracle:
    """Stands in for the sandboxes where hundreds of sessions are played: it runs nothing, and knows the solutions.

    Tests are green where a tree holds the solution of a task, and those that must pass are red anywhere else.
    """

    def __init__(self, tasks: tuple[Task, ...], solutions: dict[str, Solution]) -> None:
        self._tasks = {task: solutions[task.prompt] for task in tasks}
        self.runs = 0

    async def run(self, job: Job) -> Outcome:
        """See Sandboxes."""
        self.runs += 1
        told = json.loads(job.stdin)
        task, solved = self._task(job.tree)
        said = task.said
        tests = told["tests"] or [*said.must_pass, *said.must_stay]
        red = set() if solved else {*said.must_pass, *said.hidden}
        lines = [f"{told['token']} {'failed' if test in red else 'passed'} {test.encode().hex()}" for test in tests]
        return Outcome(
            0, b"what unittest says", False, False, None, 0.1, 0.1, 0.0, 0.0, report="\n".join(lines).encode()
        )

    def _task(self, tree: dict[str, bytes]) -> tuple[Task, bool]:
        shares = {task: sum(path in tree for path in task.files) / len(task.files) for task in self._tasks}
        task = max(shares, key=lambda task: shares[task])
        solution = self._tasks[task]
        right = all(tree.get(path) == text.encode() for path, text in solution.files.items())
        return task, right and not any(path in tree for path in solution.removed)


class SimulatedCoder:
    """The simulator's model at coding; it is told nothing but the bodies of requests, and the solutions."""

    def __init__(self, dials: CodingDials | None = None, *, folder: Path = SHIPPED) -> None:
        self.solutions = load_solutions([folder])
        quality = Quality(coding=dials or CodingDials())
        self._author = Author(DIALECTS["openai"], Dials(quality=quality, solutions=self.solutions), PROFILES["fast"], 2)

    def answer(self, turn: Turn) -> Reply:
        """Its reply to a turn."""
        body = b'{"model":"m","tools":%b,"messages":[%b]}' % (turn.tools or b"[]", b",".join(map(whole, turn.messages)))
        answer = self._author.answer_chat(read_chat(body))
        calls = tuple(ToolCall(call.id, call.name, call.arguments) for call in answer.calls)
        usage = Usage(answer.prompt_tokens, len(answer.pieces), None)
        return Reply(ok=True, text=answer.text, tool_calls=calls, finish_reason=answer.reason, usage=usage)

    def play(self, workload: CodingWorkload, sessions: int) -> list[Record]:
        """The records of so many sessions, tests answered by an Oracle."""
        workload.bench.sandboxes = Oracle(workload.tasks, self.solutions)  # type: ignore[assignment]
        return [one for number in range(sessions) for one in asyncio.run(self._records(workload, number))]

    async def _records(self, workload: CodingWorkload, number: int) -> list[Record]:
        clock = 0.0
        found = []
        session = workload.session(number, Random(number))
        async for place, turn, reply, marks in _numbered(session, self):
            clock += turn.delay_s
            found.append(
                record(
                    str(number),
                    place,
                    marks,
                    intended_s=clock,
                    end_s=clock + 0.5,
                    input_tokens=reply.usage.input_tokens,
                    output_tokens=reply.usage.output_tokens,
                    cost=0.01,
                )
            )
            clock += 0.5
        return found


async def _numbered(session: CodingSession, model: SimulatedCoder) -> Any:
    turn, place = session.next_turn(None), 0
    while turn is not None:
        reply = model.answer(turn)
        marks, judging = session.score(reply), session.judging()
        if judging is not None:
            yield place, turn, reply, {**marks, **await judging}
            return
        yield place, turn, reply, marks
        if (working := session.working()) is not None:
            await working
        turn, place = session.next_turn(reply), place + 1


def calling(name: str, **arguments: Any) -> Reply:
    """An answer that calls one tool."""
    return Reply(ok=True, tool_calls=(ToolCall("c1", name, json.dumps(arguments)),), finish_reason="tool_calls")


DONE = Reply(ok=True, text="DONE", finish_reason="stop")


def results(turn: Turn | None) -> Iterator[str]:
    """What the tools have given back, in order."""
    assert turn is not None
    for message in map(json.loads, map(whole, turn.messages)):
        if message["role"] == "tool":
            yield message["content"]


def last_result(turn: Turn | None) -> str:
    """What the last tool has given back."""
    return [*results(turn)][-1]
