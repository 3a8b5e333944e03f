"""A workload's sessions, answered by the simulated model without a server between them: what was scored, as records."""

from collections.abc import Iterator
from random import Random
from typing import Any

from loadgen.client.reply import Reply, ToolCall, Usage
from loadgen.metrics.record import Record
from loadgen.simulator.answers import Author, Dials
from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.dials import ActingDials, Quality, ReadingDials
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat
from loadgen.workloads.base import Turn, Workload
from tests.support.agents import record
from tests.support.messages import whole


class SimulatedModel:
    """The simulator's model; it is told nothing but the bodies of requests."""

    def __init__(self, reading: ReadingDials | None = None, acting: ActingDials | None = None, seed: int = 2) -> None:
        quality = Quality(reading or ReadingDials(), acting or ActingDials())
        self._author = Author(DIALECTS["openai"], Dials(quality=quality), PROFILES["fast"], seed)

    def answer(self, turn: Turn) -> Reply:
        """Its reply to a turn."""
        tools = b"" if turn.tools is None else b'"tools":%b,' % turn.tools
        answer = self._author.answer_chat(
            read_chat(b'{"model":"m",%b"messages":[%b]}' % (tools, b",".join(map(whole, turn.messages))))
        )
        calls = tuple(ToolCall(call.id, call.name, call.arguments) for call in answer.calls)
        usage = Usage(answer.prompt_tokens, len(answer.pieces), None)
        return Reply(ok=True, text=answer.text, tool_calls=calls, finish_reason=answer.reason, usage=usage)

    def play(self, workload: Workload, sessions: int, **changes: Any) -> list[Record]:
        """The records of so many sessions."""
        return [
            record(str(number), turn, marks, **changes)
            for number in range(sessions)
            for turn, marks in enumerate(self._session(workload, number))
        ]

    def _session(self, workload: Workload, number: int) -> Iterator[dict[str, Any]]:
        session: Any = workload.session(number, Random(number))
        turn = session.next_turn(None)
        while turn is not None:
            reply = self.answer(turn)
            yield session.score(reply)
            turn = session.next_turn(reply)
