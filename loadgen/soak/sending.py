"""One request of a probe: sent, measured, priced at the rates of the soak's hour. The soak's only way to the target."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from loadgen.client.reply import Reply
from loadgen.engine.attempts import Sender
from loadgen.engine.clock import Clock
from loadgen.engine.turns import TurnMaker, measure
from loadgen.metrics.cost import CostRange, cost_of
from loadgen.metrics.recorder import time_per_output_token_ns
from loadgen.metrics.turn import TurnMeasurement
from loadgen.prices import ModelPrices, Rates
from loadgen.soak.time import SoakTime
from loadgen.workloads.base import Turn

# Nothing that follows in the same probe would fare otherwise.
_LOST = ("connect", "tls")
# So many timeouts in a row, and the target hangs: a hundred of them would take hours.
_SILENT = 2


class TargetLostError(Exception):
    """There is no connection to the target, or it hangs: the rest of the probe is not tried."""


class NotMeasuredError(Exception):
    """A request without which the probe measures nothing has failed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and what came of it. Times in real seconds from when it was to be sent; None where unknown.

    waited_s: to the first output, without connecting, which has nothing to do with the prompt. cost: None where there
    are no prices, or tokens that the server does not tell.
    """

    ok: bool
    error: str | None
    reply: Reply
    ttft_s: float | None
    waited_s: float | None
    e2e_s: float
    tpot_s: float | None
    cost: CostRange | None

    @property
    def input_tokens(self) -> int | None:
        """Of the prompt, by the server."""
        return self.reply.usage.input_tokens

    @property
    def output_tokens(self) -> int | None:
        """Of the answer, by the server."""
        return self.reply.usage.output_tokens

    @property
    def cached_tokens(self) -> int | None:
        """Of the prompt, those found in a cache, by the server."""
        return self.reply.usage.cached_tokens


@dataclass(frozen=True)
class Line:
    """How requests get to the target. observe: gets the measurement of each, where anybody wants it. clock: the
    loop's."""

    maker: TurnMaker
    sender: Sender
    time: SoakTime
    prices: ModelPrices | None
    clock: Clock
    observe: Callable[[TurnMeasurement], None] | None = None

    @property
    def currency(self) -> str | None:
        """Of the prices; None without any."""
        return None if self.prices is None else self.prices.currency

    def rates(self) -> Rates | None:
        """The prices of the soak's present hour; None where none are known."""
        return None if self.prices is None else self.prices.at(self.time.now_s())

    async def ask(self, turn: Turn, workload: str, session: str, number: int) -> Asked:
        """Send a turn and measure it. workload: the probe's name; session and number: its own in the soak.

        Raises asyncio.CancelledError where it is cut off.
        """
        exchange = self.maker.exchange(turn)
        intended_ns = time.monotonic_ns()
        # Whoever launches a turn says that it is in flight.
        self.sender.in_flight.add(exchange)
        performed = await self.sender.perform(exchange, f"{session} {number}")
        if performed.cut_off:
            # The sender makes an outcome of a cancellation, for a run counts its turns; here the probe is at its end.
            raise asyncio.CancelledError
        ended_ns = performed.exchange.end_ns or time.monotonic_ns()
        measured = measure(
            turn,
            performed,
            stream_asked=self.maker.stream,
            session=session,
            number=number,
            workload=workload,
            stage=0,
            intended_ns=intended_ns,
            taken_ns=intended_ns,
            end_ns=ended_ns,
        )
        if self.observe is not None:
            self.observe(measured)
        return self._asked(measured, self.maker.reply(performed.seen))

    def priced(self, reply: Reply) -> CostRange | None:
        """What a reply that has just ended costs, at the rates of the soak's hour."""
        rates, usage = self.rates(), reply.usage
        if rates is None:
            return None
        return cost_of(rates, usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)

    def _asked(self, m: TurnMeasurement, reply: Reply) -> Asked:
        first_ns = m.first_output_ns if m.streamed else None
        ttft_s = None if first_ns is None else (first_ns - m.intended_ns) / 1e9
        tpot_ns = time_per_output_token_ns(m)
        return Asked(
            ok=reply.ok,
            error=None if reply.ok else f"{m.outcome}: {m.error}",
            reply=reply,
            ttft_s=ttft_s,
            waited_s=None if ttft_s is None else ttft_s - (m.connect_ns or 0) / 1e9,
            e2e_s=(m.end_ns - m.intended_ns) / 1e9,
            tpot_s=None if tpot_ns is None else tpot_ns / 1e9,
            cost=self.priced(reply),
        )


@dataclass
class Asking:
    """The requests of one probe, in the order in which they were sent. late: why times of it are not known."""

    line: Line
    probe: str
    session: str
    asked: list[Asked] = field(default_factory=list)
    late: str | None = None

    async def ask(self, turn: Turn) -> Asked:
        """Send one more. Raises TargetLostError where there is no connection, or no answer any more."""
        found = await self.line.ask(turn, self.probe, self.session, len(self.asked))
        self.asked.append(found)
        if found.error is not None and found.error.startswith(_LOST):
            raise TargetLostError(found.error)
        last = self.asked[-_SILENT:]
        if len(last) == _SILENT and all(one.error is not None and one.error.startswith("timeout") for one in last):
            raise TargetLostError(f"{_SILENT} requests in a row: {found.error}")
        return found

    async def need(self, turn: Turn) -> Asked:
        """As `ask`. Raises NotMeasuredError where it fails."""
        found = await self.ask(turn)
        if not found.ok:
            raise NotMeasuredError(found.error)
        return found

    @property
    def error(self) -> str | None:
        """Of the first that failed."""
        return next((one.error for one in self.asked if one.error is not None), None)
