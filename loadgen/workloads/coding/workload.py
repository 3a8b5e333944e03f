"""The `coding` workload: a session a task, each asked as often as any other."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from loadgen.errors import UsageError
from loadgen.sandbox.model import Usage
from loadgen.scenario.coding import CodingSpec
from loadgen.scenario.shipped import shipped_coding_tasks
from loadgen.workloads.coding.agent import CodingSession
from loadgen.workloads.coding.bench import Bench
from loadgen.workloads.coding.task import Task, load_tasks
from loadgen.workloads.fragments import escape_text, text_message
from loadgen.workloads.tools.faults import draw_fault

_INSTRUCTIONS: Final = escape_text(
    "\nYou are a software engineer with tools that work on a Python repository. Do what the user asks. Read what you "
    "need, change files with edit_file (its search text must stand in the file exactly once), create_file and "
    "delete_file, and run the tests with run_tests. Where tests fail, read why and mend it. A result that begins with "
    '"error:" tells what went wrong. When all is done, reply with the word DONE and call no tool.'
)


class CodingWorkload:
    """Makes coding agents. Reads its tasks when it is built; raises UsageError for those that can't be used."""

    def __init__(self, spec: CodingSpec, *, seed: int) -> None:
        """seed: the scenario's; with the workload's name it decides the order of the tasks."""
        self.name, self.spec, self._seed = spec.name, spec, seed
        self.tasks = load_tasks(_folder(spec), spec.tasks)
        self.bench = Bench(spec)

    @property
    def open_ended(self) -> bool:
        """An agent goes on until its tests pass, or it thinks so."""
        return True

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to be done, and what the user should know of the sandbox."""
        kinds = Counter(task.said.kind for task in self.tasks)
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        noun = "task" if len(self.tasks) == 1 else "tasks"
        return (f"workload {self.name}: {len(self.tasks)} {noun} ({told})", *self.bench.sandboxes.notes)

    @property
    def sandbox_usage(self) -> Usage:
        """What its sandboxes have taken so far."""
        return self.bench.sandboxes.usage

    def task_of(self, ordinal: int) -> Task:
        """The task of session `ordinal`: all tasks, in an order of its own, before any comes again."""
        number, place = divmod(ordinal, len(self.tasks))
        order = list(range(len(self.tasks)))
        # Not shuffled: only the sequence of `random()` is promised to stay as it is.
        rng = Random(f"{self._seed} {self.name} round {number}")
        order.sort(key=lambda _: rng.random())
        return self.tasks[order[place]]

    def session(self, ordinal: int, rng: Random) -> CodingSession:
        """Agent `ordinal`."""
        # Its number of its own keeps a prefix cache from knowing the conversation from an earlier one.
        opening = escape_text(f"Coding session {int(rng.random() * 2**53):014x}.")
        fault = draw_fault(self.spec.faults.shares, rng.random())
        system = text_message("system", opening, _INSTRUCTIONS)
        task = self.task_of(ordinal)
        return CodingSession(self.spec, task, self.bench, rng, ordinal=ordinal, system=system, fault=fault)

    def start_times(self) -> None:
        """None: agents have no recorded clock."""
        return

    def hire(self) -> None:
        """Start what keeps the sandboxes. Raises UsageError where isolation is not to be had."""
        self.bench.sandboxes.start()

    async def dismiss(self) -> None:
        """End it."""
        self.bench.sandboxes.close()


def _folder(spec: CodingSpec) -> Path:
    if spec.path is not None:
        return Path(spec.path)
    shipped = shipped_coding_tasks()
    if shipped is None:
        raise UsageError(f"workload {spec.name!r}: no coding tasks are installed; accepted: path, a folder of tasks")
    return shipped
