"""Sessions that play recordings of lengths: prompts of the recorded size, at the recorded times.

The text is made up (see blocks.py); what is true to the recording is how long prompts and answers are, when they were
sent and which blocks they share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from loadgen.client.reply import Reply
from loadgen.scenario.model import ReplaySpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.replay.blocks import BlockText
from loadgen.workloads.replay.records import Beside, Mistakes, Request


class LengthRecording(Protocol):
    """A recording of which the text is not known. block_tokens: what one of its `hash_ids` stands for."""

    format: str
    mistakes: Mistakes
    block_tokens: int

    def __len__(self) -> int:
        """How many sessions it holds."""
        ...

    def requests(self, session: int) -> Iterator[Request]:
        """The requests of a session in order."""
        ...

    def starts(self) -> Iterator[float] | None:
        """When each session began, in seconds on the recording's clock, ascending; None where it has no clock."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request was sent and how long its answer took, on the recording's clock; and when that is on ours."""

    at_s: float
    busy_s: float | None
    offset_s: float

    def until(self, at_s: float, spec: ReplaySpec) -> tuple[float, float]:
        """For what was sent next, at `at_s`: the pause after our answer, and its time since the session's start.

        Where the recording does not say when the answer before had ended, the pause is 0 and the recorded time alone
        holds it back.
        """
        interval_s = max(0.0, at_s - self.at_s) * spec.time_scale
        idle_s = max(0.0, interval_s - (self.busy_s or 0.0) * spec.time_scale)
        if spec.idle_cap_s is not None and idle_s > spec.idle_cap_s:
            interval_s -= idle_s - spec.idle_cap_s
            idle_s = spec.idle_cap_s
        return (0.0 if self.busy_s is None else idle_s), self.offset_s + interval_s


class LengthSession:
    """One session; its sub-agents are sessions of this kind too. A failed turn ends it."""

    __slots__ = ("_left", "_moment", "_requests", "_spec", "_start", "_text")

    def __init__(
        self,
        requests: Iterator[Request],
        text: BlockText,
        spec: ReplaySpec,
        start: tuple[float, float | None] = (0.0, None),
    ) -> None:
        """start: pause and earliest time of the first turn; a sub-agent's, in its parent's session."""
        self._requests = requests
        self._text = text
        self._spec = spec
        self._start = start
        self._moment: Moment | None = None
        self._left = spec.max_turns

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The next recorded request; None after the last one or after a failed turn."""
        if self._left == 0 or (last is not None and not last.ok):
            return None
        request = next(self._requests, None)
        if request is None:
            return None
        if self._left is not None:
            self._left -= 1
        if self._moment is None:
            delay_s, not_before_s = self._start
            offset_s = 0.0
        else:
            delay_s, offset_s = self._moment.until(request.at_s, self._spec)
            not_before_s = offset_s
        moment = self._moment = Moment(request.at_s, request.busy_s, offset_s)
        return Turn(
            messages=(
                self._text.message(request.hash_ids or (), request.input_tokens, scope=request.scope, own=request.own),
            ),
            delay_s=delay_s,
            waits_for=request.waits_for,
            input_tokens=request.input_tokens,
            output_tokens=request.output_tokens,
            not_before_s=not_before_s,
            beside=tuple(self._beside(started, moment) for started in request.beside),
        )

    def _beside(self, started: Beside, moment: Moment) -> Session:
        return LengthSession(started.requests, self._text, self._spec, moment.until(started.at_s, self._spec))
