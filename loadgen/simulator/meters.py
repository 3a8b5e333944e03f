"""The simulator's own figures at /metrics, in Prometheus' text format under vLLM's names.

Called by server.py. Names, labels and buckets are vLLM's (its `metrics/loggers.py`), so that a dashboard made for vLLM
shows the simulator; `http_requests_total` is what its HTTP side counts. Counting must cost nothing a token: what all
sequences of a step share is counted once a step.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

_TTFT_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0),
    *(2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
_TOKEN_S = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
_REQUEST_S = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0),
    *(40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)


class Histogram:
    """Classic buckets. bounds: upper bounds, inclusive, ascending."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value` so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """The series in text format."""
        yield f"# TYPE {name} histogram"
        totals = list(accumulate(self._counts))
        for bound, total in zip((*map(str, self._bounds), "+Inf"), totals, strict=True):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self._sum}"
        yield f"{name}_count{{{labels}}} {totals[-1]}"


class Meters:
    """Everything that is counted."""

    def __init__(self, model: str) -> None:
        quoted = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self._labels = f'engine="0",model_name="{quoted}"'
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.cache_queries = 0
        self.cache_hits = 0
        self.ttft_s = Histogram(_TTFT_S)
        self.token_s = Histogram(_TOKEN_S)
        self.e2e_s = Histogram(_REQUEST_S)
        self.finished: Counter[str] = Counter({"stop": 0, "length": 0, "abort": 0})
        self.received: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()

    def begun(self, prompt_tokens: int, cached_tokens: int, ttft_s: float) -> None:
        """A request has its first token. vLLM counts cache queries and hits in tokens."""
        self.prompt_tokens += prompt_tokens
        self.cache_queries += prompt_tokens
        self.cache_hits += cached_tokens
        self.ttft_s.observe(ttft_s)

    def stepped(self, tokens: int, gaps: int, gap_s: float) -> None:
        """A step gave so many tokens; so many of them came gap_s after their sequence's one before."""
        self.generation_tokens += tokens
        if gaps:
            self.token_s.observe(gap_s, gaps)

    def text(self, *, running: int, waiting: int, kv_usage: float) -> str:
        """The page. running, waiting: requests now; kv_usage: share of the KV cache in use."""
        lines: list[str] = []
        # The older names beside the newer: dashboards of either age find theirs.
        for name, value in (
            ("vllm:num_requests_running", running),
            ("vllm:num_requests_waiting", waiting),
            ("vllm:kv_cache_usage_perc", kv_usage),
            ("vllm:gpu_cache_usage_perc", kv_usage),
        ):
            lines += (f"# TYPE {name} gauge", f"{name}{{{self._labels}}} {value}")
        for name, value in (
            ("vllm:prompt_tokens_total", self.prompt_tokens),
            ("vllm:generation_tokens_total", self.generation_tokens),
            ("vllm:prefix_cache_queries_total", self.cache_queries),
            ("vllm:prefix_cache_hits_total", self.cache_hits),
            ("vllm:gpu_prefix_cache_queries_total", self.cache_queries),
            ("vllm:gpu_prefix_cache_hits_total", self.cache_hits),
            ("vllm:num_preemptions_total", 0),
        ):
            lines += (f"# TYPE {name} counter", f"{name}{{{self._labels}}} {value}")
        lines += self._by_label("vllm:request_success_total", self.finished, "finished_reason")
        lines += self.ttft_s.lines("vllm:time_to_first_token_seconds", self._labels)
        lines += self.token_s.lines("vllm:inter_token_latency_seconds", self._labels)
        lines += self.token_s.lines("vllm:time_per_output_token_seconds", self._labels)
        lines += self.e2e_s.lines("vllm:e2e_request_latency_seconds", self._labels)
        lines += ["# TYPE http_requests_total counter"]
        for (path, status), count in sorted(self.answered.items()):
            lines.append(f'http_requests_total{{handler="{path}",method="POST",status="{status}"}} {count}')
        # Ours: `received` counts a request before anything can go wrong with it.
        lines += self._by_label("loadgen_simulator_requests_total", self.received, "handler")
        lines += self._by_label("loadgen_simulator_faults_total", self.faults, "fault")
        return "\n".join(lines) + "\n"

    def _by_label(self, name: str, counts: Counter[str], label: str) -> list[str]:
        series = [f'{name}{{{self._labels},{label}="{value}"}} {count}' for value, count in sorted(counts.items())]
        return [f"# TYPE {name} counter", *series]
