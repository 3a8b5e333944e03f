"""*Live run*: is this run going as it should, and is what it shows to be trusted? Watched while it lasts."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import CELL, RUN, certificate, lasting, limits, quantile, rate, total
from grafana.frame import board as framed
from grafana.parts import GREEN, GREY, RED, YELLOW, Panel, Query, Row, Step, heat, lines, number, words

_VERDICTS = {"pass": 1, "fail": 2, "inconclusive": 3, "invalid": 4, "none": 5}
_WINDOW = "the turns that ended in the last 30 s, over all workers, workloads and stages, exact (HdrHistogram)"
_TTFT = "loadgen_time_to_first_token_seconds"


def _verdict() -> str:
    """A number for the verdict, 0 while there is none."""
    known = [
        (number, lasting(f'loadgen_run_verdict{{{RUN}, outcome="{outcome}"}}')) for outcome, number in _VERDICTS.items()
    ]
    told = " or ".join(f"max by (run_id) ({number} * {series})" for number, series in known)
    return f"{told} or max by (run_id) (0 * loadgen_run_info{{{RUN}}})"


def _latest_stage() -> str:
    """One series, of the stage that was active last; every stage of the time range was so at some time."""
    latest = f"topk by (run_id) (1, max_over_time(stage:loadgen_active:timestamp_seconds{{{RUN}}}[$__range]))"
    return f"count by (stage) ({latest})"


def _latency(title: str, metric: str, what: str) -> tuple[str, str, str, Query, Query]:
    exact = Query(f'loadgen_latency_quantile_seconds{{{RUN}, metric="{metric}"}}', "q{{quantile}}")
    return title, f"{what}. Of {_WINDOW}. Dashed: the SLOs.", "s", exact, limits(metric)


def _top() -> Row:
    shares = (
        f"loadgen_latency_quantile_seconds{{{RUN}}} / on (run_id, metric, quantile) group_right () "
        f'loadgen_slo_limit_seconds{{{RUN}, workload="", stage=""}}'
    )
    failed = total("loadgen_requests_total", labels='outcome!~"ok|cancelled"')
    judged = total("loadgen_requests_total", labels='outcome!="cancelled"')
    return Row(
        [
            (
                number(
                    "Verdict",
                    "What the run was found to be, from intervals over all of it; known once it has ended. "
                    "Inconclusive means that it was too short to tell: run longer.",
                    "short",
                    Query(_verdict()),
                    mappings=words(
                        {
                            "0": ("running", "blue"),
                            "1": ("PASS", GREEN),
                            "2": ("FAIL", RED),
                            "3": ("INCONCLUSIVE", YELLOW),
                            "4": ("INVALID", RED),
                            "5": ("no SLOs", GREY),
                        }
                    ),
                ),
                4,
            ),
            (
                number(
                    "Certificate",
                    "Whether the generator kept up so far: schedule lag, loop lag and CPU within their limits. "
                    "Invalid: the figures may be the generator's doing, not the server's; see Generator health.",
                    "short",
                    Query(certificate()),
                    mappings=words({"0": ("INVALID", RED), "1": ("valid", GREEN)}),
                ),
                4,
            ),
            (
                number(
                    "Stage",
                    "The stage that the run is in, or was in last.",
                    "short",
                    Query(_latest_stage(), "{{stage}}", instant=True),
                    names=True,
                ),
                3,
            ),
            (
                number(
                    "Latency, as a share of its SLO",
                    f"Above 100 % the tail of {_WINDOW}, is over its limit. Without SLOs that are restricted to a "
                    "workload or a stage. Decides whether to go on: the verdict will be about the whole run.",
                    "percentunit",
                    Query(shares, "{{slo}}"),
                    steps=[Step(0.8, YELLOW), Step(1.0, RED)],
                ),
                9,
            ),
            (
                number(
                    "Error rate",
                    "failed / (ok + failed), of all that has ended. From 1 % on yellow, from 5 % on red.",
                    "percentunit",
                    Query(f"{failed} / ({judged} > 0)", instant=True),
                    steps=[Step(0.01, YELLOW), Step(0.05, RED)],
                ),
                4,
            ),
        ],
        4,
    )


def _load() -> Row:
    ended = rate("loadgen_requests_total", labels='outcome="ok"')
    return Row(
        [
            (
                lines(
                    "Sessions a second: offered and achieved",
                    "What the schedule asks for (open loop), what was begun, and what had to be dropped since "
                    "max_in_flight was reached. Where achieved stays below offered, the latencies are of less load "
                    "than was meant.",
                    "reqps",
                    Query(f"sum (loadgen_target_rate{{{RUN}}})", "offered"),
                    Query(rate("loadgen_sessions_total", window_s=30), "achieved, 30 s"),
                    Query(rate("loadgen_requests_dropped_total"), "dropped"),
                ),
                8,
            ),
            (
                lines(
                    "Requests a second by outcome",
                    "Turns that ended. Where a failure rises with the load, that is where the server gives up.",
                    "reqps",
                    Query(ended, "ok"),
                    Query(
                        rate("loadgen_requests_total", by="outcome", labels='outcome!="ok"'),
                        "{{outcome}}",
                    ),
                ),
                8,
            ),
            (
                lines(
                    "In flight, and what Little's law expects",
                    "Turns on their way; beside it the rate of ended turns times their mean latency (the last 30 "
                    "s). In a steady state they agree; in flight above the other means that a queue grows.",
                    "short",
                    Query(f"sum (loadgen_requests_in_flight{{{RUN}}})", "in flight"),
                    Query(rate("loadgen_request_duration_seconds_sum", window_s=30), "rate × mean latency"),
                    Query(f"sum (loadgen_sessions_active{{{RUN}}})", "sessions"),
                    Query(f"sum (loadgen_target_users{{{RUN}}})", "sessions asked for (closed loop)"),
                ),
                8,
            ),
        ],
        8,
        "Load",
    )


def _first_row() -> Row:
    """To the first output, and the gaps after it."""
    return Row(
        [
            (lines(*_latency("TTFT", "ttft", "To the first output of any kind, from the intended time")), 8),
            (lines(*_latency("TTFO", "ttfo", "To the first content or tool call, after any reasoning")), 8),
            (lines(*_latency("ITL", "itl", "Every gap between output chunks; a chunk is not a token")), 8),
        ],
        8,
        "Latency, from the intended time",
    )


def _whole_row() -> Row:
    """The pace of the output, the whole turn, and whose tail it is."""
    return Row(
        [
            (lines(*_latency("TPOT", "tpot", "(last - first output) / (output tokens - 1)")), 8),
            (lines(*_latency("End to end", "e2e", "To the end of the reply, from the intended time")), 8),
            (
                lines(
                    "TTFT p99 by workload",
                    "Which workload makes the tail. From the histograms, within a bucket (a factor of 1.25); "
                    "of the chosen workloads and stages, the last minute.",
                    "s",
                    Query(quantile(0.99, _TTFT, by="workload", window="1m"), "{{workload}}"),
                    limits("ttft"),
                ),
                8,
            ),
        ],
        8,
    )


def _spread_row() -> Row:
    """Heat maps: one number hides two kinds of requests."""
    return Row(
        [
            (_heat("TTFT", _TTFT), 8),
            (_heat("ITL", "loadgen_inter_token_latency_seconds"), 8),
            (_heat("End to end", "loadgen_request_duration_seconds"), 8),
        ],
        8,
        "How they are spread",
    )


def _work_row() -> Row:
    """What was done: tokens, turns within their limits, tool calls."""
    return Row(
        [
            (
                lines(
                    "Tokens a second",
                    "Known tokens of the turns that ended; cached input is part of the input, reasoning of the output.",
                    "short",
                    Query(rate("loadgen_tokens_total", by="type"), "{{type}}"),
                ),
                8,
            ),
            (
                lines(
                    "Goodput",
                    "Turns that met every limit, of those that were scheduled and not cancelled by us: a "
                    "dropped arrival and a failure are misses. The last 30 s.",
                    "percentunit",
                    Query(_goodput(), "goodput"),
                    Query(f'max by (slo) (loadgen_slo_limit_ratio{{{RUN}, metric="goodput"}})', "SLO {{slo}}"),
                    maximum=1.0,
                ),
                8,
            ),
            (
                lines(
                    "Tool calls a second",
                    "By what the workload found of them (right, malformed, of the wrong tool, ...); unjudged where "
                    "it doesn't look. Where mistakes rise with the load, the server answers worse and not only "
                    "slower. Only for workloads with tools.",
                    "ops",
                    Query(f"{_calls()} > 0", "{{outcome}}"),
                    stacked=True,
                ),
                8,
            ),
        ],
        8,
        "Work done",
    )


def board() -> Dashboard:
    """The dashboard."""
    rows = [
        _top(),
        _load(),
        _first_row(),
        _whole_row(),
        _spread_row(),
        _work_row(),
    ]
    return framed(
        "loadgen-live",
        "Live run",
        "Is this run going as it should, and is what it shows to be trusted?",
        rows,
        refresh="1s",
    )


def _heat(title: str, histogram: str) -> Panel:
    return heat(
        f"{title}, spread",
        "How many fell where: two bands are two kinds of requests, a band that climbs is a queue.",
        "s",
        Query(f"sum by (le) (increase({histogram}_bucket{{{CELL}}}[$__rate_interval]))", "{{le}}", heat=True),
    )


def _goodput() -> str:
    good = rate("loadgen_good_requests_total", window_s=30)
    scheduled = rate("loadgen_requests_scheduled_total", window_s=30)
    cancelled = rate("loadgen_requests_total", labels='outcome="cancelled"', window_s=30)
    # Where a turn could not be held against a limit the series ends, and what it grew by before would look like few.
    known = f"sum (loadgen_good_requests_total{{{CELL}}})"
    return f"{good} / ({scheduled} - {cancelled} > 0) and {known}"


def _calls() -> str:
    return rate("loadgen_tool_calls_total", by="outcome", window_s=30)
