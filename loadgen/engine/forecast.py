"""What a run will take in tokens and money, before it starts: some of its own sessions, played with made-up replies.

Called by the master where the scenario has a budget. Low is what the plan can't go below, high what it can't exceed by
its own limits; unknown is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec

from loadgen.arrivals import Schedule, arrival_times, pick_weighted, session_seed
from loadgen.client.dialects import Message, message_size
from loadgen.client.reply import Reply, Usage
from loadgen.metrics.cost import cost_of
from loadgen.prices import Rates
from loadgen.scenario.model import Scenario
from loadgen.workloads.base import OpenEndedWorkload, Session, Workload
from loadgen.workloads.sizing import DEFAULT_CHARS_PER_TOKEN

# As many sessions as settle a mean to a few per cent; long recordings end the sample earlier.
_SESSIONS = 200
_TURNS = 2000
# Up to here arrivals are counted one by one, beyond it their expected number will do.
_COUNTED_ARRIVALS = 100_000


class Forecast(msgspec.Struct, frozen=True):
    """Kept in environment.json; money in the currency of the prices.

    sessions and what follows from them is None where it depends on the target (closed loop), turns and what follows
    where it depends on the model (agents). input_tokens and
    output_tokens are those asked for over all turns; output None where an answer has no limit. low: every session's
    first turn at the run's lowest prices, all cached that was in a prompt before it, with the shortest of answers.
    high: every turn at the highest prices, nothing cached, every answer as long as it may be.
    """

    sessions: int | None
    turns: int | None
    input_tokens: int | None
    output_tokens: int | None
    low: float
    high: float | None

    def line(self, budget: float) -> str:
        """All of it in one line for the console."""
        parts = [f"forecast: at least {self.low:.4g} USD"]
        parts.append("no upper limit known" if self.high is None else f"at most {self.high:.4g} USD")
        if self.sessions is None:
            parts.append("the target decides how many sessions there will be")
        else:
            parts.append(f"{self.sessions:,} sessions")
            if self.turns is None:
                parts.append("the model decides how many turns they take")
            else:
                parts.append(f"{self.turns:,} turns, {self.input_tokens:,} tokens in")
        if self.output_tokens is not None:
            parts.append(f"up to {self.output_tokens:,} out")
        return f"{', '.join(parts)}; budget {budget:g} USD"


@dataclass(slots=True)
class _Sample:
    """Sums over the sessions played. Prompts are remembered message by message, to know what a cache could hold."""

    lowest: Rates
    highest: Rates
    limit: int | None
    forced: bool
    seen: set[int] = field(default_factory=set)
    sessions: int = 0
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unlimited: bool = False
    open_ended: bool = False
    low: float = 0.0
    high: float = 0.0

    def play(self, session: Session) -> None:
        """Every turn of a session, each answered at the length it may have."""
        self.sessions += 1
        self._play(session, first=True)

    def _play(self, session: Session, *, first: bool) -> None:
        turn = session.next_turn(None)
        while turn is not None and self.turns < _TURNS:
            limit = turn.output_tokens or self.limit
            # Chat templates put the tools' definitions in front.
            parts = turn.messages if turn.tools is None else (turn.tools, *turn.messages)
            size = sum(map(message_size, parts))
            came_in = round(size / DEFAULT_CHARS_PER_TOKEN) if turn.input_tokens is None else turn.input_tokens
            cached = round(came_in * self._known_share(parts, size))
            self.turns += 1
            self.input_tokens += came_in
            self.output_tokens += limit or 0
            self.unlimited |= limit is None
            self.high += _cost(self.highest, came_in, limit or 0, 0)
            if first:
                shortest = limit if self.forced and limit is not None else 1
                self.low += _cost(self.lowest, came_in, shortest, cached)
            for beside in turn.beside:
                self._play(beside, first=False)
            turn = session.next_turn(Reply(ok=True, finish_reason="stop", usage=Usage(output_tokens=limit)))
            first = False

    def _known_share(self, messages: Sequence[Message], size: int) -> float:
        """How much of a prompt was the beginning of one before it."""
        digest, known, beginning = 0, 0, True
        for message in messages:
            digest = hash((digest, message))
            beginning = beginning and digest in self.seen
            known += message_size(message) if beginning else 0
            self.seen.add(digest)
        return known / size if size else 0.0


def _cost(rates: Rates, came_in: int, went_out: int, cached: int) -> float:
    cost = cost_of(rates, came_in, went_out, cached, reasoning_tokens=None)
    assert cost is not None
    return cost.high if rates.reasoning > rates.output else cost.low


def forecast(
    scenario: Scenario,
    schedule: Schedule,
    workloads: Sequence[Workload],
    rates: tuple[Rates, Rates],
    *,
    forced: bool,
) -> Forecast:
    """What this plan takes. rates: the lowest and the highest of the run's time. forced: whether the target can be
    made to answer at full length, and is."""
    sample = _Sample(*rates, limit=scenario.request.max_tokens, forced=forced)
    sample.open_ended = any(isinstance(one, OpenEndedWorkload) and one.open_ended for one in workloads)
    weights = [spec.weight for spec in scenario.workloads]
    ordinals = [0] * len(workloads)
    expected = _expected_sessions(scenario, schedule, workloads)
    for number in range(_SESSIONS if expected is None else min(_SESSIONS, expected)):
        if sample.turns >= _TURNS:
            break
        index = 0
        if len(workloads) > 1:
            index = pick_weighted(weights, Random(session_seed(scenario.seed, number, "workload")))
        session = workloads[index].session(ordinals[index], Random(session_seed(scenario.seed, number)))
        ordinals[index] += 1
        if session is not None:
            sample.play(session)
    return _scaled(sample, expected, schedule)


def _expected_sessions(scenario: Scenario, schedule: Schedule, workloads: Sequence[Workload]) -> int | None:
    if schedule.closed:
        return None
    mean = sum((stage.level_from + stage.level_to) / 2 * stage.duration_s for stage in schedule.stages)
    if mean > _COUNTED_ARRIVALS:
        return round(mean)
    recorded = workloads[0].start_times() if schedule.arrivals == "trace" else None
    return sum(1 for _ in arrival_times(schedule, scenario.seed, recorded))


def _scaled(sample: _Sample, expected: int | None, schedule: Schedule) -> Forecast:
    """The sample's means, times what the run will have of them."""
    played = max(1, sample.sessions)
    if expected is None:
        # Every user has at least a session's first turn; how many more follow is the target's business.
        return Forecast(None, None, None, None, sample.low / played * schedule.peak_level, None)
    factor = expected / played
    if sample.open_ended:
        # What was played is the shortest that it can be: each task answered at once.
        return Forecast(expected, None, None, None, sample.low * factor, None)
    return Forecast(
        sessions=expected,
        turns=round(sample.turns * factor),
        input_tokens=round(sample.input_tokens * factor),
        output_tokens=None if sample.unlimited else round(sample.output_tokens * factor),
        low=sample.low * factor,
        high=None if sample.unlimited else sample.high * factor,
    )
