"""The simulator's figures in Prometheus' text format, read by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

from loadgen.simulator.meters import Meters

LABELS = {"engine": "0", "model_name": 'odd "name"\\'}


def read(meters: Meters) -> dict[tuple[str, str], float]:
    """Each sample by name and its one label beside the usual ones."""
    found = {}
    page = meters.text(running=3, waiting=2, kv_usage=0.25)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            more = [value for name, value in sample.labels.items() if name not in LABELS]
            found[sample.name, more[-1] if more else ""] = sample.value
            if sample.name.startswith("vllm:"):
                assert sample.labels.items() >= LABELS.items()
    return found


def test_names_and_values_are_vllms() -> None:
    meters = Meters(LABELS["model_name"])
    meters.begun(prompt_tokens=100, cached_tokens=32, ttft_s=0.03)
    meters.stepped(tokens=4, gaps=3, gap_s=0.02)
    meters.finished["stop"] += 1
    meters.e2e_s.observe(1.5)
    found = read(meters)
    assert found["vllm:num_requests_running", ""] == 3
    assert found["vllm:num_requests_waiting", ""] == 2
    assert found["vllm:kv_cache_usage_perc", ""] == found["vllm:gpu_cache_usage_perc", ""] == 0.25
    assert found["vllm:prompt_tokens_total", ""] == found["vllm:prefix_cache_queries_total", ""] == 100
    assert found["vllm:prefix_cache_hits_total", ""] == 32
    assert found["vllm:generation_tokens_total", ""] == 4
    assert found["vllm:request_success_total", "stop"] == 1
    assert found["vllm:request_success_total", "abort"] == 0


def test_histograms_are_cumulative_with_inclusive_bounds() -> None:
    meters = Meters("m")
    for value_s in (0.02, 0.0200001, 5000.0):
        meters.ttft_s.observe(value_s)
    meters.stepped(tokens=7, gaps=7, gap_s=0.03)
    found = {}
    for family in text_string_to_metric_families(meters.text(running=0, waiting=0, kv_usage=0)):
        for sample in family.samples:
            found[sample.name, sample.labels.get("le", "")] = sample.value
    ttft = "vllm:time_to_first_token_seconds"
    bounds = ("0.01", "0.02", "0.04", "2560.0", "+Inf")
    assert [found[f"{ttft}_bucket", bound] for bound in bounds] == [0, 1, 2, 2, 3]
    assert found[f"{ttft}_count", ""] == 3
    for name in ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"):
        assert (found[f"{name}_bucket", "0.025"], found[f"{name}_bucket", "0.05"]) == (0, 7)
        assert found[f"{name}_sum", ""] == 7 * 0.03
