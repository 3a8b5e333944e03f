"""What tools cost a session, taken apart: where its time went, which tokens were paid for, and what the schemas add.

From sessions that were seen whole (from their first request in a measured stage to their last, none failed), sub-agents
left out. The parts of a session's time and of its cost add up to all of it. docs/tools.md defines each part.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadgen.metrics.record import Record
from loadgen.metrics.summary import Quality
from loadgen.prices import Rates
from loadgen.quality.sessions import figure, ratio_of, root, within
from loadgen.stats.interval import Interval

_Cell = str | float | int | None
# A session, its first request with tools, and the same without.
_Pair = tuple[str, Record, Record]
_MILLION = 1e6
_AFTER = ("start", "person", "tool")


@dataclass(frozen=True, slots=True)
class _Step:
    """A request with tools, and the one before it in its conversation; None for the first or where it was not seen."""

    turn: Record
    before: Record | None
    after: str

    @property
    def sent_again(self) -> int | None:
        """Tokens of the prompt that had been sent before; None where unknown."""
        if self.after == "start":
            return 0
        if self.before is None or self.before.input_tokens is None or self.turn.input_tokens is None:
            return None
        return min(self.before.input_tokens, self.turn.input_tokens)


def overhead(turns: Sequence[Record]) -> dict[str, Quality]:
    """The figures and tables of overhead; what can't be known is left out."""
    sessions = _conversations(turns)
    steps = [step for session in sessions.values() for step in session if step.turn.outcome == "ok"]
    found, schema_tokens, schema_s = _schemas(turns)
    if any(step.after != "start" for step in steps):
        found["prefill_after"] = _prefill_after(steps)
    again = [(step, step.sent_again) for step in steps]
    known = [(root(step.turn), tokens, step.turn.input_tokens or 0) for step, tokens in again if tokens is not None]
    if (sent_again := ratio_of(known)).estimate is not None:
        found["sent_again_share"] = figure(within(sent_again), n=len(known))
    whole = [session for name, session in sessions.items() if "+" not in name and _is_whole(session)]
    if whole:
        found |= _session_time(whole, schema_s) | _session_cost(whole, schema_tokens)
    return found


def _conversations(turns: Sequence[Record]) -> dict[str, list[_Step]]:
    """The requests with tools of each agent, in order."""
    by_session: dict[str, list[Record]] = defaultdict(list)
    for turn in turns:
        if _mark(turn, "agent") in ("main", "sub"):
            by_session[turn.session].append(turn)
    found: dict[str, list[_Step]] = {}
    for session, own in by_session.items():
        own.sort(key=lambda turn: turn.turn)
        befores = [None, *own[:-1]]
        found[session] = [
            _Step(turn, before if before is not None and before.turn == turn.turn - 1 else None, _mark(turn, "after"))
            for turn, before in zip(own, befores, strict=True)
        ]
    return found


def _is_whole(session: Sequence[_Step]) -> bool:
    first, last = session[0], session[-1].turn
    whole = first.after == "start" and all(step.before is not None for step in session[1:])
    ended = isinstance(last.marks, dict) and last.marks.get("last") is True
    return whole and ended and all(step.turn.outcome == "ok" for step in session)


def _schemas(turns: Sequence[Record]) -> tuple[dict[str, Quality], float | None, Interval | None]:
    """First requests asked with and without tools: a table, and what the definitions add in tokens and seconds."""
    halves: dict[str, dict[bool, Record]] = defaultdict(dict)
    for turn in turns:
        if _mark(turn, "pair") and turn.outcome == "ok":
            halves[root(turn)][_mark(turn, "agent") == "bare"] = turn
    pairs = [(name, of[False], of[True]) for name, of in halves.items() if len(of) == 2]
    if not pairs:
        return {}, None, None
    stages = dict.fromkeys(tools.stage for _, tools, _ in sorted(pairs, key=lambda pair: pair[1].intended_s))
    rows = [
        ["with tools", *_halves(pairs, 1, 0), len(pairs)],
        ["without tools", *_halves(pairs, 0, 1), len(pairs)],
        ["difference", *_halves(pairs, 1, -1), len(pairs)],
    ]
    for stage in stages if len(stages) > 1 else ():
        of = [pair for pair in pairs if pair[1].stage == stage]
        rows.append([f"difference in {stage}", *_halves(of, 1, -1), len(of)])
    seconds, tokens = (_half(pairs, value, 1, -1) for value in (_waited_s, _input))
    columns = ["first_request", "ttft_s", "ttft_low", "ttft_high", "input_tokens", "input_low", "input_high"]
    table = Quality(columns=[*columns, "cached_tokens", "cached_low", "cached_high", "pairs"], rows=rows)
    shown = {"schema_prefill": table}
    if seconds.n:
        shown["schema_prefill_s"] = figure(seconds, "s")
    if tokens.n:
        shown["schema_tokens"] = figure(tokens, "tokens")
    return shown, tokens.estimate, seconds if seconds.n else None


def _half(pairs: Sequence[_Pair], value: Callable[[Record], float | None], tools: int, bare: int) -> Interval:
    """The mean of a value over pairs: of the half with tools (1, 0), without (0, 1), or of the difference (1, -1)."""
    return ratio_of(
        (name, tools * with_tools + bare * without, 1.0)
        for name, one, other in pairs
        if (with_tools := value(one)) is not None and (without := value(other)) is not None
    )


def _halves(pairs: Sequence[_Pair], tools: int, bare: int) -> list[_Cell]:
    return [cell for value in (_waited_s, _input, _cached) for cell in _bounds(_half(pairs, value, tools, bare))]


def _waited_s(turn: Record) -> float | None:
    """The time to first output, without connecting, which has nothing to do with the prompt."""
    return None if turn.ttft_s is None else turn.ttft_s - (turn.connect_s or 0.0)


def _input(turn: Record) -> float | None:
    return turn.input_tokens


def _cached(turn: Record) -> float | None:
    return turn.cached_tokens


def _prefill_after(steps: Sequence[_Step]) -> Quality:
    """The request after a tool against the one after a person, and the first one."""
    rows: list[list[_Cell]] = []
    for after in _AFTER:
        of = [step for step in steps if step.after == after]
        known = [step for step in of if step.turn.input_tokens is not None]
        again = [(step, step.sent_again) for step in known]
        waited = ratio_of((root(s.turn), s.turn.ttft_s, 1.0) for s in of if s.turn.ttft_s is not None)
        hit = ratio_of(
            (root(s.turn), s.turn.cached_tokens, s.turn.input_tokens or 0)
            for s in known
            if s.turn.cached_tokens is not None
        )
        row: list[_Cell] = [f"after {after}" if after != "start" else "first", len(of)]
        row += [waited.estimate, waited.low, waited.high, _mean([s.turn.input_tokens for s in known])]
        row += [_mean([tokens for _, tokens in again]), *_bounds(within(hit))]
        rows.append(row)
    columns = ["request", "requests", "ttft_s", "ttft_low", "ttft_high", "input_tokens", "sent_again_tokens"]
    return Quality(columns=[*columns, "cached_share", "cached_low", "cached_high"], rows=rows)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _session_time(sessions: Sequence[Sequence[_Step]], schema_s: Interval | None) -> dict[str, Quality]:
    """Where a session's time went, in parts that add up to it."""
    parts = [(root(session[0].turn), times) for session in sessions if (times := _times(session)) is not None]
    if not parts:
        return {}
    whole = sum(sum(times.values()) for _, times in parts) / len(parts)
    rows: list[list[_Cell]] = []
    for part in parts[0][1]:
        share = ratio_of((name, times[part], sum(times.values())) for name, times in parts)
        rows.append([part, sum(times[part] for _, times in parts) / len(parts), *_bounds(within(share))])
    rows.append(["whole session", whole, 1.0, None, None])
    if schema_s is not None and whole > 0:
        shares = [None if bound is None else bound / whole for bound in _bounds(schema_s)]
        rows.append(["of the first prefill: tool definitions", _bounds(schema_s)[0], *shares])
    table = Quality(columns=["part", "seconds", "share", "ci_low", "ci_high"], rows=rows)
    waited = ratio_of((name, times["tools run"], sum(times.values())) for name, times in parts)
    return {"session_time": table, "tool_wait_share": figure(within(waited), n=len(parts))}


def _times(session: Sequence[_Step]) -> dict[str, float] | None:
    """One session's time by part; None where a reply was not streamed, whose parts are unknown."""
    times = dict.fromkeys(
        ("first prefill", "prefill after a tool", "prefill after a person", "writing calls", "writing the rest"), 0.0
    )
    times |= {"tools run": 0.0, "person thinks": 0.0}
    for step in session:
        turn = step.turn
        if turn.ttft_s is None:
            return None
        prefill = {"start": "first prefill", "tool": "prefill after a tool"}.get(step.after, "prefill after a person")
        calls_s = turn.tool_call_s if isinstance(turn.tool_call_s, float) else 0.0
        times[prefill] += turn.ttft_s
        times["writing calls"] += calls_s
        # A reply of one chunk leaves nothing here but what floats get wrong.
        times["writing the rest"] += max(0.0, round(turn.e2e_s - turn.ttft_s - calls_s, 9))
        if step.before is not None:
            pause = "tools run" if turn.tool_wait_s is not None else "person thinks"
            times[pause] += turn.intended_s - step.before.end_s
    return times


def _session_cost(sessions: Sequence[Sequence[_Step]], schema_tokens: float | None) -> dict[str, Quality]:
    """Which tokens a session paid for, and what each part cost."""
    parts = [(root(session[0].turn), spent) for session in sessions if (spent := _spent(session, schema_tokens))]
    if not parts:
        return {}
    priced = [(name, spent) for name, spent in parts if all(cost is not None for _, cost in spent.values())]
    rows: list[list[_Cell]] = []
    for part in parts[0][1]:
        tokens = sum(spent[part][0] for _, spent in parts) / len(parts)
        share = ratio_of((name, spent[part][1] or 0.0, _total(spent)) for name, spent in priced)
        cost = sum(spent[part][1] or 0.0 for _, spent in priced) / len(priced) if priced else None
        rows.append([part, tokens, cost, *_bounds(within(share))])
    whole = sum(_total(spent) for _, spent in priced) / len(priced) if priced else None
    rows.append(["whole session", sum(float(row[1] or 0) for row in rows), whole, 1.0 if whole else None, None, None])
    table = Quality(columns=["part", "tokens", "cost", "share_of_cost", "ci_low", "ci_high"], rows=rows)
    return {"session_cost": table}


_Spent = Mapping[str, tuple[float, float | None]]


def _total(spent: _Spent) -> float:
    return sum(cost or 0.0 for _, cost in spent.values())


def _spent(session: Sequence[_Step], schema_tokens: float | None) -> _Spent | None:
    """Tokens and cost of one session by part; None where the server did not say its tokens.

    A server's cache holds the front of a prompt, so cached tokens are first the definitions' (which chat templates put
    there), then those of what was sent again.
    """
    tokens: dict[str, float] = {} if schema_tokens is None else {"tool definitions": 0.0}
    tokens |= dict.fromkeys(("sent again", "new input", "answers with calls", "other answers"), 0.0)
    cost: dict[str, float | None] = dict.fromkeys(tokens, 0.0)
    for step in session:
        turn, again = step.turn, step.sent_again
        if turn.input_tokens is None or turn.output_tokens is None or again is None:
            return None
        rates = turn.rates if isinstance(turn.rates, Rates) else None
        schema = min(schema_tokens or 0.0, turn.input_tokens)
        kinds = {"tool definitions": schema} if schema_tokens is not None else {}
        kinds["sent again"] = max(0.0, again - schema)
        kinds["new input"] = turn.input_tokens - schema - kinds["sent again"]
        cached = float(turn.cached_tokens) if turn.cached_tokens is not None else None
        for part, size in kinds.items():
            hit = None if cached is None else min(cached, size)
            cached = None if cached is None or hit is None else cached - hit
            tokens[part] += size
            cost[part] = _plus(cost[part], _price_in(size, hit, rates))
        part = "answers with calls" if turn.tool_calls else "other answers"
        tokens[part] += turn.output_tokens
        cost[part] = _plus(cost[part], _price_out(turn, rates))
    return {part: (size, cost[part]) for part, size in tokens.items()}


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _price_in(size: float, cached: float | None, rates: Rates | None) -> float | None:
    if rates is None:
        return None
    if cached is None:
        return size * rates.input / _MILLION if rates.input == rates.cached_input else None
    return ((size - cached) * rates.input + cached * rates.cached_input) / _MILLION


def _price_out(turn: Record, rates: Rates | None) -> float | None:
    if rates is None or turn.output_tokens is None:
        return None
    thought = turn.reasoning_tokens
    if thought is None:
        return turn.output_tokens * rates.output / _MILLION if rates.output == rates.reasoning else None
    return ((turn.output_tokens - thought) * rates.output + thought * rates.reasoning) / _MILLION


def _bounds(interval: Interval) -> list[float | None]:
    return [interval.estimate, interval.low, interval.high]


def _mark(turn: Record, name: str) -> str:
    value = turn.marks.get(name) if isinstance(turn.marks, dict) else None
    return value if isinstance(value, str) else ""
