"""*Sustained load*: does it stay so, over hours and days? Drift of latency, cache, answers and cost since the start."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import RUN, cost, limits, rate, total
from grafana.frame import board as framed
from grafana.parts import RED, YELLOW, Panel, Query, Row, Step, lines, number

_START = "the 5-minute window at the run's 10th minute (so that it is 0 until then)"
# A change of a tenth is what a run a day later shows by itself; a quarter is not.
_DRIFT = [Step(0.1, YELLOW), Step(0.25, RED)]


def _recorded(name: str, labels: str = "") -> str:
    chosen = f"{RUN}, {labels}" if labels else RUN
    return f"run:loadgen_{name}{{{chosen}}}"


def _drift(name: str, labels: str = "") -> str:
    """How far it is from what it was at the start, as a share of that."""
    now, then = _recorded(name, labels), _recorded(f"{name}_start", labels)
    return f"{now} / ({then} > 0) - 1"


def _changed(title: str, name: str, labels: str, why: str) -> tuple[Panel, int]:
    return (
        number(
            title,
            f"{why} Against {_START}. From +10 % yellow, from +25 % red.",
            "percentunit",
            Query(_drift(name, labels)),
            steps=_DRIFT,
            decimals=1,
        ),
        5,
    )


def _by_quantile(name: str, metric: str) -> Query:
    return Query(_recorded(name, f'metric="{metric}"'), "q{{quantile}}")


def _drift_row() -> Row:
    """How far it is from the start, and what it has cost."""
    return Row(
        [
            _changed(
                "TTFT p99 since the start",
                "latency_seconds:quantile5m",
                'metric="ttft", quantile="0.99"',
                "Rising at the same load: something fills up, a queue, a cache or a disk.",
            ),
            _changed(
                "TPOT p99 since the start",
                "latency_seconds:quantile5m",
                'metric="tpot", quantile="0.99"',
                "Rising: larger batches, hotter GPUs, or a neighbour.",
            ),
            _changed(
                "Answer length since the start",
                "output_tokens:quantile5m",
                'quantile="0.5"',
                "Median output tokens of a turn. Longer answers cost more and look like a slower server.",
            ),
            _changed(
                "Cost of a request since the start",
                "cost_per_request:mean5m",
                "",
                "What the bill will do: cache hits, answer lengths and the hours of the price list together.",
            ),
            (
                number(
                    "Spent so far",
                    "By the scenario's prices, in the currency that it is named by. Only the lower bound where "
                    "it is not exactly known.",
                    "short",
                    Query(cost(), "{{currency}}", instant=True),
                    Query(total("loadgen_cost_low_total", by="currency"), "at least, {{currency}}", instant=True),
                    decimals=4,
                ),
                4,
            ),
        ],
        4,
    )


def _latency_row() -> Row:
    """Tails over hours and days."""
    return Row(
        [
            (
                lines(
                    "TTFT",
                    "Median and p99 of 5-minute windows, within a bucket; dashed: the SLOs. A slope is what a "
                    "short test cannot show.",
                    "s",
                    _by_quantile("latency_seconds:quantile5m", "ttft"),
                    limits("ttft"),
                ),
                8,
            ),
            (
                lines(
                    "TPOT",
                    "Median and p99 of 5-minute windows, within a bucket; dashed: the SLOs.",
                    "s",
                    _by_quantile("latency_seconds:quantile5m", "tpot"),
                    limits("tpot"),
                ),
                8,
            ),
            (
                lines(
                    "End to end",
                    "Median and p99 of 5-minute windows, within a bucket; dashed: the SLOs.",
                    "s",
                    _by_quantile("latency_seconds:quantile5m", "e2e"),
                    limits("e2e"),
                ),
                8,
            ),
        ],
        8,
        "Latency over hours and days",
    )


def _answers_row() -> Row:
    """Cache, length of answers, what is not known."""
    return Row(
        [
            (
                lines(
                    "Cache hit",
                    "Cached part of the input tokens, 5-minute windows, beside the start's. Where it falls, "
                    "TTFT and cost follow. Absent where the server does not say.",
                    "percentunit",
                    Query(_recorded("cache_hit:ratio5m"), "now"),
                    Query(_recorded("cache_hit:ratio5m_start"), "at the start"),
                    maximum=1.0,
                ),
                8,
            ),
            (
                lines(
                    "Output tokens of a turn",
                    "A tenth, the median and nine tenths of 5-minute windows, within a bucket: a model that "
                    "begins to ramble widens.",
                    "short",
                    Query(_recorded("output_tokens:quantile5m"), "q{{quantile}}"),
                ),
                8,
            ),
            (
                lines(
                    "Turns of unknown tokens",
                    "Turns a second whose token counts the server did not give. While there are any, tokens "
                    "and costs are lower bounds.",
                    "reqps",
                    Query(rate("loadgen_tokens_unknown_requests_total", by="type"), "{{type}}"),
                ),
                8,
            ),
        ],
        8,
        "Cache and answers",
    )


def _cost_row() -> Row:
    """Money and the share of tools."""
    return Row(
        [
            (
                lines(
                    "Cost an hour",
                    "At the pace of the last 5 minutes, in the currency of the prices. Whether the soak may go "
                    "on till Monday.",
                    "short",
                    Query(f"3600 * {_recorded('cost:rate5m')}", "{{currency}} an hour"),
                ),
                8,
            ),
            (
                lines(
                    "Cost of a session and of a request",
                    "Means of 5-minute windows. A session's rises with its turns: the history is sent again each time.",
                    "short",
                    Query(_recorded("cost_per_session:mean5m"), "session, {{currency}}"),
                    Query(_recorded("cost_per_request:mean5m"), "request, {{currency}}"),
                ),
                8,
            ),
            (
                lines(
                    "Tool overhead",
                    "Of the time that sessions wait, for the server or for tools, the tools' share. Where it "
                    "is high, a faster server changes little. Only for workloads with tools.",
                    "percentunit",
                    Query(_recorded("tool_wait:ratio5m"), "waiting for tools"),
                    maximum=1.0,
                ),
                8,
            ),
        ],
        8,
        "Cost and tools",
    )


def _load_row() -> Row:
    """Calls, errors and whether the load was the same."""
    return Row(
        [
            (
                lines(
                    "Tool calls in a reply",
                    "Mean over 5-minute windows of ok turns. An agent that needs more calls for the same work "
                    "has become worse.",
                    "short",
                    Query(_recorded("tool_calls_per_request:mean5m"), "calls"),
                ),
                8,
            ),
            (
                lines(
                    "Error rate",
                    "failed / (ok + failed), 5-minute windows; dashed: the SLOs.",
                    "percentunit",
                    Query(_recorded("errors:ratio5m"), "error rate"),
                    Query(f'max by (slo) (loadgen_slo_limit_ratio{{{RUN}, metric="error_rate"}})', "SLO {{slo}}"),
                ),
                8,
            ),
            (
                lines(
                    "Requests a second by outcome",
                    "5-minute windows. Drift of a latency means something only where the load has stayed the same.",
                    "reqps",
                    Query(_recorded("requests:rate5m"), "{{outcome}}"),
                    stacked=True,
                ),
                8,
            ),
        ],
        8,
        "Tools, errors, load",
    )


def board() -> Dashboard:
    """The dashboard."""
    rows = [
        _drift_row(),
        _latency_row(),
        _answers_row(),
        _cost_row(),
        _load_row(),
    ]
    return framed(
        "loadgen-sustained",
        "Sustained load",
        "Does it stay so, over hours and days?",
        rows,
        since="now-24h",
        refresh="1m",
    )
