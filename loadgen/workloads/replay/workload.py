"""Plays recorded conversations: sessions that send what was recorded, when it was recorded, answer by answer.

Built by `build_workload`, driven by the engine. All sessions share the recording's encoded messages; a turn of a
recorded history is a slice of a tuple.

`assistant: recorded` sends the recorded answers as history, so prompts are the same whatever the model says.
`assistant: live` sends the model's own answers. Its tool calls bear ids of its own, so recorded results are handed
out by position: the first call gets the first result, and so on. A call with no recorded result gets an empty one, for
a call must be answered; results left over, all of them where the model called nothing, follow as a user message.
A call without an id of its own gets one. A call whose arguments are no JSON object counts as not made, because
servers refuse a history that holds one.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from loadgen.client.reply import Reply
from loadgen.scenario.model import ReplaySpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.fragments import assistant_message, text_message, tool_message
from loadgen.workloads.replay.agentic import Conversation, Step, is_json_object, load_agentic


class ReplayWorkload:
    """Makes sessions from one `replay` entry of the scenario: session k plays conversation k, counted around."""

    def __init__(self, spec: ReplaySpec) -> None:
        """Read and check the recording; raises TraceError."""
        self.name = spec.name
        self.spec = spec
        self.conversations = load_agentic(Path(spec.path))

    def session(self, ordinal: int, rng: Random) -> Session | None:
        """The conversation whose turn it is; None where the recording has run out and is not to be repeated.

        Nothing is drawn from `rng`: a recording leaves nothing to chance. A repeated conversation is byte-identical,
        so that a prefix cache which still holds it will hit.
        """
        del rng
        count = len(self.conversations)
        if ordinal >= count and not self.spec.repeat:
            return None
        conversation = self.conversations[ordinal % count]
        if self.spec.assistant == "live":
            return LiveSession(conversation, self.spec)
        return RecordedSession(conversation, self.spec)

    def start_times(self) -> Sequence[float] | None:
        """Seconds from the first conversation's beginning, scaled as all recorded times; None where any is unknown."""
        starts = [conversation.start_s for conversation in self.conversations]
        known = [start for start in starts if start is not None]
        if len(known) < len(starts):
            return None
        return [(start - known[0]) * self.spec.time_scale for start in known]


class RecordedSession:
    """A conversation with the recorded answers as its history. A failed turn ends it, as it would have the agent."""

    __slots__ = ("_at", "_conversation", "_spec", "_steps")

    def __init__(self, conversation: Conversation, spec: ReplaySpec) -> None:
        self._conversation = conversation
        self._spec = spec
        self._steps = conversation.steps[: spec.max_turns]
        self._at = 0

    def next_turn(self, last: Reply | None) -> Turn | None:
        """Everything recorded before the next answer; None after the last one or after a failed turn."""
        if self._at >= len(self._steps) or (last is not None and not last.ok):
            return None
        step = self._steps[self._at]
        self._at += 1
        return _turn(self._conversation.messages[: step.answer_at], step, self._conversation, self._spec)


class LiveSession:
    """A conversation with the model's own answers as its history. A failed turn ends it."""

    __slots__ = ("_at", "_conversation", "_history", "_spec", "_steps")

    def __init__(self, conversation: Conversation, spec: ReplaySpec) -> None:
        self._conversation = conversation
        self._spec = spec
        self._steps = conversation.steps[: spec.max_turns]
        self._at = 0
        self._history: tuple[bytes, ...] = ()

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The history so far with the last answer, and what was recorded after it."""
        if self._at >= len(self._steps) or (last is not None and not last.ok):
            return None
        step = self._steps[self._at]
        self._at += 1
        recorded = self._conversation.messages
        # The recorded tool messages answer the recorded ids; they are made anew for the ids of the live calls.
        new = recorded[step.new_from + len(step.tool_results) : step.answer_at]
        if last is None:
            self._history = new
        else:
            self._history += (*_live_exchange(last, step, number=self._at), *new)
        return _turn(self._history, step, self._conversation, self._spec)


def _live_exchange(last: Reply, step: Step, *, number: int) -> list[bytes]:
    """The model's answer and the recorded tool results, as messages that go together."""
    calls: dict[str, tuple[str, str, str]] = {}
    for index, call in enumerate(last.tool_calls):
        if is_json_object(call.arguments):
            call_id = call.id if call.id and call.id not in calls else f"call_{number}_{index}"
            calls[call_id] = (call_id, call.name, call.arguments)
    results = step.tool_results
    messages = [assistant_message(last.text, tuple(calls.values()), reasoning=last.reasoning_back)]
    for index, call_id in enumerate(calls):
        messages.append(tool_message(call_id, results[index] if index < len(results) else b""))
    if len(results) > len(calls):
        messages.append(text_message("user", b"\\n\\n".join(results[len(calls) :])))
    return messages


def _turn(messages: tuple[bytes, ...], step: Step, conversation: Conversation, spec: ReplaySpec) -> Turn:
    delay_s = step.delay_s * spec.time_scale
    if spec.idle_cap_s is not None:
        delay_s = min(delay_s, spec.idle_cap_s)
    return Turn(messages=messages, delay_s=delay_s, waits_for=step.waits_for, tools=conversation.tools)
