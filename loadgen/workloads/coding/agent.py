"""A coding agent at work: one repository, one task, a loop of calls and results until the model has done.

Driven by the engine: `score` takes a reply in and does what is done at once (reading, editing), `working` runs what
takes a sandbox, `next_turn` sends the results, `judging` decides whether the task is solved. What fails on purpose is
drawn when the session is made and strikes at the first occasion: sessions with and without it differ by chance alone.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Final

from loadgen.client.reply import Reply
from loadgen.marks import Marks, count_mark
from loadgen.scenario.coding import CodingSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.coding.bench import Bench, Ran, with_one_failed
from loadgen.workloads.coding.checkout import Checkout, DeniedError
from loadgen.workloads.coding.edits import EditError
from loadgen.workloads.coding.task import Task
from loadgen.workloads.coding.toolbox import TOOLBOX
from loadgen.workloads.fragments import assistant_message, escape_text, text_message
from loadgen.workloads.tools.calls import Checked, Made, made, with_results
from loadgen.workloads.tools.tool import Arguments

# What a call gives back when it has been run in the sandbox.
_Later = Callable[[], Coroutine[None, None, str]]
_CHANGES: Final = ("edit_file", "create_file", "delete_file")
_NOT_WRITTEN: Final = "error: the file could not be written: input/output error; nothing was changed"


class CodingSession:
    """One agent's conversation. A failed turn ends it, and then nothing is judged."""

    def __init__(
        self,
        spec: CodingSpec,
        task: Task,
        bench: Bench,
        rng: Random,
        *,
        ordinal: int,
        system: bytes,
        fault: str | None = None,
    ) -> None:
        """system: the encoded system message. fault: the failure that it meets, by its name in `CodingFaults`."""
        self.task, self.checkout = task, Checkout(task)
        self._spec, self._bench, self._rng, self._ordinal = spec, bench, rng, ordinal
        self._history: tuple[bytes, ...] = (system, text_message("user", escape_text(task.prompt)))
        self._fault, self._due = fault, fault
        self._step = 0
        self._over = False
        self._delay_s = 0.0
        self._taken: Reply | None = None
        self._calls: list[Made] = []
        self._outputs: list[str | _Later] = []
        self._seen: Marks = {}
        self._totals: Marks = {f"{name}_total": 0 for name in ("edits", "edits_failed", "edits_denied", "test_runs")}

    def next_turn(self, last: Reply | None) -> Turn | None:
        """What follows: the results of the calls, or nothing any more."""
        if last is None:
            return self._turn()
        if last is not self._taken:
            self.score(last)
        if self._over:
            return None
        assert self._taken is not None
        results = [output for output in self._outputs if isinstance(output, str)]
        self._history += with_results(self._taken, self._calls, map(escape_text, results))
        self._calls, self._outputs = [], []
        return self._turn()

    def score(self, reply: Reply) -> Marks:
        """Take in a reply: do what its calls ask for, as far as that is done at once."""
        self._taken = reply
        marks: Marks = {"task": self.task.name, "kind": self.task.said.kind, "step": self._step, **self._seen}
        self._seen = {}
        self._step += 1
        if not reply.ok:
            return marks | self._end("failed")
        if not reply.tool_calls:
            self._history += (assistant_message(reply.text, reasoning=reply.reasoning_back),)
            return marks | self._end("answered")
        self._calls = made(reply, TOOLBOX, str(self._step))
        for call in self._calls:
            self._outputs.append(self._do(call.checked, marks))
        marks["calls"] = len(self._calls)
        return marks | self._end("step_limit") if self._step >= self._spec.max_steps else marks

    def working(self) -> Coroutine[None, None, None] | None:
        """The calls that take a sandbox; None where there are none."""
        if self._over or all(isinstance(output, str) for output in self._outputs):
            return None
        return self._work()

    def judging(self) -> Coroutine[None, None, Marks] | None:
        """Whether the task is solved; None while the session goes on, and where a request of it failed."""
        if not self._over or self._taken is None or not self._taken.ok:
            return None
        return self._bench.judge(self.task, self.checkout)

    async def _work(self) -> None:
        """One call after the other, as one person at one checkout would."""
        for place, output in enumerate(self._outputs):
            if not isinstance(output, str):
                self._outputs[place] = await output()

    def _end(self, how: str) -> Marks:
        self._over = True
        told: Marks = {"ended": how, "steps": self._step, "solved": None, **self._totals}
        return told | {"fault": self._fault or "none", "fault_met": self._fault is not None and self._due is None}

    def _do(self, checked: Checked, marks: Marks) -> str | _Later:
        """One call: what it gives back, or what will."""
        if checked.arguments is None:
            count_mark(marks, f"call_{checked.amiss}")
            return f"error: {checked.told}"
        count_mark(marks, "call_valid")
        tool, arguments = TOOLBOX.tools[checked.name], checked.arguments
        if checked.name == "run_tests":
            self._count(marks, "test_runs")
            return self._tests(arguments)
        if arguments.get("regex") is True:
            return partial(self._bench.search, self.checkout.tree(), arguments["pattern"], arguments.get("path"))
        assert tool.run is not None
        try:
            if checked.name in _CHANGES:
                return self._change(checked.name, arguments, marks)
            return tool.run(self.checkout, arguments)
        except (EditError, DeniedError) as error:
            return f"error: {error}"

    def _change(self, name: str, arguments: Arguments, marks: Marks) -> str:
        """A change of a file, counted; or one that could have been made and, on purpose, is not."""
        run = TOOLBOX.tools[name].run
        assert run is not None
        self._count(marks, "edits")
        before = dict(self.checkout.files)
        try:
            told = run(self.checkout, arguments)
        except DeniedError:
            self._count(marks, "edits_denied")
            raise
        except EditError:
            self._count(marks, "edits_failed")
            raise
        if name == "edit_file" and self._strikes("edit_failed"):
            self.checkout.files = before
            return _NOT_WRITTEN
        return told

    def _count(self, marks: Marks, name: str) -> None:
        count_mark(marks, name)
        count_mark(self._totals, f"{name}_total")

    def _strikes(self, fault: str) -> bool:
        """Whether the session's failure on purpose is this one, at the first occasion for it, which is now."""
        self._totals[f"chance_{fault}"] = True
        if self._due != fault:
            return False
        self._due = None
        self._seen["fault_seen"] = fault
        return True

    def _tests(self, arguments: Arguments) -> str | _Later:
        """A test run of the tree as it is now, whatever calls come after it."""
        if self._strikes("test_timeout"):
            self._delay_s += self._spec.test_timeout_s
            return self._bench.timed_out_text()
        return partial(self._run_tests, self.checkout.tree(), tuple(arguments.get("tests") or ()))

    async def _run_tests(self, tree: dict[str, bytes], wanted: tuple[str, ...]) -> str:
        ran = await self._bench.run_tests(tree, self.task.known_tests, wanted)
        if ran.green and self._strikes("flaky_test"):
            ran = with_one_failed(ran, self._rng)
        self._note(ran)
        return ran.text

    def _note(self, ran: Ran) -> None:
        """What the test run before a turn came to, for that turn's marks."""
        self._seen["tests_run"] = len(ran.results)
        self._seen["tests_failed"] = len(ran.failed)
        if ran.killed_for is not None:
            self._seen["tests_killed_for"] = ran.killed_for

    def _turn(self) -> Turn:
        delay_s, self._delay_s = self._delay_s, 0.0
        size = self._spec.output_tokens
        return Turn(
            messages=self._history,
            delay_s=delay_s,
            waits_for="tool",
            output_tokens=None if size is None else size.draw_tokens(self._rng, self._ordinal + self._step),
            tools=TOOLBOX.shared,
        )
