"""One HTTP exchange as both transports see it: what to send, how long to wait, and what came of it.

The engine makes an Exchange, a transport fills it in, `interpret` reads it. Knows nothing of sockets, event loops or
workloads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from loadgen.client.body import is_compressed
from loadgen.client.secrets import Secrets
from loadgen.client.timeline import Timeline
from loadgen.metrics.turn import Outcome

_NO_SECRETS = Secrets()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds; None waits for ever.

    connect_s: to make a connection. first_output_s: from the send to the first output chunk (streamed replies).
    idle_s: between two reads of the body, from the send on. total_s: the whole, from the
    connecting (or, on a reused connection, the send) to the end of the reply.
    """

    connect_s: float | None = 10.0
    first_output_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = 600.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no good reply: the outcome class that is counted, and a short text for the record."""

    outcome: Outcome
    message: str


# A Struct, as all that is made for every turn: its constructor costs a fifth of a dataclass's.
class Exchange(Struct, eq=False):
    """A request and all that is measured of its response. Stamps are time.monotonic_ns().

    body: the request body in fragments; None sends a GET.
    sent_ns: as the first byte was handed to the socket, kept when the request is sent again after a reconnect.
    connect_ns: how long the connection took to make, None on a reused one.
    end_ns: the read that completed the response, or the moment it failed.
    reserved: what the turn may cost at most, where there is a budget; no transport looks at it.
    secrets: what to hide in the server's words; set by the transport.
    """

    path: str
    body: Sequence[bytes] | None
    limits: Limits
    timeline: Timeline = field(default_factory=Timeline)
    sent_ns: int | None = None
    connect_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    reconnects: int = 0
    reserved: float = 0.0
    secrets: Secrets = _NO_SECRETS

    def begin_body(self, status: int) -> None:
        """The response's head is in, its headers among them; 1xx ones don't count."""
        self.status = status
        good = 200 <= status < 300
        kind = self.headers.get("content-type", "")
        self.timeline.begin(
            streaming=good and kind.lower().startswith("text/event-stream"),
            compressed=is_compressed(self.headers.get("content-encoding", "")),
            is_error=not good,
        )
