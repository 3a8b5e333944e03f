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

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from loadgen.client.reply import Reply
from loadgen.errors import TraceError
from loadgen.scenario.model import ReplaySpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.fragments import assistant_message, text_message, tool_message
from loadgen.workloads.replay.agentic import AgenticRecording
from loadgen.workloads.replay.blocks import BlockText
from loadgen.workloads.replay.formats import Recording, open_recording
from loadgen.workloads.replay.lengths import LengthSession
from loadgen.workloads.replay.messages import MessageRecording
from loadgen.workloads.replay.records import Mistakes
from loadgen.workloads.replay.script import Script, Step, is_json_object
from loadgen.workloads.replay.starts import Starts


class ReplayWorkload:
    """Makes sessions from one `replay` entry of the scenario: session k plays conversation k, counted around."""

    def __init__(self, spec: ReplaySpec, *, seed: int) -> None:
        """Read and check the recording; raises TraceError. seed: the scenario's."""
        self.name = spec.name
        self.spec = spec
        self._seed = seed
        self._mistakes = Mistakes(spec.on_bad_line)
        self.recording: Recording = open_recording(Path(spec.path), spec.format, self._mistakes)
        self._first, self._count = self._window()
        self._text: BlockText | None = None
        if not isinstance(self.recording, AgenticRecording | MessageRecording):
            if spec.assistant == "live":
                raise TraceError(
                    f"{spec.path}: format {self.recording.format} has no text that live answers could go between; "
                    "use assistant: recorded"
                )
            self._text = BlockText(self.recording.block_tokens, seed)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which lines of the recording were left out."""
        return tuple(f"workload {self.name!r}: {note}" for note in self._mistakes.notes)

    def session(self, ordinal: int, rng: Random) -> Session | None:
        """The conversation whose turn it is; None where the recording has run out and is not to be repeated.

        Nothing is drawn from `rng`: a recording leaves nothing to chance. A repeated conversation is byte-identical,
        so that a prefix cache which still holds it will hit.
        """
        del rng
        if ordinal >= self._count and not self.spec.repeat:
            return None
        number = self._first + ordinal % self._count
        recording = self.recording
        if isinstance(recording, AgenticRecording | MessageRecording):
            played = LiveSession if self.spec.assistant == "live" else RecordedSession
            return played(recording.script(number), self.spec)
        assert self._text is not None
        return LengthSession(recording.requests(number), self._text, self.spec)

    def start_times(self) -> Iterable[float] | None:
        """Seconds from the first session's beginning, scaled as all recorded times; None where any is unknown."""
        if self.recording.starts() is None:
            return None
        return Starts(self._starts, self.spec.time_scale, self.spec.jitter_s, f"jitter of {self.name}, {self._seed}")

    def _starts(self) -> Iterator[float]:
        return islice(self.recording.starts() or (), self._first, self._first + self._count)

    def _window(self) -> tuple[int, int]:
        """The first session that is played, and how many are."""
        spec, first = self.spec, 0
        if spec.start_s:
            starts = self.recording.starts()
            if starts is None:
                raise TraceError(f"{spec.path}: format {self.recording.format} has no clock that `start` could mean")
            origin_s = next(starts)
            first = 1
            for at_s in starts:
                if at_s - origin_s >= spec.start_s:
                    break
                first += 1
        left = len(self.recording) - first
        if left <= 0:
            raise TraceError(f"{spec.path}: nothing was recorded {spec.start_s:g} s after its beginning or later")
        return first, left if spec.limit is None else min(left, spec.limit)


class RecordedSession:
    """A conversation with the recorded answers as its history. A failed turn ends it, as it would have the agent."""

    __slots__ = ("_left", "_script", "_spec")

    def __init__(self, script: Script, spec: ReplaySpec) -> None:
        self._script = script
        self._spec = spec
        self._left = spec.max_turns

    def next_turn(self, last: Reply | None) -> Turn | None:
        """Everything recorded before the next answer; None after the last one or after a failed turn."""
        if self._left == 0 or (last is not None and not last.ok):
            return None
        step = self._script.next_step()
        if step is None:
            return None
        if self._left is not None:
            self._left -= 1
        return _turn(tuple(self._script.messages[: step.answer_at]), step, self._script, self._spec)


class LiveSession:
    """A conversation with the model's own answers as its history. A failed turn ends it."""

    __slots__ = ("_at", "_history", "_script", "_spec")

    def __init__(self, script: Script, spec: ReplaySpec) -> None:
        self._script = script
        self._spec = spec
        self._at = 0
        self._history: tuple[bytes, ...] = ()

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The history so far with the last answer, and what was recorded after it."""
        if self._at == self._spec.max_turns or (last is not None and not last.ok):
            return None
        step = self._script.next_step()
        if step is None:
            return None
        self._at += 1
        # The recorded tool messages answer the recorded ids; they are made anew for the ids of the live calls.
        new = tuple(self._script.messages[step.new_from + len(step.tool_results) : step.answer_at])
        if last is None:
            self._history = new
        else:
            self._history += (*_live_exchange(last, step, number=self._at), *new)
        return _turn(self._history, step, self._script, self._spec)


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


def _turn(messages: tuple[bytes, ...], step: Step, script: Script, spec: ReplaySpec) -> Turn:
    delay_s = step.delay_s * spec.time_scale
    if spec.idle_cap_s is not None:
        delay_s = min(delay_s, spec.idle_cap_s)
    return Turn(messages=messages, delay_s=delay_s, waits_for=step.waits_for, tools=script.tools)
