"""What a soak leaves behind: soaks, their probes, and what each probe measured.

Plain data, written by the soak and read by the history's reports and the drift statistics. All times are epoch seconds
in the soak's own time: under a time scale of N an hour of it passes in 1/N of an hour, counted from its start. What
was measured in seconds (latencies, overheads) is always real seconds.

Each of these names is measured by one kind of probe, and at most once a window:

    cache.hit_ratio.warm                  third request with the same prefix at once (the first two teach the cache)
    cache.hit_ratio.after_1m, .after_5m, .after_60m, as the scenario has them; each with a prefix of its own
    cache.lifetime_s                      from these; low: the longest delay that still hit, high: the shortest that did
                                          not; value: null, for it lies somewhere between; measured by the window's last
    output.tokens.mean.CLASS, .sd.CLASS, .p95.CLASS       a prompt class of the scenario's
    tools.overhead_s, tools.overhead_tokens, tools.malformed_rate, tools.solved_rate
    latency.ttft_s.p50, .p90, .p95, .p99, latency.e2e_s.p50 to .p99, latency.tpot_s.p50; null where a window has too few
                                          requests for the quantile
    cost.per_request, cost.per_1m_output_tokens           of the output probe's requests
    cost.per_session, cost.per_solved_task                of the tool tasks
    cost.per_request.warm, .after_1m, ...                 of the request that reads the cache
    cost.price.output                     the list's for a million output tokens at the output probe's time: windows in
                                          which it is above its least are peak hours
    generator.loop_lag_s.latency, .tools  how late the soak itself was, the p99; where it is over the limit of a run's
                                          certificate, the probe's times are null
    errors.rate.KIND                      of the requests of the probe; of the cache's probes that of `warm`
"""

from typing import Final, Literal

import msgspec

Kind = Literal["cache", "output", "tools", "latency"]
Outcome = Literal["ok", "failed", "missed", "interrupted"]
KINDS: Final[tuple[Kind, ...]] = ("cache", "output", "tools", "latency")


class Measure(msgspec.Struct, frozen=True):
    """One figure. value: null where it is not known, or only known to lie between low and high.

    low, high: the bounds of what is known of it: an interval where tokens are unknown or there is a spread; null where
    there is no bound. n: how many observations it is of. unit: s, tokens, ratio, or a currency.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str


class Probe(msgspec.Struct, frozen=True):
    """One probe of a soak, as it ended.

    number: unique in the soak, ascending with the schedule. window: which interval of --every it belongs to, from 0.
    name: which of its kind, e.g. `warm`, `plant_5m`, `after_5m`, `output`. due_s: when it was to begin. outcome: ok has
    measures; failed: the target did not give what is needed for them (those that could be taken are there); missed: it
    was never begun, because the soak did not run at the time; interrupted: begun and never ended.
    """

    soak: str
    number: int
    window: int
    kind: Kind
    name: str
    due_s: float
    began_s: float
    ended_s: float
    outcome: Outcome
    measures: dict[str, Measure] = {}
    error: str | None = None


class Soak(msgspec.Struct, frozen=True):
    """One soak. plan: the fingerprint of everything its schedule and its requests follow from; resuming checks it.

    started_s: real epoch seconds; soak time is started_s + (real time - started_s) * time_scale. prices: the currency,
    null without a price list. target: its URL without secrets.
    """

    id: str
    scenario: str
    target: str
    model: str
    dialect: str
    started_s: float
    every_s: float
    for_s: float
    time_scale: float
    seed: int
    version: str
    prices: str | None = None
    plan: str = ""
    windows: int = 0
    notes: tuple[str, ...] = ()

    @property
    def ends_s(self) -> float:
        """When its last window ends, in its own time; re-checks may end later."""
        return self.started_s + self.windows * self.every_s
