"""*Generator health*: was it the server, or was it us? The certificate's figures by worker."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import CELL, RUN, certificate, quantile, rate
from grafana.frame import board as framed
from grafana.parts import GREEN, RED, YELLOW, Query, Row, Step, heat, lines, number, words

_LAG = "loadgen_schedule_lag_seconds"


def _now_row() -> Row:
    """The certificate, and what it stands on, now."""
    return Row(
        [
            (
                number(
                    "Certificate",
                    "Invalid: schedule lag p99 above 10 ms (or 5 % of the median TTFT), loop lag p99 above 20 "
                    "ms, or an engine thread above 90 % of a core for 5 s. Then add workers or machines, and "
                    "measure again.",
                    "short",
                    Query(certificate()),
                    mappings=words({"0": ("INVALID", RED), "1": ("valid", GREEN)}),
                ),
                6,
            ),
            (
                number(
                    "Busiest worker",
                    "Its engine thread's share of a core, the last second. From 70 % yellow, from 90 % (the "
                    "limit) red.",
                    "percentunit",
                    Query(f"max (loadgen_worker_cpu_ratio{{{RUN}}})"),
                    steps=[Step(0.7, YELLOW), Step(0.9, RED)],
                ),
                6,
            ),
            (
                number(
                    "Worst loop lag p99",
                    "How late an event loop was, the last 30 s. From 10 ms yellow, from 20 ms (the limit) red: "
                    "stamps are late by so much.",
                    "s",
                    Query(f"max (loadgen_worker_event_loop_lag_seconds{{{RUN}}})"),
                    steps=[Step(0.01, YELLOW), Step(0.02, RED)],
                ),
                6,
            ),
            (
                number(
                    "Workers",
                    "By state. Lost: what it had not reported, up to a second's turns, is gone; its share goes "
                    "to the others.",
                    "short",
                    Query(f"sum by (state) (loadgen_workers{{{RUN}}})", "{{state}}"),
                ),
                6,
            ),
        ],
        4,
    )


def _workers_row() -> Row:
    """Lag and CPU of each."""
    return Row(
        [
            (
                lines(
                    "Loop lag p99 by worker",
                    "As the certificate judges it, of the last 30 s; the dashed line is its limit. One worker "
                    "above the others: its core is shared.",
                    "s",
                    Query(f"loadgen_worker_event_loop_lag_seconds{{{RUN}}}", "{{worker}}"),
                    steps=[Step(0.02, RED)],
                ),
                12,
            ),
            (
                lines(
                    "CPU by worker",
                    "The engine thread's share of a core. Near 100 % the latencies are its own; the dashed "
                    "line is the limit.",
                    "percentunit",
                    Query(f"loadgen_worker_cpu_ratio{{{RUN}}}", "{{worker}}"),
                    steps=[Step(0.9, RED)],
                    maximum=1.0,
                ),
                12,
            ),
        ],
        9,
        "Workers",
    )


def _lag_row() -> Row:
    """Whether turns were sent when they were due."""
    return Row(
        [
            (
                lines(
                    "Schedule lag",
                    "From when a turn was due to when it was taken up; exact, the last 30 s. The dashed line "
                    "is the certificate's limit for its p99 (or 5 % of the median TTFT, where that is more).",
                    "s",
                    Query(f'loadgen_latency_quantile_seconds{{{RUN}, metric="schedule_lag"}}', "q{{quantile}}"),
                    steps=[Step(0.01, RED)],
                ),
                8,
            ),
            (
                lines(
                    "Schedule lag p99 by workload",
                    "Which workload is prepared too slowly: long prompts take the most. Within a bucket, the "
                    "last minute.",
                    "s",
                    Query(quantile(0.99, _LAG, by="workload", window="1m"), "{{workload}}"),
                    steps=[Step(0.01, RED)],
                ),
                8,
            ),
            (
                heat(
                    "Schedule lag, spread",
                    "A second band far above the first are turns that waited for a stalled loop.",
                    "s",
                    Query(f"sum by (le) (increase({_LAG}_bucket{{{CELL}}}[$__rate_interval]))", "{{le}}", heat=True),
                ),
                8,
            ),
        ],
        8,
        "Was it sent when it was due",
    )


def _work_row() -> Row:
    """What the generator did, and whether these curves are whole."""
    return Row(
        [
            (
                lines(
                    "Dropped arrivals",
                    "Above max_in_flight, so never sent: raise it, or take it as the server's limit.",
                    "reqps",
                    Query(rate("loadgen_requests_dropped_total"), "dropped"),
                ),
                8,
            ),
            (
                lines(
                    "Events a second",
                    "Gaps between chunks that were recorded: the work of the engines, as turns end. CPU should "
                    "follow it.",
                    "short",
                    Query(rate("loadgen_inter_token_latency_seconds_count"), "gaps"),
                ),
                8,
            ),
            (
                lines(
                    "Scrape of the master",
                    "How long Prometheus waits for the master's page. Near the scrape interval these curves have gaps.",
                    "s",
                    Query('scrape_duration_seconds{job="loadgen"}', "{{instance}}"),
                    steps=[Step(0.5, YELLOW)],
                ),
                8,
            ),
        ],
        8,
        "What it did",
    )


def board() -> Dashboard:
    """The dashboard."""
    rows = [
        _now_row(),
        _workers_row(),
        _lag_row(),
        _work_row(),
    ]
    return framed("loadgen-generator", "Generator health", "Was it the server, or was it us?", rows)
