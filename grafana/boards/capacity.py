"""*Capacity*: how much load can this endpoint carry within the SLOs, and at what cost? By stage and by run."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import RUN, cost, limits, quantile, quantile_of_all, rate, still_told, total
from grafana.frame import board as framed
from grafana.parts import RED, YELLOW, Panel, Query, Row, Step, cloud, grid, lines, number

_TTFT = "loadgen_time_to_first_token_seconds"
_TPOT = "loadgen_time_per_output_token_seconds"
_BY = "run_id, stage"
_OUTPUT = 'type="output"'
_OUTPUT_BY_RUN = total("loadgen_tokens_total", by="run_id", labels=_OUTPUT)


def _limit() -> str:
    """Without those of one workload or stage: the figure held against them is of all."""
    return f'loadgen_slo_limit_seconds{{{RUN}, quantile!="", workload="", stage=""}}'


def best_within_slos() -> str:
    """The highest rate of any 30 s in a measured stage in which no tail was over its limit."""
    # Over the run's age while that is below the window; below 10 s a few turns would make a record.
    age = f"time() - max by (run_id) (loadgen_run_start_timestamp_seconds{{{RUN}}})"
    ended = f'sum by (run_id) (increase(loadgen_requests_total{{{RUN}, outcome="ok"}}[30s]))'
    throughput = f"{ended} / on (run_id) clamp_max(({age}) > 10, 30)"
    over = (
        f"loadgen_latency_quantile_seconds{{{RUN}}} > on (run_id, metric, quantile) "
        f"min by (run_id, metric, quantile) ({_limit()})"
    )
    measured = f'loadgen_stage_active{{{RUN}, measured="true"}} == 1'
    # Without a limit every rate would be within it.
    limited = f"max by (run_id) ({_limit()})"
    within = f"{throughput} and on (run_id) {limited} and on (run_id) ({measured}) unless on (run_id) ({over})"
    return f"max_over_time(({within})[$__range:5s])"


def _goodput(by: str = "run_id") -> str:
    good, scheduled = (total(f"loadgen_{name}_total", by=by) for name in ("good_requests", "requests_scheduled"))
    cancelled = total("loadgen_requests_total", by=by, labels='outcome="cancelled"')
    known = still_told("loadgen_good_requests_total", "loadgen_requests_scheduled_total")
    return f"{good} / ({scheduled} - {cancelled} > 0) and on (run_id) {known}"


def _stage_rate() -> str:
    """What a run completed while it was in a stage, over how long it was."""
    chosen = f'{{{RUN}, stage=~"$stage"}}[$__range]'
    done, at = f"stage:loadgen_requests_ok:total{chosen}", f"stage:loadgen_active:timestamp_seconds{chosen}"
    grown = f"max_over_time({done}) - min_over_time({done})"
    return f"sum by ({_BY}) (({grown}) / (max_over_time({at}) - min_over_time({at}) > 0))"


def _cost(per: str, scale: int) -> Query:
    """per: a count by run."""
    return Query(f"{scale} * {cost()} / on (run_id) group_left () ({per} > 0)", "{{currency}} {{run_id}}", instant=True)


def _plane(what: str, histogram: str) -> Panel:
    return cloud(
        f"{what} p99 against throughput",
        f"One point a stage and run: completed requests a second while the stage lasted, and the p99 of {what} of "
        "its turns. The knee is the capacity: to its right more load buys only latency.",
        ("requests a second", "reqps", Query(_stage_rate(), instant=True)),
        (f"{what} p99", "s", Query(quantile_of_all(0.99, histogram, by=_BY), instant=True)),
    )


def _top() -> Row:
    return Row(
        [
            (
                number(
                    "Best rate within the SLOs",
                    "Completed requests a second in the best 30 s (10 s or more of a younger run) up to a moment "
                    "of a measured stage in which no tail was over its limit. An orientation: `loadgen sweep` "
                    "finds the highest rate with an interval. Absent without SLOs on latency.",
                    "reqps",
                    Query(best_within_slos(), "{{run_id}}", instant=True),
                ),
                6,
            ),
            (
                number(
                    "Goodput",
                    "Turns within every limit, of those scheduled and not cancelled by us. Below 95 % yellow, "
                    "below 90 % red.",
                    "percentunit",
                    Query(_goodput(), "{{run_id}}", instant=True),
                    base=RED,
                    steps=[Step(0.9, YELLOW), Step(0.95, "green")],
                ),
                4,
            ),
            (
                number(
                    "Output tokens per unit of money",
                    "What a dollar (the currency of the scenario's prices) bought. Absent where the cost is not "
                    "exactly known.",
                    "short",
                    Query(f"{_OUTPUT_BY_RUN} / on (run_id) group_right () {cost()}", "{{run_id}}", instant=True),
                ),
                5,
            ),
            (
                number(
                    "Cost of 1,000 requests",
                    "By the scenario's prices, of all turns that have ended.",
                    "short",
                    _cost(total("loadgen_requests_total", by="run_id"), 1000),
                    decimals=4,
                ),
                4,
            ),
            (
                number(
                    "Cost of a million output tokens",
                    "Input included: what the answers cost in all, by the scenario's prices.",
                    "short",
                    _cost(_OUTPUT_BY_RUN, 1_000_000),
                    decimals=4,
                ),
                5,
            ),
        ],
        4,
    )


def _course_row() -> Row:
    """As the load went: throughput, tail, what is within the SLOs."""
    within = rate("loadgen_slo_good_requests_total", by="slo", window_s=30)
    ok = rate("loadgen_requests_total", labels='outcome="ok"', window_s=30)
    return Row(
        [
            (
                lines(
                    "Throughput",
                    "Completed requests and output tokens a second, the last 30 s: the plateau is what the "
                    "server can do.",
                    "short",
                    Query(ok, "requests/s"),
                    Query(rate("loadgen_tokens_total", labels=_OUTPUT, window_s=30), "output tokens/s"),
                    logarithmic=True,
                ),
                8,
            ),
            (
                lines(
                    "TTFT p99",
                    "Of the last 30 s, within a bucket, beside the limits: the load at which it crosses is the "
                    "capacity.",
                    "s",
                    Query(quantile(0.99, _TTFT, by="run_id", window="30s"), "{{run_id}}"),
                    limits("ttft"),
                ),
                8,
            ),
            (
                lines(
                    "Turns within each SLO",
                    "Of the ok turns of the last 30 s those within the limit: which SLO gives way first. An "
                    "SLO that is restricted to a workload counts only its turns: choose that workload.",
                    "percentunit",
                    Query(f"{within} / on () group_left () ({ok} > 0)", "{{slo}}"),
                    maximum=1.0,
                ),
                8,
            ),
        ],
        8,
        "As the load went",
    )


def _stages_row() -> Row:
    """Each stage's throughput and latencies side by side."""
    table = grid(
        "Stages side by side",
        "Where the tail leaves the median behind, the stage's load is beyond the knee. Quantiles are within a bucket.",
        "s",
        ("requests/s", Query(_stage_rate(), instant=True)),
        ("TTFT p50", Query(quantile_of_all(0.5, _TTFT, by=_BY), instant=True)),
        ("TTFT p99", Query(quantile_of_all(0.99, _TTFT, by=_BY), instant=True)),
        ("TPOT p50", Query(quantile_of_all(0.5, _TPOT, by=_BY), instant=True)),
        ("TPOT p99", Query(quantile_of_all(0.99, _TPOT, by=_BY), instant=True)),
        ("goodput", Query(_goodput(_BY), instant=True)),
        units={"requests/s": "reqps", "goodput": "percentunit"},
    )
    return Row([(table, 24)], 8)


def board() -> Dashboard:
    """The dashboard."""
    rows = [
        _top(),
        Row([(_plane("TTFT", _TTFT), 12), (_plane("TPOT", _TPOT), 12)], 10, "Throughput against the tail"),
        _stages_row(),
        _course_row(),
    ]
    return framed(
        "loadgen-capacity",
        "Capacity",
        "How much load can this endpoint carry within the SLOs, and at what cost?",
        rows,
        runs=True,
        since="now-1h",
        refresh="15s",
    )
