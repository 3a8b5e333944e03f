"""What the simulator counts of itself, read from its /metrics."""

import urllib.request

from loadgen.simulator.process import SimulatorProcess


def figures(simulator: SimulatorProcess) -> dict[str, float]:
    """Every series by name, summed over its labels."""
    with urllib.request.urlopen(simulator.url + "/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def received(simulator: SimulatorProcess) -> int:
    """How many requests for an answer have reached it, whatever became of them."""
    return int(figures(simulator).get("loadgen_simulator_requests_total", 0))


def at_rest(simulator: SimulatorProcess) -> bool:
    """Whether no request is left in its engine."""
    now = figures(simulator)
    return now["vllm:num_requests_running"] == now["vllm:num_requests_waiting"] == 0
