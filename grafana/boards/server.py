"""*Server beside client*: where does the time go, in the server, before it, or here? Their series next to ours.

vLLM's names (the simulator has them too), or else SGLang's. The server's series know no run: they are the time range's.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import RUN, rate
from grafana.frame import board as framed
from grafana.parts import RED, YELLOW, Query, Row, Step, lines, number

_OURS = "loadgen_service_time_to_first_token_seconds"
_THEIRS = ("vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds")
_WINDOW = "1m"


def _either(vllm: str, sglang: str) -> str:
    return f"{vllm} or {sglang}"


_WAITING = _either("sum (vllm:num_requests_waiting)", "sum (sglang:num_queue_reqs)")
_RUNNING = _either("sum (vllm:num_requests_running)", "sum (sglang:num_running_reqs)")


def _their_quantile(q: float) -> str:
    return _either(*(f"histogram_quantile({q}, sum by (le) (rate({name}_bucket[{_WINDOW}])))" for name in _THEIRS))


def _our_quantile(q: float) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate({_OURS}_bucket{{{RUN}}}[{_WINDOW}])))"


def _mean(name: str, labels: str = "") -> str:
    chosen = f"{{{labels}}}" if labels else ""
    return f"sum (rate({name}_sum{chosen}[{_WINDOW}])) / (sum (rate({name}_count{chosen}[{_WINDOW}])) > 0)"


def _difference() -> str:
    """Exact, for means have no buckets: what lies between our socket and the server's own clock."""
    theirs = _either(*(f"({_mean(name)})" for name in _THEIRS))
    return f"({_mean(_OURS, RUN)}) - ({theirs})"


def _hits() -> str:
    queries, hits = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
    vllm = f"sum (rate({hits}[{_WINDOW}])) / (sum (rate({queries}[{_WINDOW}])) > 0)"
    return _either(vllm, "avg (sglang:cache_hit_rate)")


def _our_hits() -> str:
    """As usage tells; nothing where it leaves the cached part of some turns out, for it would come out too low."""

    def grown(name: str, kind: str) -> str:
        return f'sum (rate(loadgen_{name}_total{{{RUN}, type="{kind}"}}[{_WINDOW}]))'

    told = f"{grown('tokens', 'cached_input')} / ({grown('tokens', 'input')} > 0)"
    kept = grown("tokens_unknown_requests", "cached_input")
    return f"{told} unless {kept} > {grown('tokens_unknown_requests', 'input')}"


def _now_row() -> Row:
    """The server now, and the way to it."""
    return Row(
        [
            (
                number(
                    "Waiting in the server",
                    "Its queue now. Above 0 for long: the server is saturated, and more load buys latency only.",
                    "short",
                    Query(_WAITING),
                    steps=[Step(1, YELLOW), Step(20, RED)],
                ),
                6,
            ),
            (
                number(
                    "Running in the server",
                    "The size of its batch now.",
                    "short",
                    Query(_RUNNING),
                ),
                6,
            ),
            (
                number(
                    "KV cache in use",
                    "From 80 % yellow; from 95 % red: sequences will be preempted or wait, and prefixes be forgotten.",
                    "percentunit",
                    Query(_either("max (vllm:kv_cache_usage_perc)", "max (sglang:token_usage)")),
                    steps=[Step(0.8, YELLOW), Step(0.95, RED)],
                ),
                6,
            ),
            (
                number(
                    "TTFT: ours less the server's",
                    "Means of the last minute, ours from the send. Network, TLS and whatever stands before the "
                    "server; from 50 ms yellow, from 250 ms red: look there and not at the server.",
                    "s",
                    Query(_difference()),
                    steps=[Step(0.05, YELLOW), Step(0.25, RED)],
                ),
                6,
            ),
        ],
        4,
    )


def _queue_row() -> Row:
    """Its queue and first tokens beside ours."""
    return Row(
        [
            (
                lines(
                    "Requests: in the server and on their way",
                    "Ours in flight less the server's running and waiting are on the wire, or held by a proxy.",
                    "short",
                    Query(_RUNNING, "server: running"),
                    Query(_WAITING, "server: waiting"),
                    Query(f"sum (loadgen_requests_in_flight{{{RUN}}})", "ours: in flight"),
                ),
                12,
            ),
            (
                lines(
                    "TTFT: server and client",
                    "Of the last minute. Ours from the send; each within a bucket, and vLLM's buckets are "
                    "coarse: up to half off. The difference of the means below is exact.",
                    "s",
                    Query(_their_quantile(0.5), "server p50"),
                    Query(_our_quantile(0.5), "client p50"),
                    Query(_their_quantile(0.99), "server p99"),
                    Query(_our_quantile(0.99), "client p99"),
                ),
                12,
            ),
        ],
        9,
        "Queue and first token",
    )


def _memory_row() -> Row:
    """Where the time and the memory go."""
    return Row(
        [
            (
                lines(
                    "TTFT: difference of the means",
                    "Client (from the send) less server, the last minute. It grows with the load where "
                    "something before the server queues. Others' requests to the same server are in its mean.",
                    "s",
                    Query(_difference(), "client - server"),
                ),
                8,
            ),
            (
                lines(
                    "KV cache in use",
                    "When it is full the server preempts or queues: the capacity of a memory-bound server.",
                    "percentunit",
                    Query(_either("max (vllm:kv_cache_usage_perc)", "max (sglang:token_usage)"), "KV cache"),
                    steps=[Step(0.95, RED)],
                    maximum=1.0,
                ),
                8,
            ),
            (
                lines(
                    "Prefix hits",
                    "Share of the prompt tokens found in the cache: as the server counts it, and as its usage "
                    "tells the client. Where they differ, others use the server too, or usage leaves it out.",
                    "percentunit",
                    Query(_hits(), "server"),
                    Query(_our_hits(), "client"),
                    maximum=1.0,
                ),
                8,
            ),
        ],
        8,
        "Where the time and the memory go",
    )


def _work_row() -> Row:
    """Tokens, and what it had to begin again."""
    return Row(
        [
            (
                lines(
                    "Output tokens a second",
                    "Generated by the server, and received in turns that ended. What the server generated "
                    "beyond is of turns in flight, cut off, or somebody else's.",
                    "short",
                    Query(
                        _either(
                            "sum (rate(vllm:generation_tokens_total[$__rate_interval]))",
                            "sum (rate(sglang:generation_tokens_total[$__rate_interval]))",
                        ),
                        "server",
                    ),
                    Query(rate("loadgen_tokens_total", labels='type="output"'), "client"),
                ),
                12,
            ),
            (
                lines(
                    "Preemptions",
                    "Sequences a second that the server threw out for want of memory, to begin again: the "
                    "tail's cause when it is not 0.",
                    "short",
                    Query("sum (rate(vllm:num_preemptions_total[1m]))", "preempted"),
                    steps=[Step(0.01, RED)],
                ),
                12,
            ),
        ],
        8,
        "Work",
    )


def board() -> Dashboard:
    """The dashboard."""
    rows = [
        _now_row(),
        _queue_row(),
        _memory_row(),
        _work_row(),
    ]
    return framed(
        "loadgen-server",
        "Server beside client",
        "Where does the time go: in the server, before it, or here?",
        rows,
    )
