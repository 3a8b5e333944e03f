"""An agent at work: a conversation of one or more tasks, each a loop of calls and results until the model has done.

Driven by the engine: `score` takes a reply in (parses, validates and runs its calls), `next_turn` sends what follows.
Everything that depends on chance is drawn from the session's own generator.
"""

from collections.abc import Sequence
from random import Random
from typing import Literal, Protocol

from loadgen.client.reply import Reply
from loadgen.marks import Marks, count_mark
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.fragments import assistant_message, escape_text, text_message
from loadgen.workloads.tools.calls import Checked, made, with_results
from loadgen.workloads.tools.catalogue import Catalogue
from loadgen.workloads.tools.faults import EFFECTIVE, draw_fault, error_output, escaped_output
from loadgen.workloads.tools.plan import Plan, run_in
from loadgen.workloads.tools.world import World

# Of the question without tools only the time to its first output is of interest.
BARE_OUTPUT_TOKENS = 16


class Task(Protocol):
    """What an agent is given to do."""

    @property
    def name(self) -> str:
        """For the tables of the summary."""
        ...

    @property
    def words(self) -> str:
        """What the user says."""
        ...

    @property
    def plan(self) -> Plan:
        """The calls that do it."""
        ...

    def is_done(self, world: World) -> bool | None:
        """Whether it is done as things stand in the world; None where nothing says when it is."""
        ...


class Job(Protocol):
    """Where an agent's tasks come from, one after the other."""

    world: World

    def next_task(self) -> Task | None:
        """The next one; None after the last."""
        ...


class BareSession:
    """One question without tools: the other half of a pair."""

    __slots__ = ("_messages", "_task")

    def __init__(self, messages: tuple[bytes, ...], task: str) -> None:
        self._messages = messages
        self._task = task

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The question; None after it."""
        return None if last is not None else Turn(self._messages, output_tokens=BARE_OUTPUT_TOKENS)

    def score(self, reply: Reply) -> Marks | None:
        """That it was the bare half; nothing is said of the answer."""
        del reply
        return {"agent": "bare", "task": self._task, "pair": "after"}


class AgentSession:
    """One agent's conversation. A failed turn ends it."""

    def __init__(
        self,
        spec: ToolsSpec,
        catalogue: Catalogue,
        job: Job,
        rng: Random,
        *,
        ordinal: int,
        tools: bytes,
        system: bytes,
        role: Literal["main", "sub"] = "main",
        pair: Literal["before", "after"] | None = None,
        beside: Sequence[Session] = (),
    ) -> None:
        """pair: whether the first question is asked without tools too, before or after; beside: its sub-agents.

        tools, system: encoded definitions and system message.
        """
        self._spec, self._catalogue, self._job, self._rng = spec, catalogue, job, rng
        self._ordinal, self._tools, self._role, self._pair = ordinal, tools, role, pair
        self._beside = tuple(beside)
        self._history: tuple[bytes, ...] = (system,)
        self._task: Task | None = None
        self._tasks = self._step = 0
        self._after: Literal["start", "person", "tool"] = "start"
        self._bare = False
        self._ended = False
        self._delay_s = 0.0
        self._taken: Reply | None = None

    @property
    def task(self) -> Task | None:
        """What the agent is at; None once it has done all."""
        return self._task

    def next_turn(self, last: Reply | None) -> Turn | None:
        """What follows: results of tools, the next task, or nothing any more."""
        if last is None:
            self._begin_task()
            if self._task is not None and self._pair == "before":
                self._bare = True
                return Turn(self._history, output_tokens=BARE_OUTPUT_TOKENS)
            return self._turn()
        if last is not self._taken:
            self.score(last)
        return None if not last.ok else self._turn()

    def score(self, reply: Reply) -> Marks | None:
        """Take in a reply: run its calls, see whether the task is done."""
        self._taken = reply
        assert self._task is not None
        if self._bare:
            self._bare = False
            return {"agent": "bare", "task": self._task.name, "pair": "before"}
        marks: Marks = {"agent": self._role, "task": self._task.name, "number": self._tasks, "step": self._step}
        marks["after"] = self._after
        if self._step == 0 and self._tasks == 1 and self._pair is not None:
            marks["pair"] = self._pair
        if self._task.plan.known:
            marks["begun"] = self._task.plan.begun
        self._step += 1
        if not reply.ok:
            return marks | {"ended": "failed", "steps": self._step, "last": True}
        if reply.tool_calls:
            self._run_calls(reply, marks)
        else:
            self._history += (assistant_message(reply.text, reasoning=reply.reasoning_back),)
        if not reply.tool_calls or self._step >= self._spec.max_steps:
            self._end_task(marks, answered=not reply.tool_calls)
        else:
            self._after = "tool"
        return marks

    def _begin_task(self) -> None:
        self._task = self._job.next_task()
        self._ended = self._task is None
        if self._task is None:
            return
        self._history += (text_message("user", escape_text(self._task.words)),)
        if self._tasks:
            self._after = "person"
            self._delay_s = max(0.0, self._spec.think_time.draw(self._rng, self._ordinal + self._tasks))
        self._tasks += 1
        self._step = 0

    def _end_task(self, marks: Marks, *, answered: bool) -> None:
        task = self._task
        assert task is not None
        marks["ended"] = "answered" if answered else "step_limit"
        marks["steps"] = self._step
        if task.plan.known:
            marks["planned"], marks["missing"] = len(task.plan.calls), task.plan.open
        done = task.is_done(self._job.world)
        # An agent that never comes to an end is not done, whatever it has changed.
        marks["done"] = None if done is None else done and answered
        self._begin_task()
        if self._ended:
            marks["last"] = True

    def _run_calls(self, reply: Reply, marks: Marks) -> None:
        """Run an answer's calls, which take place at the same time, and put them and their results into the history."""
        assert self._task is not None
        calls = made(reply, self._catalogue, f"{self._tasks}_{self._step}")
        results: list[bytes] = []
        waits: list[float] = []
        for call in calls:
            output, outcome, wait_s = self._run(call.checked, self._task.plan, marks)
            results.append(output)
            waits.append(wait_s)
            count_mark(marks, f"call_{outcome}")
        marks["calls"] = len(waits)
        marks["tool_s"] = sum(waits)
        self._delay_s = max(waits)
        self._history += with_results(reply, calls, results)

    def _run(self, checked: Checked, plan: Plan, marks: Marks) -> tuple[bytes, str, float]:
        """One call: the escaped text of its result, what it was, and how long it took."""
        if checked.arguments is None:
            return error_output(checked.told), str(checked.amiss), 0.0
        tool = self._catalogue.tools[checked.name]
        meant = tool.filled(checked.arguments)
        outcome = plan.judge(checked.name, meant)
        if outcome != "right" and plan.was_made(checked.name, meant):
            count_mark(marks, "again")
        fault = draw_fault(self._spec.faults.shares, self._rng.random())
        wait_s = max(0.0, self._spec.latency.of(tool.family).draw(self._rng, self._ordinal + self._step))
        if fault == "timeout":
            wait_s = self._spec.tool_timeout_s
        effective = fault in EFFECTIVE
        result, refused = run_in(self._job.world if effective else self._job.world.copy(), tool, checked.arguments)
        if fault is not None:
            count_mark(marks, f"fault_{fault}")
        elif refused:
            count_mark(marks, "refused")
        if effective and not refused:
            plan.took_effect(checked.name, meant)
        return escaped_output(result, fault), outcome, wait_s

    def _turn(self) -> Turn | None:
        """The request that the history makes, with tools."""
        if self._ended:
            return None
        spec, ordinal = self._spec, self._ordinal + self._step
        delay_s, self._delay_s = self._delay_s, 0.0
        first = self._tasks == 1 and self._step == 0
        beside: tuple[Session, ...] = self._beside if first else ()
        if first and self._pair == "after" and self._task is not None:
            beside = (BareSession(self._history, self._task.name), *beside)
        return Turn(
            messages=self._history,
            delay_s=delay_s,
            waits_for="tool" if self._after == "tool" else "think",
            output_tokens=None if spec.output_tokens is None else spec.output_tokens.draw_tokens(self._rng, ordinal),
            tools=self._tools,
            beside=beside,
        )
