"""The one interface of all workloads: a workload yields sessions, a session decides its next turn from the last reply.

The engine calls these; nothing here sends, times or records. A workload is built once per worker, before the
load starts, from its part of the scenario; building may take seconds (it indexes text). `session()` and
`next_turn()` run on the event loop between other people's timestamps, so they must be fast (well under a
millisecond a turn) and never block. Messages are JSON fragments encoded once and shared between turns and sessions,
so that a long history costs a join of bytes, never a re-encoding.
"""

from collections.abc import Coroutine, Iterable, Iterator
from random import Random
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from loadgen.client.dialects import Message
from loadgen.client.reply import Reply
from loadgen.marks import Marks
from loadgen.sandbox.model import Usage


class Turn(Struct, frozen=True):
    """One request to make, without what the target and the scenario's `request` block add to it.

    messages: JSON-encoded chat messages, one object each, in order: `{"role":"user","content":"..."}`; a long one in
        pieces.
    delay_s: pause before this turn, counted from the end of the turn before it (0 for a session's first turn).
    waits_for: what the pause is: a person's think time or a tool's run.
    not_before_s: the turn is not due before this, counted from when the session's first turn was due; where a
        recording says when it was sent. None: the pause alone decides.
    input_tokens: prompt length asked for, in tokens, where the workload aims at one; None where it is recorded text.
    output_tokens: output length aimed at, in tokens; sent as `max_tokens`; None leaves the scenario's own limit.
    tools: a JSON-encoded array of tool definitions, or None.
    beside: sessions that start when this turn has ended well, beside the session they belong to (sub-agents). The
        `delay_s` and `not_before_s` of their own first turn count as if it were this session's next one.
    """

    messages: tuple[Message, ...]
    delay_s: float = 0.0
    waits_for: Literal["think", "tool"] = "think"
    input_tokens: int | None = None
    output_tokens: int | None = None
    tools: bytes | None = None
    not_before_s: float | None = None
    beside: "tuple[Session, ...]" = ()


class Session(Protocol):
    """One conversation. Holds its own history; is asked for one turn at a time."""

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The next turn, given the reply to the turn before (None for the first); None ends the session.

        A failed turn (`last.ok` is False) comes here too: the session decides whether it can go on.
        """
        ...


class Workload(Protocol):
    """Makes sessions of one kind."""

    name: str

    def session(self, ordinal: int, rng: Random) -> Session | None:
        """Session number `ordinal` (0-based, unique in the run), its every choice drawn from `rng`.

        The same (ordinal, rng seed) gives the same session in every process. None: this workload has no session of
        that number (a recording that is not repeated has run out).
        """
        ...

    def start_times(self) -> Iterable[float] | None:
        """For `arrivals: trace`: when session k starts, in seconds from the start, ascending; None if not recorded."""
        ...


@runtime_checkable
class ScoredSession(Protocol):
    """A session that knows what a right answer is."""

    def score(self, reply: Reply) -> Marks | None:
        """What was found of the answer to the turn under way; called once a turn, before `next_turn`, ok or not.

        On the event loop: well under a millisecond. None where there is nothing to say of this turn. Not called for a
        turn that was cut off at the end of the run.
        """
        ...


@runtime_checkable
class PreparedSession(Protocol):
    """A session whose first turn takes longer to make than one turn of the event loop may."""

    def prepare(self) -> Iterator[None]:
        """Make it in steps of well under a millisecond, pausing where it yields; called before `next_turn(None)`, once.

        Whoever knows nothing of this may leave it out: `next_turn` then makes it in one go.
        """
        ...


@runtime_checkable
class WorkingSession(Protocol):
    """A scored session that has things to do which take real time: its tools run, what was done is judged.

    Asked after `score`, not for a turn that was cut off. What is returned runs on the event loop, so it may only wait
    there; it is cancelled where the run ends first.
    """

    def working(self) -> Coroutine[None, None, None] | None:
        """What `next_turn` has to wait for; the next turn's pause begins when it is done. None for nothing."""
        ...

    def judging(self) -> Coroutine[None, None, Marks] | None:
        """What adds these marks to those of the turn just scored; no turn follows it. None where nothing does.

        The session is over for everybody else meanwhile. Where the run ends first, the turn keeps the marks it has.
        """
        ...


@runtime_checkable
class StaffedWorkload(Protocol):
    """A workload with processes of its own beside the engine."""

    def hire(self) -> None:
        """Start them, before the load; may take a second. Raises LoadgenError where they can't be had."""
        ...

    async def dismiss(self) -> None:
        """End them, when no session is left; on the loop that ran the load."""
        ...


@runtime_checkable
class SandboxedWorkload(Protocol):
    """A workload that runs what the model wrote, in sandboxes beside the engine."""

    @property
    def sandbox_usage(self) -> Usage:
        """What they have taken so far. Read once a second."""
        ...


@runtime_checkable
class OpenEndedWorkload(Protocol):
    """A workload of which nobody knows before the run how many requests its sessions make."""

    @property
    def open_ended(self) -> bool:
        """Whether that is up to the model's answers."""
        ...


@runtime_checkable
class NotedWorkload(Protocol):
    """A workload that has something to tell the user about what it was built from."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the run's notes."""
        ...
