"""Counters and histograms, one cell a workload and stage.

A cell that has not changed since the last text is taken from it: stages that have ended, and workloads that nothing
came of, cost nothing. Every cell is there from the start, with counts of 0, so that `increase()` misses nothing.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, get_args

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.counters import TOKEN_KINDS, Counters
from loadgen.metrics.histogram import Histogram
from loadgen.metrics.plan import RunPlan
from loadgen.metrics.snapshot import A_TOKEN_NS, Metric, TurnMetric
from loadgen.metrics.turn import CALL_OUTCOMES, Outcome
from loadgen.outputs.prometheus.buckets import DURATIONS, GAPS, TOKENS
from loadgen.outputs.prometheus.text import Family, bucket_heads, labels, number, sample

_OUTCOMES: tuple[str, ...] = get_args(Outcome)
_FAILED = [outcome for outcome in _OUTCOMES if outcome not in ("ok", "cancelled")]
_INPUT, _OUTPUT = TOKEN_KINDS.index("input"), TOKEN_KINDS.index("output")

_Cell = tuple[int, int]


class _Histogram(NamedTuple):
    """One exported histogram. bounds: in ns. unit_ns: what its values count in. more: labels beside those of the cell.

    rare: there only once a run has any value of it.
    """

    metric: TurnMetric
    name: str
    bounds: tuple[int, ...]
    more: str = ""
    rare: bool = False
    unit_ns: float = 1e9


_HISTOGRAMS: Final = (
    _Histogram("ttft", "time_to_first_token_seconds", DURATIONS),
    _Histogram("ttfo", "time_to_first_output_seconds", DURATIONS),
    _Histogram("itl", "inter_token_latency_seconds", GAPS),
    _Histogram("tpot", "time_per_output_token_seconds", DURATIONS),
    _Histogram("e2e", "request_duration_seconds", DURATIONS),
    _Histogram("service_ttft", "service_time_to_first_token_seconds", DURATIONS),
    _Histogram("schedule_lag", "schedule_lag_seconds", GAPS),
    _Histogram("tool_wait", "tool_wait_seconds", DURATIONS, rare=True),
    _Histogram("input_tokens", "request_tokens", TOKENS, ',type="input"', unit_ns=A_TOKEN_NS),
    _Histogram("output_tokens", "request_tokens", TOKENS, ',type="output"', unit_ns=A_TOKEN_NS),
)
_HELP: Final = {
    "time_to_first_token_seconds": "From the intended time to the first output.",
    "time_to_first_output_seconds": "From the intended time to the first content or tool call, after reasoning.",
    "inter_token_latency_seconds": "Gaps between successive output chunks.",
    "time_per_output_token_seconds": "(last output - first) / (output tokens - 1).",
    "request_duration_seconds": "From the intended time to the end of the reply.",
    "service_time_to_first_token_seconds": "From the send time to the first output.",
    "schedule_lag_seconds": "How late turns were taken up.",
    "tool_wait_seconds": "Waits for tools before a turn.",
    "request_tokens": "Tokens of a turn, where known.",
}


class Cells:
    """One run's. `families` renders what has changed since it was last called."""

    def __init__(self, plan: RunPlan, run: Mapping[str, str], currency: str | None) -> None:
        """run: the labels of the run. currency: of its prices; None for none."""
        self._plan = plan
        self._currency = currency
        self._cells: list[_Cell] = [(s, w) for s in range(len(plan.stages)) for w in range(len(plan.workloads))]
        self._inside = {
            (stage, workload): labels(
                {
                    "run_id": run["run_id"],
                    "scenario": run["scenario"],
                    "workload": plan.workloads[workload],
                    "model": run["model"],
                    "stage": plan.stages[stage].name,
                }
            )
            for stage, workload in self._cells
        }
        self._heads: dict[tuple[TurnMetric, _Cell], list[str]] = {}
        self._drawn: dict[tuple[TurnMetric, _Cell], tuple[int, bytes]] = {}

    def families(self, aggregate: Aggregate) -> list[Family]:
        """Everything of the cells, as it is now."""
        return [*self._counters(aggregate.counters()), *self._histograms(aggregate.histograms())]

    def _histograms(self, found: Mapping[tuple[Metric, int, int], Histogram]) -> list[Family]:
        seen = {metric for metric, _, _ in found}
        blocks: dict[str, list[bytes]] = {name: [] for name in _HELP}
        for of in _HISTOGRAMS:
            if not of.rare or of.metric in seen:
                blocks[of.name] += [
                    self._histogram(of, cell, found.get((of.metric, *cell), _EMPTY)) for cell in self._cells
                ]
        return [Family(name, "histogram", text, blocks[name]) for name, text in _HELP.items()]

    def _histogram(self, of: _Histogram, cell: _Cell, values: Histogram) -> bytes:
        key = (of.metric, cell)
        drawn = self._drawn.get(key)
        if drawn is not None and drawn[0] == values.n:
            return drawn[1]
        heads = self._heads.get(key)
        if heads is None:
            bounds = [bound / of.unit_ns for bound in of.bounds]
            heads = self._heads[key] = bucket_heads(of.name, self._inside[cell] + of.more, bounds)
        counts = [*values.at_most(of.bounds), values.n]
        shown = [*map(str, counts), number(values.sum_ns / of.unit_ns), str(values.n)]
        text = "".join([f"{head}{value}\n" for head, value in zip(heads, shown, strict=True)]).encode()
        self._drawn[key] = (values.n, text)
        return text

    def _counters(self, found: Mapping[_Cell, Counters]) -> list[Family]:
        by_cell = {cell: found.get(cell, _NOTHING) for cell in self._cells}
        total = Counters(-1, -1)
        for counters in found.values():
            total.add(counters)

        def plain(name: str, field: str, text: str) -> Family:
            lines = [sample(name + "_total", self._inside[cell], getattr(of, field)) for cell, of in by_cell.items()]
            return Family(name, "counter", text, lines)

        return [
            Family("requests", "counter", "Turns that have ended, by outcome.", self._outcomes(by_cell)),
            Family(
                "requests_scheduled",
                "counter",
                "Turns that were due: ended, or dropped.",
                [
                    sample("requests_scheduled_total", self._inside[cell], of.sent + of.dropped)
                    for cell, of in by_cell.items()
                ],
            ),
            plain("requests_dropped", "dropped", "Arrivals above max_in_flight."),
            plain("sessions", "sessions", "Sessions whose first turn was sent and has ended."),
            *self._tokens(by_cell, total),
            Family(
                "tool_calls",
                "counter",
                "Tool calls in replies, by what their workload found of them.",
                self._calls(by_cell),
            ),
            *self._cost(by_cell, total),
            *self._good(by_cell, total),
        ]

    def _outcomes(self, by_cell: Mapping[_Cell, Counters]) -> list[bytes]:
        lines: list[bytes] = []
        for cell, of in by_cell.items():
            counts = {"ok": of.ok, **{kind: of.failures.get(kind, 0) for kind in _FAILED}, "cancelled": of.cancelled}
            inside = self._inside[cell]
            lines += [
                sample("requests_total", f'{inside},outcome="{outcome}"', count) for outcome, count in counts.items()
            ]
        return lines

    def _calls(self, by_cell: Mapping[_Cell, Counters]) -> list[bytes]:
        lines: list[bytes] = []
        for cell, of in by_cell.items():
            counts = {outcome: of.calls.get(outcome, 0) for outcome in CALL_OUTCOMES}
            counts["unjudged"] = of.tool_calls - sum(counts.values())
            inside = self._inside[cell]
            lines += [
                sample("tool_calls_total", f'{inside},outcome="{outcome}"', count) for outcome, count in counts.items()
            ]
        return lines

    def _tokens(self, by_cell: Mapping[_Cell, Counters], total: Counters) -> list[Family]:
        known, unknown = [], []
        for kind, name in enumerate(TOKEN_KINDS):
            is_told = _told(total, kind)
            for cell, of in by_cell.items():
                inside = f'{self._inside[cell]},type="{name}"'
                unknown.append(sample("tokens_unknown_requests_total", inside, of.unknown_tokens[kind]))
                if is_told and (of.tokens[kind] or not of.unknown_tokens[kind]):
                    known.append(sample("tokens_total", inside, of.tokens[kind]))
        return [
            Family("tokens", "counter", "Known tokens, by the server's own count.", known),
            Family("tokens_unknown_requests", "counter", "Turns whose token count is not known.", unknown),
        ]

    def _cost(self, by_cell: Mapping[_Cell, Counters], total: Counters) -> list[Family]:
        if self._currency is None:
            return []
        currency = labels({"currency": self._currency})
        # A cell that is known beside one that is not would make a sum that looks whole: all of the run, or none.
        is_exact, is_bounded = _is_exact(total), not total.cost_unknown
        insides = {cell: f"{self._inside[cell]},{currency}" for cell in by_cell}
        low = [sample("cost_low_total", insides[cell], of.cost_low) for cell, of in by_cell.items()]
        high = [sample("cost_high_total", insides[cell], of.cost_high) for cell, of in by_cell.items()]
        exact = [sample("cost_total", insides[cell], of.cost_low) for cell, of in by_cell.items()]
        return [
            Family("cost", "counter", "What the tokens cost.", exact if is_exact else []),
            Family("cost_low", "counter", "The least that the tokens cost.", low),
            Family("cost_high", "counter", "The most that the tokens cost.", high if is_bounded else []),
        ]

    def _good(self, by_cell: Mapping[_Cell, Counters], total: Counters) -> list[Family]:
        by_slo = []
        limits = self._plan.limits
        for (stage, workload), of in by_cell.items():
            applying = [index for index, limit in enumerate(limits) if limit.applies_to(stage, workload)]
            inside = self._inside[stage, workload]
            counts = of.slo_good or [0] * len(limits)
            # By its text: an SLO that a scenario states twice is one.
            by_text = {limits[index].slo: counts[index] for index in applying}
            by_slo += [
                sample("slo_good_requests_total", f"{inside},{labels({'slo': text})}", count)
                for text, count in by_text.items()
            ]
        # Ok turns to which no limit applies are good, as in the summary; and of cells of which only some were known the
        # sum would look whole, as with the cost.
        is_known = bool(limits) and not total.good_unknown
        good = [sample("good_requests_total", self._inside[cell], of.good) for cell, of in by_cell.items()]
        return [
            Family("good_requests", "counter", "Ok turns within every limit that applies.", good if is_known else []),
            Family("slo_good_requests", "counter", "Ok turns within the limit of this SLO.", by_slo),
        ]


_EMPTY = Histogram()
_NOTHING = Counters(-1, -1)


def _told(total: Counters, kind: int) -> bool:
    """Whether the server says how many tokens of this kind there are.

    Input and output count from 0; of cached and reasoning tokens nothing is known before the first reply.
    """
    if total.tokens[kind]:
        return True
    return not total.unknown_tokens[kind] and (kind in (_INPUT, _OUTPUT) or total.ok > 0)


def _is_exact(total: Counters) -> bool:
    # Sums of the same numbers in another order: equal but for the last digits.
    return not total.cost_unknown and total.cost_high - total.cost_low <= 1e-9 * total.cost_high
