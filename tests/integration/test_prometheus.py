"""What a scraper sees of a real run: the summary's figures, then nothing; and what promtool makes of metrics.prom."""

import re
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from loadgen.simulator.process import SimulatorProcess
from tests.integration.conftest import Start
from tests.support.command import Command, Finished, closed_load, write_scenario
from tests.support.ports import free_port
from tests.support.series import Series, imported, scraped
from tests.support.waiting import wait_for

LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
PROMTOOL = shutil.which("promtool")
HISTOGRAMS = {
    "time_to_first_token_seconds": ("latency", "ttft_s"),
    "time_to_first_output_seconds": ("latency", "ttfo_s"),
    "inter_token_latency_seconds": ("latency", "itl_s"),
    "time_per_output_token_seconds": ("latency", "tpot_s"),
    "request_duration_seconds": ("latency", "e2e_s"),
    "service_time_to_first_token_seconds": ("service", "ttft_s"),
    "schedule_lag_seconds": ("generator", "schedule_lag_s"),
}


class Scraper:
    """Scrapes an address again and again, keeping the last text that had anything in it, until told to stop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._scrape)
        self.last = b""
        self.is_empty = False
        self._thread.start()

    def _scrape(self) -> None:
        while not self._done.wait(0.2):
            try:
                with urllib.request.urlopen(self._url, timeout=10) as reply:
                    text = reply.read()
            except (ConnectionError, urllib.error.URLError):
                continue
            self.is_empty = not text
            self.last = text or self.last

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def address(command: Command) -> str:
    """Where a command has said that it can be scraped."""
    command.await_output("Prometheus: http://127.0.0.1:")
    found = re.search(r"Prometheus: (\S+)", command.output)
    assert found is not None
    return found[1]


def quantile(series: Series, name: str, q: float) -> tuple[float, float]:
    """The bucket that holds a quantile, of all cells together: its lower and upper end."""
    upto: dict[float, float] = {}
    for labels, count in series.named(f"{name}_bucket"):
        upto[float(labels["le"])] = upto.get(float(labels["le"]), 0.0) + count
    bounds = sorted(upto)
    at = next(index for index, bound in enumerate(bounds) if upto[bound] >= q * upto[bounds[-1]])
    return (bounds[at - 1] if at else 0.0), bounds[at]


Observed = tuple[Finished, bytes]


@pytest.fixture(scope="module")
def observed(fast_simulator: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """A run of two stages, two workloads and two workers, and the last text that was scraped of it."""
    folder = tmp_path_factory.mktemp("observed")
    stages = [{"name": name, "duration": "2s", "users": 4} for name in ("low", "high")]
    scenario = write_scenario(
        folder,
        workloads=[
            {"name": name, "kind": "chat", "prompt_tokens": 20, "output_tokens": 8} for name in ("chat", "docs")
        ],
        load={"arrivals": "closed", "stages": stages},
        slos=["ttft p90 < 5s", "error_rate < 5%"],
    )
    options = ("--target", fast_simulator.url, "--workers", "2", "--out", "run")
    command = Command(folder, "run", scenario, *options, env={"LOADGEN_PROMETHEUS_PORT": "0"})
    try:
        scraper = Scraper(address(command))
        try:
            finished = command.wait()
        finally:
            scraper.stop()
    finally:
        command.end()
    assert finished.completed, finished.output
    return finished, scraper.last


def test_the_last_scrape_says_what_the_summary_says(observed: Observed, fast_simulator: SimulatorProcess) -> None:
    finished, text = observed
    series, summary = scraped(text), finished.summary

    assert series.total("requests_total", outcome="ok") == summary["requests"]["ok"] > 20
    assert series.total("requests_total") == summary["requests"]["sent"]
    assert series.total("tokens_total", type="output") == summary["tokens"]["output_known"]
    assert series.total("request_tokens_sum", type="input") == summary["tokens"]["input_known"]
    assert series.total("good_requests_total") == summary["requests"]["good"]
    for name, (block, figure) in HISTOGRAMS.items():
        dist = summary[block][figure]
        assert series.total(f"{name}_count") == dist["n"], name
        assert series.total(f"{name}_sum") == pytest.approx(dist["mean"] * dist["n"], rel=1e-9)
        for q, p in ((0.5, "p50"), (0.9, "p90")):
            lower, upper = quantile(series, name, q)
            assert lower * 0.999 <= dist[p] <= upper * 1.001, (name, p)
    # All of the run lies within the window of the gauges, and all of it is measured.
    for metric in ("ttft", "itl", "tpot", "e2e"):
        for label, p in (("0.5", "p50"), ("0.9", "p90")):
            gauge = series.value("latency_quantile_seconds", metric=metric, quantile=label)
            assert gauge == pytest.approx(summary["latency"][f"{metric}_s"][p], rel=2e-3, abs=2e-6)
    for stage in summary["stages"]:
        ok = series.total("requests_total", outcome="ok", stage=stage["name"])
        assert ok == stage["requests"]["ok"]
    assert series.value("run_verdict", outcome=summary["verdict"]["outcome"]) == 1
    begun, ended = (series.value(f"run_{which}_timestamp_seconds") for which in ("start", "end"))
    assert ended - begun == pytest.approx(summary["run"]["duration_s"], abs=1e-3)

    in_file = {
        (found.name, *sorted(found.labels.items())): found.value
        for family in imported((finished.run / "metrics.prom").read_bytes())
        for found in family.samples
    }
    assert in_file == {(name, *sorted(labels.items())): value for name, labels, value in series.all}
    assert fast_simulator.url.encode() not in text


def promtool(*arguments: str, text: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    if PROMTOOL is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, timeout=60, check=False)


def test_promtool_takes_both_texts(observed: Observed, tmp_path: Path) -> None:
    finished, text = observed
    checked = promtool("check", "metrics", text=text)
    # The name of that label is a contract; everything else is as promtool wants it.
    complaints = {line for line in checked.stderr.decode().splitlines() if '"quantile" label' not in line}
    assert complaints == set()
    made = promtool(
        "tsdb", "create-blocks-from", "openmetrics", str(finished.run / "metrics.prom"), str(tmp_path / "data")
    )
    assert made.returncode == 0, made.stderr
    (tmp_path / "data" / "wal").mkdir(exist_ok=True)  # a dump wants one, which a server would have made
    dumped = promtool("tsdb", "dump", '--match=loadgen_requests_total{outcome="ok"}', str(tmp_path / "data"))
    values = [float(line.split()[-2]) for line in dumped.stdout.decode().splitlines()]
    assert sum(values) == finished.summary["requests"]["ok"]


def test_series_of_a_run_that_has_ended_vanish_while_locust_waits_for_the_next(
    fast_simulator: SimulatorProcess, tmp_path: Path
) -> None:
    port = free_port()
    env = {
        "LOADGEN_SCENARIO": write_scenario(tmp_path, load=closed_load(2, "1s")),
        "LOADGEN_TARGET": fast_simulator.url,
        "LOADGEN_OUT": str(tmp_path / "run"),
        "LOADGEN_PROMETHEUS_PORT": "0",
    }
    command = Command(
        tmp_path / "locust", "-f", str(LOCUSTFILE), "--web-port", str(port), "--autostart", env=env, module="locust"
    )
    try:
        scraper = Scraper(address(command))
        try:
            wait_for(lambda: b"loadgen_run_end_timestamp_seconds" in scraper.last, "the run's end in a scrape", 30)
            wait_for(lambda: scraper.is_empty, "an empty text", 10)
        finally:
            scraper.stop()
        command.signal(signal.SIGTERM)
        command.wait()
    finally:
        command.end()


def test_waiting_for_a_last_scrape_ends_by_ctrl_c_and_leaves_the_verdict_alone(
    start: Start, fast_simulator: SimulatorProcess, tmp_path: Path
) -> None:
    scenario = write_scenario(tmp_path, load=closed_load(2, "2s"))
    command = start("run", scenario, "--target", fast_simulator.url, "--out", "run", "--prometheus-port", "0")
    command.await_output("run 2")
    with urllib.request.urlopen(address(command), timeout=10) as reply:
        assert b"loadgen_run_info" in reply.read()
    command.await_output("waiting for Prometheus", 30)
    command.signal(signal.SIGINT)
    finished = command.wait(10)
    assert finished.completed, finished.output
