"""The kinds of probes: from what is sent to what is measured. docs/cost-stability.md says why each is as it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from loadgen.history.model import Measure
from loadgen.marks import Marks
from loadgen.scenario.soak import SoakSpec
from loadgen.soak.figures import (
    cost_per,
    cost_per_million_output,
    exactly,
    hit_ratio,
    known,
    mean_of,
    quantile_of,
    share_of,
    spread_of,
    unknown,
)
from loadgen.soak.lag import LoopLag
from loadgen.soak.prompts import Prompts
from loadgen.soak.sending import Asked, Asking, NotMeasuredError
from loadgen.workloads.base import ScoredSession, Session, Workload

Measures = dict[str, Measure]
_SOUND = ("unknown_tool", "invalid", "wrong_tool", "repeated", "extra", "wrong_arguments", "right", "valid")
_TAILS = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True, slots=True)
class Prober:
    """Makes the probes of one soak. tools: the workload whose tasks are done; None where there is none."""

    spec: SoakSpec
    prompts: Prompts
    tools: Workload | None
    seed: int

    async def make(self, name: str, window: int, asking: Asking) -> Measures:
        """Make a probe by its name. Raises TargetLostError, and NotMeasuredError where too much of it failed."""
        if name == "warm":
            return await self._warm(window, asking)
        if name.startswith("plant_"):
            return await self._plant(name.removeprefix("plant_"), window, asking)
        if name.startswith("after_"):
            return await self._check(name, window, asking)
        if name == "output":
            return await self._output(asking)
        if name == "tools":
            return await self._tools(window, asking)
        return await self._latency(window, asking)

    async def _warm(self, window: int, asking: Asking) -> Measures:
        """A+B, A+C, A+D: a cache of whole units learns from the first two that A is shared, and the third one hits."""
        for question in ("B", "C"):
            await asking.need(self.prompts.cache(window, "warm", question))
        third = await asking.need(self.prompts.cache(window, "warm", "D"))
        return {"cache.hit_ratio.warm": hit_ratio(third), **_cost("cost.per_request.warm", third, asking)}

    async def _plant(self, delay: str, window: int, asking: Asking) -> Measures:
        """A+B, A+C, so that A+E hits later if the cache still has it."""
        for question in ("B", "C"):
            await asking.need(self.prompts.cache(window, delay, question))
        return {}

    async def _check(self, name: str, window: int, asking: Asking) -> Measures:
        found = await asking.need(self.prompts.cache(window, name.removeprefix("after_"), "E"))
        return {f"cache.hit_ratio.{name}": hit_ratio(found), **_cost(f"cost.per_request.{name}", found, asking)}

    async def _output(self, asking: Asking) -> Measures:
        """The same prompts again and again, the classes in turn."""
        spec, measures = self.spec.output, Measures()
        by_class: dict[str, list[Asked]] = {name: [] for name in spec.prompts}
        rates = asking.line.rates()
        for _ in range(spec.repeats):
            for name, of in by_class.items():
                of.append(await asking.ask(self.prompts.output(name)))
        answered = _answered(asking)
        for name, of in by_class.items():
            tokens = known(one.output_tokens for one in of if one.ok)
            measures[f"output.tokens.mean.{name}"] = mean_of(tokens, "tokens")
            measures[f"output.tokens.sd.{name}"] = spread_of(tokens, "tokens")
            measures[f"output.tokens.p95.{name}"] = quantile_of(tokens, 0.95, "tokens")
        if (currency := asking.line.currency) is not None:
            costs = [one.cost for one in answered]
            measures["cost.per_request"] = cost_per(costs, len(answered), currency, len(answered))
            measures["cost.per_1m_output_tokens"] = cost_per_million_output(answered, currency)
            # Of the probe's beginning: which hour it is of.
            measures["cost.price.output"] = exactly(None if rates is None else rates.output, 1, currency)
        return measures

    async def _latency(self, window: int, asking: Asking) -> Measures:
        """One request after another: what a user alone would wait."""
        with LoopLag(asking.line.clock) as lag:
            for place in range(self.spec.latency.requests):
                await asking.ask(self.prompts.latency(window, place))
        answered = _answered(asking)
        measures: Measures = {}
        for metric, values in (
            ("ttft_s", known(one.ttft_s for one in answered)),
            ("e2e_s", [one.e2e_s for one in answered]),
        ):
            for name, q in _TAILS:
                measures[f"latency.{metric}.{name}"] = quantile_of(values, q, "s")
        measures["latency.tpot_s.p50"] = quantile_of(known(one.tpot_s for one in answered), 0.5, "s")
        return _unless_late(measures, "latency", lag, asking)

    async def _tools(self, window: int, asking: Asking) -> Measures:
        """Tasks for an agent, the first question of each also asked without tools."""
        assert self.tools is not None
        with LoopLag(asking.line.clock) as lag:
            sessions = [await self._session(number, window, asking) for number in range(self.spec.tools.sessions)]
        _answered(asking)
        whole = [session for session in sessions if session.whole]
        pairs = [session.pair for session in sessions if session.pair is not None]
        calls = sum(session.sound + session.malformed for session in sessions)
        judged = [session for session in whole if session.done is not None]
        solved = sum(session.done is True for session in judged)
        measures = {
            "tools.overhead_s": mean_of(known(_minus(tools.waited_s, bare.waited_s) for tools, bare in pairs), "s"),
            "tools.overhead_tokens": mean_of(
                known(_minus(tools.input_tokens, bare.input_tokens) for tools, bare in pairs), "tokens"
            ),
            "tools.malformed_rate": share_of(sum(session.malformed for session in sessions), calls),
            "tools.solved_rate": share_of(solved, len(judged)),
        }
        if (currency := asking.line.currency) is not None:
            costs = [one.cost for session in whole for one in session.asked]
            measures["cost.per_session"] = cost_per(costs, len(whole), currency, len(whole))
            costs = [one.cost for session in judged for one in session.asked]
            measures["cost.per_solved_task"] = cost_per(costs, solved, currency, solved)
        return _unless_late(measures, "tools", lag, asking)

    async def _session(self, number: int, window: int, asking: Asking) -> "_Agent":
        assert self.tools is not None
        session = self.tools.session(number, Random(f"soak {self.seed} window {window} tools {number}"))
        assert session is not None
        agent = _Agent()
        await _run(session, agent, asking)
        return agent


class _Agent:
    """What one agent's session came to. asked: its requests with tools."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.bare: Asked | None = None
        self.first: Asked | None = None
        self.sound = self.malformed = 0
        self.done: bool | None = None
        self.whole = False

    @property
    def pair(self) -> tuple[Asked, Asked] | None:
        """The first question with tools and without; None where either failed."""
        if self.first is None or self.bare is None or not (self.first.ok and self.bare.ok):
            return None
        return self.first, self.bare

    def take(self, one: Asked, marks: Marks) -> None:
        """One request and what its workload found of the answer."""
        if marks.get("agent") == "bare":
            self.bare = one
            return
        self.first = self.first or one
        self.asked.append(one)
        self.sound += sum(_count(marks, f"call_{outcome}") for outcome in _SOUND)
        self.malformed += _count(marks, "call_malformed")
        if "done" in marks:
            self.done = marks["done"] is True if marks["done"] is not None else None
        self.whole = self.whole or (marks.get("last") is True and one.ok)


async def _run(session: Session, agent: _Agent, asking: Asking) -> None:
    """A session to its end, those beside it after the turn that begins them: one request at a time."""
    turn = session.next_turn(None)
    while turn is not None:
        one = await asking.ask(turn)
        marks = session.score(one.reply) if isinstance(session, ScoredSession) else None
        agent.take(one, marks or {})
        if one.ok:
            for beside in turn.beside:
                await _run(beside, agent, asking)
        # Tools take no time here: what is measured is the model's.
        turn = session.next_turn(one.reply)


def _answered(asking: Asking) -> list[Asked]:
    """The requests that went well. Raises NotMeasuredError where they are fewer than half: figures of the few that got
    through would be of another kind of request."""
    answered = [one for one in asking.asked if one.ok]
    if 2 * len(answered) < len(asking.asked):
        failed = len(asking.asked) - len(answered)
        raise NotMeasuredError(f"{failed} of {len(asking.asked)} requests failed, first {asking.error}")
    return answered


def _unless_late(measures: Measures, kind: str, lag: LoopLag, asking: Asking) -> Measures:
    """All of them and how late this machine was; where that is too much, times are unknown and the rest is as it is."""
    asking.late = lag.too_much
    kept = {
        name: unknown(one.unit) if asking.late is not None and one.unit == "s" else one
        for name, one in measures.items()
    }
    return {**kept, f"generator.loop_lag_s.{kind}": exactly(lag.p99_s, lag.n, "s")}


def _cost(name: str, one: Asked, asking: Asking) -> Measures:
    currency = asking.line.currency
    return {} if currency is None else {name: cost_per([one.cost], 1, currency, 1)}


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _count(marks: Marks, name: str) -> int:
    value = marks.get(name, 0)
    return value if isinstance(value, int) else 0


def errors_of(kind: str, asked: Iterable[Asked]) -> Measures:
    """The share of a probe's requests that failed."""
    found = list(asked)
    return {f"errors.rate.{kind}": share_of(sum(not one.ok for one in found), len(found))} if found else {}
