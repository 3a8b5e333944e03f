"""The tab "LLM latency" of Locust's web UI: live it agrees with what is recorded, at the end with the summary."""

import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer, SimulatorProcess
from tests.integration.conftest import Start
from tests.support.command import Command, closed_load, open_load, write_scenario
from tests.support.ports import free_port
from tests.support.waiting import wait_for

LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START = b"user_count=2&spawn_rate=2"
Rows = dict[str, dict[str, str]]


class Tab:
    """The tab as the page sees it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def fetch(self, path: str) -> tuple[int, str]:
        """Status and body; (0, "") where nobody listens (any more)."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (ConnectionError, urllib.error.URLError):
            return 0, ""

    def post(self, path: str, form: bytes = b"") -> None:
        urllib.request.urlopen(self.url + path, data=form, timeout=30).close()

    def state(self) -> str:
        """What Locust says that it is doing; empty where nobody listens."""
        return str(self._stats().get("state", ""))

    def rows(self) -> Rows:
        """The table's rows by what they show; none where nobody listens."""
        return {row["figure"]: row for table in self._stats().get("extended_stats", []) for row in table["data"]}

    def _stats(self) -> dict[str, Any]:
        status, body = self.fetch("/stats/requests")
        return dict(json.loads(body)) if status == 200 else {}

    def announced(self, name: str) -> Any:
        """A template argument of the page."""
        page = self.fetch("/")[1]
        arguments = json.loads(page.split("window.templateArgs = ", 1)[1].split("</script>", 1)[0])
        return arguments.get(name)


def await_rows(tab: Tab, there: Callable[[Rows], object], what: str) -> Rows:
    """The rows, once this holds of them."""
    seen: list[Rows] = []

    def look() -> object:
        seen.append(tab.rows())
        return there(seen[-1])

    wait_for(look, what, 30)
    return seen[-1]


def milliseconds(text: str) -> float:
    """The number of a duration as it is shown."""
    value, unit = text.split()
    return float(value) * {"µs": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def test_during_a_run_it_shows_what_the_summary_will(
    start: Start, scripted_server: ScriptedServer, tmp_path: Path
) -> None:
    port = free_port()
    scenario = write_scenario(tmp_path, load=open_load(40, "4s"), slos=["ttft p50 < 5s"])
    command = start(
        "run", scenario, "--target", scripted_server.url, "--workers", "1", "--out", "run", "--web-port", str(port)
    )
    tab = Tab(port)
    rows = await_rows(tab, lambda found: "TTFT" in found and found["TTFT"]["n"].isdecimal() and
                      int(found["TTFT"]["n"]) >= 40, "forty turns in the tab")  # fmt: skip
    assert "steady" in rows["run"]["value"]
    assert tab.announced("extended_tabs") == [{"key": "llm-latency", "title": "LLM latency"}]
    finished = command.wait()
    # A busy machine makes any run invalid, and few seconds decide little.
    assert finished.code in (ExitCode.PASS, ExitCode.INCONCLUSIVE, ExitCode.INVALID_RUN), finished.output

    latency = finished.summary["latency"]
    assert int(rows["TTFT"]["n"]) <= latency["ttft_s"]["n"]
    assert milliseconds(rows["TTFT"]["p50"]) == pytest.approx(1e3 * latency["ttft_s"]["p50"], rel=0.5)
    assert milliseconds(rows["ITL"]["p50"]) == pytest.approx(1e3 * latency["itl_s"]["p50"], rel=0.5)
    assert milliseconds(rows["E2E"]["recent50"]) == pytest.approx(1e3 * latency["e2e_s"]["p50"], rel=0.5)
    assert float(rows["requests/s"]["value"]) == pytest.approx(40, rel=0.3)
    assert "so far" in rows["generator"]["value"]
    assert rows["goodput"]["value"] != ""


Plain = Callable[[str], tuple[Command, Tab, Path]]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Plain]:
    """Starts plain Locust for a target: the command, its UI in which nobody has pressed Start yet, its run folder."""
    commands: list[Command] = []

    def start(target: str) -> tuple[Command, Tab, Path]:
        port = free_port()
        scenario = write_scenario(tmp_path, load=closed_load(2, "60s"), slos=["ttft p50 < 5s"])
        env = {"LOADGEN_SCENARIO": scenario, "LOADGEN_TARGET": target, "LOADGEN_OUT": str(tmp_path / "run")}
        options = ("-f", str(LOCUSTFILE), "--web-port", str(port))
        commands.append(Command(tmp_path / "locust", *options, env=env, module="locust"))
        tab = Tab(port)
        wait_for(lambda: tab.state() == "ready", "the UI", 30)
        return commands[-1], tab, tmp_path / "run"

    try:
        yield start
    finally:
        for command in commands:
            command.end()


def test_between_runs_it_shows_the_last_one_and_its_report(plain: Plain, fast_simulator: SimulatorProcess) -> None:
    command, tab, folder = plain(fast_simulator.url)
    assert tab.rows()["run"]["value"] == "none yet"
    assert tab.fetch("/loadgen/report")[0] == 404
    tab.post("/swarm", START)
    await_rows(tab, lambda found: found.get("TTFT", {}).get("n", "0") not in ("0", "1"), "turns in the tab")
    tab.post("/stop")
    wait_for(lambda: tab.state() == "stopped", "the end", 30)

    summary = json.loads((folder / "summary.json").read_text())
    rows = tab.rows()
    assert "the last run, ended" in rows["run"]["value"]
    assert rows["verdict"]["value"].startswith(summary["verdict"]["outcome"])
    for name, figure in (("TTFT", "ttft_s"), ("ITL", "itl_s"), ("TPOT", "tpot_s"), ("E2E", "e2e_s")):
        assert int(rows[name]["n"].replace(",", "")) == summary["latency"][figure]["n"]
        assert milliseconds(rows[name]["p50"]) == pytest.approx(1e3 * summary["latency"][figure]["p50"], rel=0.01)
    assert f"{summary['requests']['ok']} ok" in rows["requests"]["value"]
    assert tab.fetch("/loadgen/report") == (200, (folder / "report.html").read_text())

    tab.post("/swarm", START)
    await_rows(tab, lambda found: "TTFT" in found and "ended" not in found["run"]["value"], "the next run in the tab")
    tab.post("/stop")
    command.signal(signal.SIGTERM)
    command.wait()


def test_a_run_that_never_began_says_why(plain: Plain) -> None:
    command, tab, _ = plain(f"http://127.0.0.1:{free_port()}/v1")
    tab.post("/swarm", START)
    rows = await_rows(tab, lambda found: "ended" in found.get("run", {}).get("value", ""), "the run's end")
    assert "no connection to" in rows["run"]["value"]
    command.signal(signal.SIGTERM)
    command.wait()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_it(plain: Plain, fast_simulator: SimulatorProcess, tmp_path: Path) -> None:
    command, tab, _ = plain(fast_simulator.url)
    tab.post("/swarm", START)
    await_rows(tab, lambda found: found.get("TTFT", {}).get("n", "0") not in ("0", "1"), "turns in the tab")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    url = f"{tab.url}/?tab=llm-latency"
    shown = subprocess.run(
        [str(CHROMIUM), *options, "--virtual-time-budget=5000", "--dump-dom", url],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", shown)]
    found = [cell for cell in cells if cell in ("run", "TTFT", "TTFO", "ITL", "TPOT", "E2E", "goodput", "generator")]
    assert found == ["run", "TTFT", "TTFO", "ITL", "TPOT", "E2E", "goodput", "generator"]
    assert re.fullmatch(r"mean [\d.]+ (ms|µs)", cells[cells.index("TTFT") + 1])
    tab.post("/stop")
    command.signal(signal.SIGTERM)
    command.wait()
