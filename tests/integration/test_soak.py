"""Soaks against a live target: drifts are seen, what is killed goes on, what fails is told, the hour has its price."""

import asyncio
import math
import os
import signal
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadgen.client.reply import Reply, Usage
from loadgen.engine.clock import Clock
from loadgen.engine.preflight import run_preflight
from loadgen.errors import ExitCode
from loadgen.history.model import Measure, Probe, Soak
from loadgen.history.store import History
from loadgen.prices import PriceList
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import Scenario, prices_of
from loadgen.scenario.overrides import Overrides
from loadgen.simulator.process import SimulatorProcess
from loadgen.soak.begin import new_soak, plan_of, soak_spec
from loadgen.soak.live import Live, run_live
from loadgen.soak.schedule import schedule_of
from loadgen.soak.sending import Line
from loadgen.soak.time import SoakTime, soak_time_s
from loadgen.swarm.scraping import ScrapeServer
from tests.support.command import Command
from tests.support.ports import free_port
from tests.support.waiting import wait_for

SCALE = 400.0
EVERY_S = 600.0
# Little of everything: a window is a second and a half.
SMALL = (
    "soak.cache.after=[5m]",
    "soak.cache.prefix_tokens=300",
    "soak.output.repeats=4",
    "soak.output.max_tokens=600",
    'soak.output.prompts={"word": "Say something."}',
    "soak.tools.sessions=1",
    "soak.latency.requests=2",
    "soak.latency.output_tokens=4",
    "request.retry.attempts=1",
)


def scenario_of(*sets: str) -> Scenario:
    return load_scenario("cost_stability", overrides=Overrides(sets=(*SMALL, *sets))).scenario


def soak_of(
    scenario: Scenario, url: str, path: Path, windows: int, *, scrapes: ScrapeServer | None = None, away: bool = False
) -> tuple[Soak, list[Probe]]:
    """A soak in this process from its beginning to its end, and what it left. away: the target has gone since."""
    spec = soak_spec(scenario, EVERY_S, windows * EVERY_S)
    findings = run_preflight(scenario, url)
    started_s = datetime.now(UTC).timestamp()
    soak = new_soak(scenario, spec, findings, target=url, time_scale=SCALE, started_s=started_s, plan="p")
    if away:
        url = f"http://127.0.0.1:{free_port()}"
    with History(path) as history:
        history.begin(soak)
        prices = prices_of(scenario, soak.model)
        assert not run_live(Live(scenario, spec, soak, history, url, prices, scrapes, lambda _line: None))
        return soak, list(history.probes(soak.id))


def series(probes: list[Probe], name: str) -> dict[int, Measure]:
    return {probe.window: probe.measures[name] for probe in probes if name in probe.measures}


def test_injected_drifts_are_seen_in_what_is_measured(tmp_path: Path) -> None:
    drifts = ["--drift", "cache_lifetime:4m@30m", "--drift", "output_tokens:2@30m"]
    more = ["--natural-lengths", "--cache-lifetime", "8m", "--time-scale", f"{SCALE:g}", *drifts]
    with SimulatorProcess(more=more) as server:
        _, probes = soak_of(scenario_of("soak.probes=[cache, output]"), server.url, tmp_path / "h.db", 6)
    # A machine that stands still at the wrong moment misses a re-check, and never measures a wrong one.
    assert {probe.outcome for probe in probes} <= {"ok", "missed"}
    assert all(
        found.value > 0.8 for found in series(probes, "cache.hit_ratio.warm").values() if found.value is not None
    )
    later = {window: found.value for window, found in series(probes, "cache.hit_ratio.after_5m").items()}
    assert all(value > 0.8 for window, value in later.items() if window < 2 and value is not None)
    assert all(value < 0.2 for window, value in later.items() if window > 3 and value is not None)
    assert len(later) >= 3
    lifetimes = series(probes, "cache.lifetime_s")
    assert all((found.low, found.high) == (300.0, None) for window, found in lifetimes.items() if window < 2)
    assert all((found.low, found.high) == (0.0, 300.0) for window, found in lifetimes.items() if window > 3)
    lengths = {window: found.value or 0 for window, found in series(probes, "output.tokens.mean.word").items()}
    assert 1.5 < lengths[5] / lengths[0] < 2.7


def test_everything_is_measured_priced_and_scraped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # However busy the machine.
    monkeypatch.setattr("loadgen.soak.lag.LOOP_LAG_S", math.inf)
    server = ScrapeServer("127.0.0.1", 0)
    with closing(server), SimulatorProcess(more=["--natural-lengths"]) as target:
        scenario = scenario_of("soak.latency.requests=20", "soak.latency.output_tokens=16", "soak.tools.sessions=4")
        soak, probes = soak_of(scenario, target.url, tmp_path / "h.db", 2, scrapes=server)
        with urllib.request.urlopen(server.url) as page:
            text = page.read().decode()
    measured = {name for probe in probes for name, measure in probe.measures.items() if measure.value is not None}
    assert measured >= {
        *("tools.overhead_s", "tools.overhead_tokens", "tools.malformed_rate", "tools.solved_rate"),
        *("latency.ttft_s.p50", "latency.e2e_s.p50", "latency.tpot_s.p50", "errors.rate.latency"),
        *("cost.per_request", "cost.per_session", "cost.per_solved_task", "cost.per_1m_output_tokens"),
        *("generator.loop_lag_s.latency", "generator.loop_lag_s.tools"),
    }
    # Twenty requests have no p99.
    assert series(probes, "latency.ttft_s.p99")[0].value is None
    assert series(probes, "tools.overhead_tokens")[0].value > 100  # type: ignore[operator]
    inside = f'run_id="{soak.id}",scenario="cost-stability",model="simulated-model"'
    assert f'loadgen_soak_probes_total{{{inside},probe="warm",outcome="ok"}}' in text
    assert f'loadgen_requests_total{{run_id="{soak.id}",scenario="cost-stability",workload="latency"' in text
    assert 'measure="tools.overhead_tokens",unit="tokens"' in text


def test_times_are_not_known_where_this_machine_was_late_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Any machine is later than this.
    monkeypatch.setattr("loadgen.soak.lag.LOOP_LAG_S", -1.0)
    with SimulatorProcess() as target:
        sizes = ("soak.latency.requests=20", "soak.latency.output_tokens=16", "soak.tools.sessions=4")
        _, probes = soak_of(scenario_of("soak.probes=[tools, latency]", *sizes), target.url, tmp_path / "h.db", 1)
    assert [probe.outcome for probe in probes] == ["ok", "ok"]
    assert all(probe.error is not None and probe.error.startswith("this machine was late itself") for probe in probes)
    times = [
        name for probe in probes for name, one in probe.measures.items() if one.unit == "s" and one.value is not None
    ]
    assert sorted(times) == ["generator.loop_lag_s.latency", "generator.loop_lag_s.tools"]
    assert series(probes, "tools.overhead_tokens")[0].value is not None
    assert series(probes, "errors.rate.latency")[0].value == 0.0


def test_unknown_cached_tokens_make_no_hits_and_no_exact_costs(tmp_path: Path) -> None:
    with SimulatorProcess(more=["--no-cached-tokens"]) as target:
        soak, probes = soak_of(scenario_of("soak.probes=[cache, output]"), target.url, tmp_path / "h.db", 1)
    assert series(probes, "cache.hit_ratio.warm")[0] == Measure(None, None, None, 0, "ratio")
    assert series(probes, "cache.lifetime_s")[0].low is None
    cost = series(probes, "cost.per_request.warm")[0]
    assert cost.value is None
    assert cost.low is not None
    assert cost.high is not None
    assert cost.low < cost.high
    assert any("does not tell cached tokens" in note for note in soak.notes)


def test_a_target_that_is_away_makes_failed_probes_and_the_soak_goes_on(tmp_path: Path) -> None:
    scenario = scenario_of("soak.probes=[cache, latency]")
    with SimulatorProcess() as target:
        _, probes = soak_of(scenario, target.url, tmp_path / "h.db", 2, away=True)
    assert [probe.outcome for probe in probes] == ["failed"] * 8
    assert all(probe.error is not None for probe in probes)
    assert series(probes, "errors.rate.latency")[1].value == 1.0
    # The first request tells: the others of the probe are not tried.
    assert series(probes, "errors.rate.latency")[1].n == 1


def test_a_target_that_hangs_gets_no_load_from_a_soak(tmp_path: Path) -> None:
    # The preflight's question is answered, nothing after it; two timeouts take longer than a window.
    scenario = scenario_of("soak.probes=[latency]", "soak.latency.requests=50", "target.timeout=1s")
    with SimulatorProcess(faults=["slow_first_byte:seconds=60s,skip=1"]) as target:
        _, probes = soak_of(scenario, target.url, tmp_path / "h.db", 2)
    first, second = probes
    assert first.outcome == "failed"
    assert first.error is not None
    assert first.error.startswith("2 requests in a row: timeout")
    assert first.measures["errors.rate.latency"].n == 2
    assert (second.outcome, second.error) == ("missed", "the same probe of an earlier window is still under way")


def test_a_second_interrupt_cuts_off_what_is_under_way(tmp_path: Path) -> None:
    scenario = scenario_of("soak.probes=[latency]", "load.grace=60s")

    def interrupt() -> bool:
        with closing(sqlite3.connect(tmp_path / "h.db")) as db:
            if not db.execute("SELECT count(*) FROM under_way").fetchone()[0]:
                return False
        os.kill(os.getpid(), signal.SIGINT)
        return True

    with SimulatorProcess(faults=["slow_first_byte:seconds=100s,skip=1"]) as target, History(tmp_path / "h.db") as kept:
        spec = soak_spec(scenario, EVERY_S, 10 * EVERY_S)
        findings = run_preflight(scenario, target.url)
        now_s = datetime.now(UTC).timestamp()
        soak = new_soak(scenario, spec, findings, target=target.url, time_scale=SCALE, started_s=now_s, plan="p")
        kept.begin(soak)
        first = threading.Thread(target=wait_for, args=(interrupt, "a probe is under way", 20))
        first.start()
        # Its first word of the interrupt brings the second.
        say = lambda _line: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        assert run_live(Live(scenario, spec, soak, kept, target.url, None, None, say))
        first.join()
        assert [probe.outcome for probe in kept.probes(soak.id)] == ["interrupted"]
        assert kept.under_way(soak.id) == {}
    assert datetime.now(UTC).timestamp() - now_s < 30


class At(SoakTime):
    """A soak at one moment."""

    def __init__(self, clock: Clock, now_s: float) -> None:
        super().__init__(now_s, 1.0, clock)
        self.at_s = now_s

    def now_s(self) -> float:
        return self.at_s


@pytest.mark.parametrize(("hour", "cost"), [(3, 2 * 1.05), (5, 1.05)])
def test_a_request_costs_what_the_hour_of_the_soak_says(hour: int, cost: float) -> None:
    peak = {"from": "01:00", "to": "04:00", "multiplier": 2.0}
    tariff = {"valid_from": "2026-01-01", "input": 1.0, "output": 10.0, "cached_input": 0.5, "peaks": [peak]}
    prices = PriceList.model_validate({"models": {"m": [tariff]}}).of("m")
    reply = Reply(ok=True, usage=Usage(input_tokens=100_000, output_tokens=100_000, cached_tokens=100_000))

    async def priced() -> float | None:
        clock = Clock(asyncio.get_running_loop())
        now_s = datetime(2026, 11, 24, hour, 30, tzinfo=UTC).timestamp()
        line = Line(None, None, At(clock, now_s), prices, clock)  # type: ignore[arg-type]
        clock.close()
        found = line.priced(reply)
        return None if found is None else found.exact

    assert asyncio.run(priced()) == pytest.approx(cost)


def probes_in(path: Path) -> list[Probe]:
    if not path.is_file():
        return []
    with History(path, create=False) as history:
        return [probe for soak in history.soaks() for probe in history.probes(soak.id)]


def ended(path: Path) -> int:
    """How many probes have ended, by a look that does not disturb."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            (count,) = db.execute("SELECT count(*) FROM probes").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0


def test_killed_at_any_moment_it_goes_on_with_what_is_left(start: Callable[..., Command], tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    sets = [word for value in (*SMALL, "soak.probes=[cache, latency]") for word in ("--set", value)]
    arguments = ["soak", "cost_stability", "--every", "10m", "--for", "1d", "--time-scale", f"{SCALE:g}"]
    arguments += ["--history", str(path), "--resume", "--simulator", "--profile fast", *sets]
    first = start(*arguments)
    wait_for(lambda: ended(path) >= 7, "some probes have ended", 40)
    first.signal(signal.SIGKILL)
    assert first.wait().code == -signal.SIGKILL
    before = probes_in(path)
    with History(path, create=False) as history:
        (soak,) = history.soaks()
    # Nobody runs it for two windows.
    later_s = max(probe.due_s for probe in before) + 3 * EVERY_S
    wait_for(lambda: soak_time_s(soak.started_s, SCALE, time.time()) > later_s, "time has passed", 20)
    second = start(*arguments)
    second.await_output("going on with the soak", 40)
    wait_for(lambda: ended(path) >= len(before) + 8, "more have ended", 40)
    second.signal(signal.SIGINT)
    interrupted = second.wait()
    after = probes_in(path)

    assert interrupted.code == ExitCode.INTERRUPTED
    assert "the same command with --resume goes on" in interrupted.output
    assert "Probes:" in interrupted.output
    with History(path, create=False) as history:
        assert history.soaks() == [soak]
    # Nothing of before is lost or changed, nothing is there twice, and what was missed is told as missed.
    assert [probe for probe in after if probe.number in {one.number for one in before}] == before
    assert len({probe.number for probe in after}) == len(after)
    spec = soak_spec(scenario_of("soak.probes=[cache, latency]"), EVERY_S, 86_400.0)
    planned = {due.number: due for due in schedule_of(plan_of(soak, spec))}
    assert all(planned[probe.number].due_s == probe.due_s for probe in after)
    assert {probe.outcome for probe in after} <= {"ok", "missed", "interrupted"}
    gone = [probe for probe in after if probe.outcome == "missed"]
    assert {probe.name for probe in gone} >= {"warm", "latency"}
    resumed_s = min(probe.began_s for probe in after if probe not in before and probe.outcome == "ok")
    assert all(probe.due_s < resumed_s for probe in gone if probe.error is None)
