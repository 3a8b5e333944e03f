"""A model that plays the agents of a `tools` workload: rightly, or with mistakes at set rates. No server, no clock."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from loadgen.client.reply import Reply, ToolCall, Usage
from loadgen.marks import Marks
from loadgen.metrics.record import Record
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.tools.agent import AgentSession, BareSession
from loadgen.workloads.tools.workload import AgentWorkload

DONE = Reply(ok=True, text="DONE", finish_reason="stop", usage=Usage(10, 2, 5))


def agents(**spec: Any) -> AgentWorkload:
    """A workload of agents."""
    return AgentWorkload(ToolsSpec(name="agents", **spec), seed=1)


def agent(number: int = 0, **spec: Any) -> AgentSession:
    """One agent; tools answer at once unless told otherwise."""
    session = agents(**{"latency": 0, "paired": 0, **spec}).session(number, Random(number))
    assert isinstance(session, AgentSession)
    return session


def calling(*calls: tuple[str, Any], **changes: Any) -> Reply:
    """An answer with these calls; arguments as an object, or as the text that came."""
    made = tuple(
        ToolCall(f"c{index}", name, given if isinstance(given, str) else json.dumps(given))
        for index, (name, given) in enumerate(calls)
    )
    values: dict[str, Any] = {"finish_reason": "tool_calls", "usage": Usage(10, 5, 5)}
    return Reply(ok=True, tool_calls=made, **values | changes)


@dataclass
class Model:
    """Makes the next call of the plan. Shares of its calls, and `needless` of its answers, go wrong as told."""

    rng: Random
    malformed: float = 0.0
    invalid: float = 0.0
    unknown_tool: float = 0.0
    wrong_tool: float = 0.0
    wrong_arguments: float = 0.0
    needless: float = 0.0
    gives_up: float = 0.0

    def __call__(self, session: AgentSession) -> Reply:
        """The answer to the agent's next request."""
        task = session.task
        assert task is not None
        plan = task.plan
        if plan.begun and self.rng.random() < self.needless:
            return calling(plan.made[-1])
        if not plan.open or (plan.open == len(plan.calls) and self.rng.random() < self.gives_up):
            return DONE
        name, arguments = plan.next_open
        draw = self.rng.random()
        if not arguments:
            return calling((name, arguments))
        for share, spoiled in (
            (self.malformed, (name, '{"broken": ')),
            (self.invalid, (name, arguments | {"surplus": 1})),
            (self.unknown_tool, ("no_such_tool", arguments)),
            (self.wrong_tool, ("convert_length", {"value": 1, "from_unit": "m", "to_unit": "km"})),
            (self.wrong_arguments, (name, _changed(arguments))),
        ):
            if draw < share:
                return calling(spoiled)
            draw -= share
        return calling((name, arguments))


def _changed(arguments: dict[str, Any]) -> dict[str, Any]:
    key = next(iter(arguments))
    value = arguments[key]
    return arguments | {key: f"{value}9" if isinstance(value, str) else value + 1}


def play(session: AgentSession, answer: Callable[[AgentSession], Reply]) -> Iterator[tuple[Turn, Marks]]:
    """A session from its first request to its last: each request, and what was found of its answer."""
    turn = session.next_turn(None)
    while turn is not None:
        reply = DONE if turn.tools is None else answer(session)
        marks = session.score(reply)
        assert marks is not None
        yield turn, marks
        turn = session.next_turn(reply)


def record(session: str, number: int, marks: Marks, **changes: Any) -> Record:
    """A turn's record, as the recorder writes it."""
    times = {"intended_s": 1.0, "taken_s": 1.0, "send_s": 1.0, "first_output_s": 1.1, "end_s": 1.5}
    durations = {"connect_s": None, "ttft_s": 0.1, "ttfo_s": 0.1, "tpot_s": 0.01, "e2e_s": 0.5}
    service = {"service_ttft_s": 0.1, "service_e2e_s": 0.5, "chunks": 5, "reads": 5}
    gaps = {"itl_p50_s": None, "itl_p99_s": None, "itl_max_s": None, "itl_bins": None}
    tokens = {"input_tokens_asked": None, "output_tokens_asked": None, "input_tokens": 100, "output_tokens": 10}
    rest = {"cached_tokens": 50, "reasoning_tokens": None, "finish_reason": "stop", "outcome": "ok", "status": 200}
    more = {"error": None, "tool_calls": 0, "tool_wait_s": None, "reconnects": 0, "attempts": 1, "cost": None}
    name = {"run": "r", "session": session, "turn": number, "workload": "agents", "stage": "low", "worker": "w"}
    values: dict[str, Any] = {**name, **times, **durations, **service, **gaps, **tokens, **rest, **more}
    return Record(**values | {"marks": marks} | changes)


def records_of(workload: AgentWorkload, answer: Callable[[AgentSession], Reply], sessions: int) -> list[Record]:
    """The records of so many sessions, their sub-agents and bare questions among them."""
    found: list[Record] = []
    for number in range(sessions):
        session = workload.session(number, Random(number))
        assert isinstance(session, AgentSession)
        found += _records(f"{number}", session, answer)
    return found


def _records(name: str, session: AgentSession, answer: Callable[[AgentSession], Reply]) -> Iterator[Record]:
    for number, (turn, marks) in enumerate(play(session, answer)):
        yield record(name, number, marks, tool_calls=marks.get("calls", 0))
        for child, beside in enumerate(turn.beside, start=1):
            if isinstance(beside, AgentSession):
                yield from _records(f"{name}+{child}", beside, answer)
            else:
                assert isinstance(beside, BareSession)
                bare = beside.score(DONE)
                assert bare is not None
                yield record(f"{name}+{child}", 0, bare)
