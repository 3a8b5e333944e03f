"""Reasoning tasks: what the `reasoning` kind of a scenario sends, and what the answers were worth.

Built by `build_workload`, driven by the engine. A session is one question: one task in one phrasing. All messages are
encoded when the workload is built, so that a turn costs no more than joining two of them.

How a server's prefix cache is met: with `fresh`, the default, the system message opens with a number of the session's
own, so that no request finds another's prompt in a cache, and a repeat is asked anew even at temperature 0. Without it
repeats are the same bytes: then agreement tells whether the server repeats itself, and times are those of a warm cache.
"""

from random import Random

from loadgen.client.reply import Reply
from loadgen.marks import Marks
from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.fragments import escape_text, text_message
from loadgen.workloads.reasoning.answers import judge, lenient
from loadgen.workloads.reasoning.phrasing import asked_form, put
from loadgen.workloads.reasoning.plan import Cell, Order, tasks_of

_REQUEST = b"Request %014x. "
_SYSTEM = escape_text("Solve the task, and keep to the form in which the answer is asked for.")
# Of an answer found, as much goes into the record as is needed to compare it.
_MOST_CHARS = 60


class ReasoningWorkload:
    """Makes sessions of one question from one `reasoning` entry of the scenario."""

    def __init__(self, spec: ReasoningSpec, *, seed: int) -> None:
        """seed: the scenario's; it decides the tasks and their order."""
        self.name = spec.name
        self.spec = spec
        self.tasks = tasks_of(spec, seed=seed)
        self.order = Order(len(self.tasks), len(spec.phrasings), spec.name, seed)
        self._questions = [
            [text_message("user", escape_text(put(task, phrasing, seed=seed))) for phrasing in spec.phrasings]
            for task in self.tasks
        ]
        self._system = text_message("system", _SYSTEM)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many sessions it takes to ask everything once."""
        tasks, phrasings = len(self.tasks), len(self.spec.phrasings)
        return (f"{self.name}: {tasks} tasks in {phrasings} phrasings; {self.order.cells} sessions ask each pair once",)

    def session(self, ordinal: int, rng: Random) -> "ReasoningSession | None":
        """Session `ordinal`; None where all repeats have been asked."""
        cell = self.order.cell(ordinal)
        if self.spec.repeats is not None and cell.repeat >= self.spec.repeats:
            return None
        return ReasoningSession(self, cell, ordinal, rng)

    def start_times(self) -> None:
        """None: tasks have no recorded clock."""
        return

    def messages(self, cell: Cell, rng: Random) -> tuple[bytes, ...]:
        """What is sent."""
        system = self._system
        if self.spec.fresh:
            system = text_message("system", _REQUEST % int(rng.random() * 2**53), _SYSTEM)
        return system, self._questions[cell.task][cell.phrasing]


class ReasoningSession:
    """One question and its answer."""

    __slots__ = ("_asked", "_cell", "_ordinal", "_rng", "_workload")

    def __init__(self, workload: ReasoningWorkload, cell: Cell, ordinal: int, rng: Random) -> None:
        self._workload, self._cell, self._ordinal, self._rng = workload, cell, ordinal, rng
        self._asked = False

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The question, once."""
        del last
        if self._asked:
            return None
        self._asked = True
        limit = self._workload.spec.output_tokens
        return Turn(
            messages=self._workload.messages(self._cell, self._rng),
            output_tokens=None if limit is None else limit.draw_tokens(self._rng, self._ordinal),
        )

    def score(self, reply: Reply) -> Marks:
        """What the answer was worth."""
        task = self._workload.tasks[self._cell.task]
        phrasing = self._workload.spec.phrasings[self._cell.phrasing]
        form, outcome, found = task.family.form, "failed", None
        if reply.ok:
            cut_off = reply.finish_reason == "length"
            outcome, found = judge(reply.text, form, asked_form(phrasing), task.answer, cut_off=cut_off)
        return {
            "family": task.family.name,
            "task": task.id,
            "phrasing": phrasing,
            "repeat": self._cell.repeat,
            "outcome": outcome,
            "lenient": reply.ok and task.answer in (found, lenient(reply.text, form)),
            "answer": None if found is None else found[:_MOST_CHARS],
            "expected": task.answer,
        }
